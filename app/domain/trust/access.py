"""Who may come in by which door, and what staff of each role may do. Closed by default."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final


class Audience(StrEnum):
    """Whom a route serves."""

    ANYONE = "anyone"
    WECHAT_USER = "wechat-user"  # signed in; may be linked to no patient yet
    STAFF = "staff"
    PLATFORM = "platform"  # WeChat, WeCom, a device's cloud: known by the signature of each message
    DEMO = "demo"  # exists only while the demo runs
    SYSTEM = "system"  # another system of the hospital, known by a bearer token


class Permission(StrEnum):
    READ_PATIENT = "read-patient"
    HANDLE_ALERT = "handle-alert"
    MANAGE_STAFF = "manage-staff"
    READ_AUDIT = "read-audit"
    RESOLVE_IDENTITY = "resolve-identity"  # say which records are one person
    OWN_SESSION = "own-session"  # come in, see one's menu, leave
    WATCH_FEEDS = "watch-feeds"
    REPLAY_MESSAGE = "replay-message"
    # Pause and open routes, send dead letters again or cancel them.
    DIRECT_SENDING = "direct-sending"
    # Break-glass: each time with a reason, recorded, shown once.
    READ_RAW_MESSAGE = "read-raw-message"
    DECIDE_TAGS = "decide-tags"  # give and take a patient's tags, settle proposals
    MANAGE_TAGS = "manage-tags"  # the library itself
    USE_SEGMENTS = "use-segments"
    MANAGE_RULES = "manage-rules"  # read what rules did, ask them of the past, switch them off
    KEEP_ROSTER = "keep-roster"  # say who answers alerts and when
    READ_REPORTS = "read-reports"  # figures that name no patient
    MANAGE_FORMS = "manage-forms"  # see which forms there are, in every version, and their use
    ENROL = "enrol"  # put one's patients on plans, let plans rest, go on, end
    DESIGN_PLANS = "design-plans"  # drafts, ways in, moving to a new version
    APPROVE_PLANS = "approve-plans"  # another's draft, never one's own
    SIGN_REFILLS = "sign-refills"  # agree that a long prescription be refilled, or decline
    MAP_TERMS = "map-terms"  # codes and names of tests and departments: nothing of a patient


class StaffRole(StrEnum):
    NURSE = "nurse"
    DOCTOR = "doctor"
    HEAD_NURSE = "head-nurse"
    OPERATOR = "operator"  # 信息科: runs the system, reads no record
    AUDITOR = "auditor"


_GRANTS: Final[dict[StaffRole, frozenset[Permission]]] = {
    StaffRole.NURSE: frozenset(
        {
            Permission.READ_PATIENT,
            Permission.HANDLE_ALERT,
            Permission.DECIDE_TAGS,
            Permission.ENROL,
        }
    ),
    StaffRole.DOCTOR: frozenset(
        {
            Permission.READ_PATIENT,
            Permission.HANDLE_ALERT,
            Permission.RESOLVE_IDENTITY,
            Permission.DECIDE_TAGS,
            Permission.USE_SEGMENTS,
            Permission.MANAGE_RULES,
            Permission.KEEP_ROSTER,
            Permission.READ_REPORTS,
            Permission.MANAGE_FORMS,
            Permission.ENROL,
            Permission.DESIGN_PLANS,
            Permission.APPROVE_PLANS,
            Permission.SIGN_REFILLS,
        }
    ),
    StaffRole.HEAD_NURSE: frozenset(
        {
            Permission.READ_PATIENT,
            Permission.HANDLE_ALERT,
            Permission.RESOLVE_IDENTITY,
            Permission.DECIDE_TAGS,
            Permission.MANAGE_TAGS,
            Permission.USE_SEGMENTS,
            Permission.MANAGE_RULES,
            Permission.KEEP_ROSTER,
            Permission.READ_REPORTS,
            Permission.MANAGE_FORMS,
            Permission.ENROL,
            Permission.DESIGN_PLANS,
            Permission.APPROVE_PLANS,
            Permission.MAP_TERMS,
        }
    ),
    StaffRole.OPERATOR: frozenset(
        {
            Permission.MANAGE_STAFF,
            Permission.WATCH_FEEDS,
            Permission.REPLAY_MESSAGE,
            Permission.DIRECT_SENDING,
            Permission.READ_RAW_MESSAGE,
            Permission.MAP_TERMS,
        }
    ),
    StaffRole.AUDITOR: frozenset({Permission.READ_AUDIT}),
}


def may(role: StaffRole, permission: Permission) -> bool:
    return permission is Permission.OWN_SESSION or permission in _GRANTS[role]


class Scope(StrEnum):
    """What another system may do with records."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class SystemClient:
    """Another system; `token_digest` is the SHA-256 of its token, `source` the name of its feed."""

    name: str
    token_digest: bytes
    scopes: frozenset[Scope]
    source: str
    networks: tuple[IPv4Network | IPv6Network, ...]

    def is_at(self, address: str) -> bool:
        """Tell whether the system may speak from an address."""
        try:
            peer = ip_address(address)
        except ValueError:
            return False
        return any(peer in network for network in self.networks)


def client_of_token(clients: Iterable[SystemClient], token: str) -> SystemClient | None:
    """Return whose token it is; every client is compared, so that time tells nothing."""
    given = hashlib.sha256(token.encode()).digest()
    found = None
    for client in clients:
        if secrets.compare_digest(client.token_digest, given):
            found = client
    return found


@dataclass(frozen=True, slots=True)
class Policy:
    """The rule on one route; `why` is asked for where the door stands open."""

    audience: Audience
    permission: Permission | None = None
    why: str = ""
    scope: Scope | None = None

    def __post_init__(self) -> None:
        if self.audience in (Audience.ANYONE, Audience.PLATFORM) and not self.why:
            raise ValueError("an open route says why")
        if (self.audience is Audience.STAFF) != (self.permission is not None):
            raise ValueError("a staff route names its permission, no other route does")
        if (self.audience is Audience.SYSTEM) != (self.scope is not None):
            raise ValueError("a route for systems names its scope, no other route does")


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

    kind: str  # wechat-account, practitioner, job, operator, system
    id: int | None
    origin: str = ""  # request, job or command id
