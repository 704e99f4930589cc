"""Who may come in by which door, and what staff of each role may do. Closed by default."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Audience(StrEnum):
    """Whom a route serves."""

    ANYONE = "anyone"
    WECHAT_USER = "wechat-user"  # signed in; may be linked to no patient yet
    STAFF = "staff"
    PLATFORM = "platform"  # WeChat or WeCom, known by the signature of each message
    DEMO = "demo"  # exists only while the demo runs


class Permission(StrEnum):
    READ_PATIENT = "read-patient"
    HANDLE_ALERT = "handle-alert"
    MANAGE_STAFF = "manage-staff"
    READ_AUDIT = "read-audit"
    OWN_SESSION = "own-session"  # come in, see one's menu, leave
    WATCH_FEEDS = "watch-feeds"
    REPLAY_MESSAGE = "replay-message"
    # Break-glass: each time with a reason, recorded, shown once.
    READ_RAW_MESSAGE = "read-raw-message"


class StaffRole(StrEnum):
    NURSE = "nurse"
    DOCTOR = "doctor"
    HEAD_NURSE = "head-nurse"
    OPERATOR = "operator"  # 信息科: runs the system, reads no record
    AUDITOR = "auditor"


_GRANTS: Final[dict[StaffRole, frozenset[Permission]]] = {
    StaffRole.NURSE: frozenset({Permission.READ_PATIENT, Permission.HANDLE_ALERT}),
    StaffRole.DOCTOR: frozenset({Permission.READ_PATIENT, Permission.HANDLE_ALERT}),
    StaffRole.HEAD_NURSE: frozenset({Permission.READ_PATIENT, Permission.HANDLE_ALERT}),
    StaffRole.OPERATOR: frozenset(
        {
            Permission.MANAGE_STAFF,
            Permission.WATCH_FEEDS,
            Permission.REPLAY_MESSAGE,
            Permission.READ_RAW_MESSAGE,
        }
    ),
    StaffRole.AUDITOR: frozenset({Permission.READ_AUDIT}),
}


def may(role: StaffRole, permission: Permission) -> bool:
    return permission is Permission.OWN_SESSION or permission in _GRANTS[role]


@dataclass(frozen=True, slots=True)
class Policy:
    """The rule on one route; `why` is asked for where the door stands open."""

    audience: Audience
    permission: Permission | None = None
    why: str = ""

    def __post_init__(self) -> None:
        if self.audience in (Audience.ANYONE, Audience.PLATFORM) and not self.why:
            raise ValueError("an open route says why")
        if (self.audience is Audience.STAFF) != (self.permission is not None):
            raise ValueError("a staff route names its permission, no other route does")


class Relation(StrEnum):
    """What a WeChat user is to a patient (FHIR RelatedPerson.relationship, shortened)."""

    SELF = "self"
    CHILD = "child"  # the patient is the user's child
    PARENT = "parent"  # the patient is the user's parent
    SPOUSE = "spouse"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: for the audit trail and for every query's object access."""

    kind: str  # wechat-account, practitioner, job, operator
    id: int | None
    origin: str = ""  # request, job or command id
