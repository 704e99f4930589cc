"""Leaves about who a patient is and what they do: what segments ask besides results and tags."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias

from app.domain.criteria.comparing import Comparator
from app.domain.intake.hospital_records import EncounterClass, Gender


class PlanState(StrEnum):
    """How a patient stands to a care plan."""

    ACTIVE = "active"
    ON_HOLD = "on-hold"
    OVER = "over"  # was on it and is no more: completed or revoked


class Reach(StrEnum):
    """A way that leads to a patient or to someone who may act for them."""

    MINI_PROGRAM = "mini-program"  # a live link to a mini-program user
    OFFICIAL_ACCOUNT = "official-account"  # a live link to somebody who follows the account
    PHONE = "phone"  # a phone number is known


class InteractionKind(StrEnum):
    """What a patient, or someone for them, did with what we offered."""

    OPENED = "opened"  # the mini-program
    READ = "read"  # a message or an article, to its end
    CLICKED = "clicked"  # a card or a link
    WATCHED = "watched"  # a video
    REPLIED = "replied"  # in a conversation or by a form
    RATED = "rated"  # useful or not


class PreferenceKind(StrEnum):
    """What a patient would rather have; the value's form stands beside each."""

    REACH_HOUR = "reach-hour"  # "08" to "21", the hospital's clock
    DEPARTMENT = "department"  # our department code
    PRACTITIONER = "practitioner"  # the doctor's code, as the hospital's systems write it
    PRACTITIONER_GENDER = "practitioner-gender"  # FHIR administrative-gender
    INTEREST = "interest"  # a topic of articles
    CONTACT = "contact"  # text, call
    CHANNEL = "channel"  # by which messages come: mini-program, official-account, wecom, sms


@dataclass(frozen=True, slots=True)
class IsGender:
    gender: Gender


@dataclass(frozen=True, slots=True)
class InDepartment:
    """The department that looks after the patient has this code of ours."""

    code: str


@dataclass(frozen=True, slots=True)
class LivesIn:
    """The place they live in, province first (浙江省宁波市), begins so."""

    region: str


@dataclass(frozen=True, slots=True)
class Visited:
    """At least so many visits (of a class, in a department) began within the time."""

    within: timedelta
    at_least: int = 1
    encounter_class: EncounterClass | None = None
    department: str | None = None


@dataclass(frozen=True, slots=True)
class OnPlan:
    """The newest enrolment in a plan is in this state."""

    key: str
    state: PlanState = PlanState.ACTIVE


@dataclass(frozen=True, slots=True)
class Medicated:
    """An active prescription's code begins so."""

    prefix: str


@dataclass(frozen=True, slots=True)
class Measured:
    """Any judged value of `code` within the time; under `not`: none."""

    code: str
    within: timedelta


@dataclass(frozen=True, slots=True)
class Scored:
    """The newest response to a questionnaire within the time has a score that compares so."""

    questionnaire: str
    op: Comparator
    value: int
    within: timedelta


@dataclass(frozen=True, slots=True)
class Reachable:
    by: Reach


@dataclass(frozen=True, slots=True)
class Interacted:
    """At least so many interactions of a kind (with one subject) within the time."""

    kind: InteractionKind
    within: timedelta
    at_least: int = 1
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class AtRisk:
    """The current assessment of a score is in this band."""

    score: str
    band: str


@dataclass(frozen=True, slots=True)
class Prefers:
    kind: PreferenceKind
    value: str


PopulationLeaf: TypeAlias = (
    IsGender
    | InDepartment
    | LivesIn
    | Visited
    | OnPlan
    | Medicated
    | Measured
    | Scored
    | Reachable
    | Interacted
    | AtRisk
    | Prefers
)
