"""Whether messages that are about to be called are still true: what changed since they were queued.

Asked for a batch at once, in the transaction that begins the calls.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Select, bindparam, case, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from app import clock
from app.clock import HOSPITAL
from app.domain.intake.hospital_records import AppointmentStatus, EncounterStatus
from app.domain.outreach.choosing import LIMITS
from app.domain.outreach.decency import (
    Cancel,
    Go,
    Postpone,
    Purpose,
    Rules,
    Said,
    Verdict,
    has_withdrawn,
    is_refused,
    judge_moment,
    purpose_of_kind,
)
from app.domain.outreach.messaging import CommunicationState, Lane
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.staff.contacts import StaffTaskKind
from app.domain.trust.access import Relation
from app.models.outreach.communication import Communication
from app.models.outreach.reachability import last_words
from app.models.plans.care_plan import Task, TaskOwner
from app.models.profile.encounter import Appointment, Encounter
from app.models.profile.patient import Patient
from app.models.staff.team_work import OPEN_TASK
from app.models.trust.account import PatientLink

_CLOSED: Final = (TaskStatus.COMPLETED, TaskStatus.MISSED, TaskStatus.CANCELLED)
_OFF: Final = (AppointmentStatus.CANCELLED, AppointmentStatus.NO_SHOW)
_IN_VAIN: Final = (
    CommunicationState.REFUSED,
    CommunicationState.DEAD,
    CommunicationState.CANCELLED,
    CommunicationState.EXPIRED,
)
_MERGING: Final = timedelta(minutes=5)
_DEATH_CHECK: Final = timedelta(hours=4)
_WEEK: Final = timedelta(days=7)


class _Asked(NamedTuple):
    """The columns of a message that is judged, and of the link and patient it hangs on."""

    id: int
    patient_id: int | None
    link_id: int | None
    kind: str
    purpose: Purpose | None
    lane: Lane
    fallback_of_id: int | None
    first_called_at: datetime | None
    expires_at: datetime
    task_status: TaskStatus | None
    task_owner: TaskOwner | None
    appointment_status: AppointmentStatus | None
    appointment_at: datetime | None
    encounter_status: EncounterStatus | None
    is_live: bool | None
    relation: Relation
    account_id: int
    of_patient_id: int
    deceased_at: datetime | None
    merged_into_id: int | None
    is_death_checked: bool
    has_own_link: bool

    @property
    def is_for(self) -> Purpose:
        return self.purpose or purpose_of_kind(self.kind)


_Own: Final = aliased(PatientLink)
_Check: Final = aliased(Task)
# Built once: half of the time went into building it.
_ASKED: Final[Select[*tuple[Any, ...]]] = (
    select(
        Communication.id, Communication.patient_id, Communication.link_id, Communication.kind,
        Communication.purpose, Communication.lane, Communication.fallback_of_id,
        Communication.first_called_at, Communication.expires_at, Task.status, Task.owner,
        Appointment.status, Appointment.starts_at, Encounter.status, PatientLink.is_live,
        PatientLink.relation, PatientLink.account_id, PatientLink.patient_id, Patient.deceased_at,
        Patient.merged_into_id,
        exists().where(
            _Check.patient_id == PatientLink.patient_id,
            _Check.kind == StaffTaskKind.CONFIRM_DEATH,
            _Check.status.in_(OPEN_TASK),
        ),
        exists().where(
            _Own.patient_id == PatientLink.patient_id,
            _Own.relation == Relation.SELF,
            _Own.is_live.is_(True),
        ),
    )
    .outerjoin(Task, Task.id == Communication.task_id)
    .outerjoin(Appointment, Appointment.id == Communication.appointment_id)
    .outerjoin(Encounter, Encounter.id == Communication.encounter_id)
    .outerjoin(PatientLink, PatientLink.id == Communication.link_id)
    .outerjoin(Patient, Patient.id == PatientLink.patient_id)
    .where(Communication.id.in_(bindparam("ids", expanding=True)))
    .order_by(Communication.id)
)  # fmt: skip


def still_true(
    session: Session,
    ids: Sequence[int],
    now: datetime,
    rules: Rules,
    zone: ZoneInfo = HOSPITAL,
) -> dict[int, Verdict]:
    """Return by message id whether it goes, is cancelled, or waits; three statements.

    Messages to staff, and codes somebody waits for, hang on nothing but their task and time.
    """
    rows = session.execute(_ASKED, {"ids": list(ids)})
    asked = [_Asked(*row) for row in rows]
    to_patients = [one for one in asked if one.link_id is not None]
    patients = sorted({one.of_patient_id for one in to_patients})
    words = last_words(session, patients) if patients else {}
    counts = _Counts(session, to_patients, now, zone)
    found: dict[int, Verdict] = {}
    for one in asked:
        reason = _over(one, now)
        if reason is not None:
            found[one.id] = Cancel(reason)
        elif one.link_id is None:
            found[one.id] = Cancel("expired") if one.expires_at <= now else Go()
        else:
            found[one.id] = _of_patient(one, words, now) or counts.judge(one, rules)
    return found


def postpone(session: Session, verdicts: Mapping[int, Verdict]) -> None:
    """Put claimed messages back that are not to be sent yet; their limits count from then."""
    alike: dict[Postpone, list[int]] = defaultdict(list)
    for id_, verdict in verdicts.items():
        if isinstance(verdict, Postpone):
            alike[verdict].append(id_)
    for (verdict, ids), lane in product(alike.items(), Lane):
        session.execute(
            update(Communication)
            .where(Communication.id.in_(ids), Communication.lane == lane)
            .values(
                state=CommunicationState.QUEUED,
                reason=verdict.reason,
                due_at=verdict.until,
                falls_at=case((Communication.falls_at.is_not(None), verdict.until + LIMITS[lane])),
                claim_token=None,
                lease_until=None,
                in_flight=None,
            )
            .execution_options(synchronize_session="fetch")
        )


def _over(one: _Asked, now: datetime) -> str | None:
    """Return which of what a message is about is over or off."""
    if one.encounter_status is EncounterStatus.CANCELLED:
        return "visit-cancelled"
    if one.appointment_status in _OFF or (one.appointment_at and one.appointment_at < now):
        return "appointment-over"
    # A plan's message is done when it is queued.
    is_told = one.task_owner is TaskOwner.CLOCK and one.task_status is TaskStatus.COMPLETED
    return "task-over" if one.task_status in _CLOSED and not is_told else None


def _of_patient(
    one: _Asked,
    words: Mapping[tuple[int, int], Mapping[str, bool]],
    now: datetime,
) -> Verdict | None:
    """Return what stands against telling this person of this patient, whenever it is."""
    if one.is_live is None:
        return Cancel("unbound")
    if one.of_patient_id != one.patient_id:
        return Cancel("not-theirs")  # the records were parted again
    if one.deceased_at is not None:
        return Cancel("deceased")
    said = words.get((one.of_patient_id, one.account_id), {})
    if has_withdrawn(said):
        return Cancel("consent-withdrawn")
    if is_refused(one.is_for, said):
        return Cancel("opted-out")
    if one.relation is not Relation.SELF and one.has_own_link:
        return Cancel("speaks-for-themselves")
    if one.merged_into_id is not None:
        return _wait(one, now + _MERGING, "merging")
    if one.is_death_checked:
        return _wait(one, now + _DEATH_CHECK, "death-check")
    return None


def _wait(one: _Asked, until: datetime, reason: str) -> Verdict:
    return Postpone(until, reason) if until < one.expires_at else Cancel(reason)


# ------------------------------------------------------------------------- what is asked


class _Counts:
    """What each person was called for lately; those let go are counted as they go."""

    def __init__(
        self, session: Session, messages: Sequence[_Asked], now: datetime, zone: ZoneInfo
    ) -> None:
        self._now, self._zone = now, zone
        accounts = {one.account_id for one in messages if one.lane is not Lane.CLINICAL}
        self._said = _said(session, accounts, now, zone) if accounts else {}

    def judge(self, one: _Asked, rules: Rules) -> Verdict:
        key = (one.account_id, one.is_for)
        # What was called before, or stands in for such a one, is no further message.
        is_counted = one.fallback_of_id is None and one.first_called_at is None
        said: Callable[[], Said] = (
            (lambda: self._said.get(key, Said())) if is_counted else (lambda: Said())
        )
        verdict = judge_moment(
            self._now, one.expires_at, key[1], said, rules, self._zone,
            is_clinical=one.lane is Lane.CLINICAL,
        )  # fmt: skip
        if isinstance(verdict, Go) and is_counted:
            before = self._said.get(key, Said())
            self._said[key] = Said(before.today + 1, before.this_week + 1)
        return verdict


_CALLED: Final = (
    select(
        PatientLink.account_id, Communication.purpose, Communication.kind,
        func.sum(case((Communication.first_called_at >= bindparam("today"), 1), else_=0)),
        func.count(),
    )
    .join(PatientLink, PatientLink.id == Communication.link_id)
    .where(
        PatientLink.account_id.in_(bindparam("accounts", expanding=True)),
        Communication.first_called_at > bindparam("since"),
        Communication.fallback_of_id.is_(None),
        Communication.state.not_in(_IN_VAIN),
    )
    .group_by(PatientLink.account_id, Communication.purpose, Communication.kind)
)  # fmt: skip


def _said(
    session: Session, accounts: Collection[int], now: datetime, zone: ZoneInfo
) -> dict[tuple[int, Purpose], Said]:
    found: dict[tuple[int, Purpose], Said] = defaultdict(Said)
    given = {
        "accounts": list(accounts),
        "today": clock.start_of_day(now.astimezone(zone).date()),
        "since": now - _WEEK,
    }
    for account_id, purpose, kind, of_today, number in session.execute(_CALLED, given):
        key = (account_id, purpose or purpose_of_kind(kind))
        before = found[key]
        found[key] = Said(before.today + int(of_today), before.this_week + number)
    return found
