"""Whether messages that are about to be called are still true: what changed since they were queued.

Asked for a batch at once, in the transaction that begins the calls.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import case, func, or_, select, update
from sqlalchemy.orm import Session

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
    is_refused,
    judge_moment,
    purpose_of_kind,
)
from app.domain.outreach.messaging import CommunicationState, Lane
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.staff.contacts import StaffTaskKind
from app.domain.trust.access import Relation
from app.domain.trust.consenting import ConsentPurpose
from app.models.outreach.communication import Communication
from app.models.outreach.reachability import last_words
from app.models.plans.care_plan import Task, TaskOwner
from app.models.profile.encounter import Appointment, Encounter
from app.models.profile.patient import Patient
from app.models.staff.team_work import OPEN_TASK
from app.models.trust.account import PatientLink

_CLOSED: Final = (TaskStatus.COMPLETED, TaskStatus.MISSED, TaskStatus.CANCELLED)
_OFF: Final = (AppointmentStatus.CANCELLED, AppointmentStatus.NO_SHOW)
_ABOUT_CARE: Final = (ConsentPurpose.HEALTH_DATA, ConsentPurpose.GUARDIAN)
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
    task_id: int | None
    appointment_id: int | None
    encounter_id: int | None
    kind: str
    purpose: Purpose | None
    lane: Lane
    fallback_of_id: int | None
    first_called_at: datetime | None
    expires_at: datetime
    is_live: bool | None
    relation: Relation
    account_id: int
    of_patient_id: int
    deceased_at: datetime | None
    merged_into_id: int | None

    @property
    def is_for(self) -> Purpose:
        return self.purpose or purpose_of_kind(self.kind)


_COLUMNS: Final[tuple[Any, ...]] = (
    Communication.id, Communication.patient_id, Communication.link_id, Communication.task_id,
    Communication.appointment_id, Communication.encounter_id, Communication.kind,
    Communication.purpose, Communication.lane, Communication.fallback_of_id,
    Communication.first_called_at, Communication.expires_at, PatientLink.is_live,
    PatientLink.relation, PatientLink.account_id, PatientLink.patient_id, Patient.deceased_at,
    Patient.merged_into_id,
)  # fmt: skip


def still_true(
    session: Session,
    ids: Sequence[int],
    now: datetime,
    rules: Rules,
    zone: ZoneInfo = HOSPITAL,
) -> dict[int, Verdict]:
    """Return by message id whether it goes, is cancelled, or waits; at most eight statements.

    Messages to staff, and codes somebody waits for, hang on nothing but their task and time.
    """
    messages = session.execute(
        select(*_COLUMNS)
        .outerjoin(PatientLink, PatientLink.id == Communication.link_id)
        .outerjoin(Patient, Patient.id == PatientLink.patient_id)
        .where(Communication.id.in_(ids))
        .order_by(Communication.id)
    ).all()
    asked = [_Asked(*row) for row in messages]
    reasons = _about(session, asked, now)
    to_patients = [one for one in asked if one.link_id is not None]
    patients = sorted({one.of_patient_id for one in to_patients})
    words = last_words(session, patients) if patients else {}
    checked = _under_death_check(session, patients)
    own = _speaking_for_themselves(session, to_patients)
    counts = _Counts(session, to_patients, now, zone)
    found: dict[int, Verdict] = {}
    for one in asked:
        if one.id in reasons:
            found[one.id] = Cancel(reasons[one.id])
        elif one.link_id is None:
            found[one.id] = Cancel("expired") if one.expires_at <= now else Go()
        else:
            found[one.id] = _of_patient(one, words, checked, own, now) or counts.judge(one, rules)
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


def _of_patient(
    one: _Asked,
    words: Mapping[tuple[int, int], Mapping[str, bool]],
    checked: Collection[int],
    own: Collection[int],
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
    if any(said.get(asked) is False for asked in _ABOUT_CARE):
        return Cancel("consent-withdrawn")
    if is_refused(one.is_for, said):
        return Cancel("opted-out")
    if one.relation is not Relation.SELF and one.of_patient_id in own:
        return Cancel("speaks-for-themselves")
    if one.merged_into_id is not None:
        return _wait(one, now + _MERGING, "merging")
    if one.of_patient_id in checked:
        return _wait(one, now + _DEATH_CHECK, "death-check")
    return None


def _wait(one: _Asked, until: datetime, reason: str) -> Verdict:
    return Postpone(until, reason) if until < one.expires_at else Cancel(reason)


# ------------------------------------------------------------------------- what is asked


def _about(session: Session, messages: Sequence[_Asked], now: datetime) -> Mapping[int, str]:
    """Return the messages whose task, booking or visit is over or off, and which it is."""
    found: dict[int, str] = {}
    if any(one.encounter_id for one in messages):
        visits = select(Encounter.id).where(
            Encounter.id.in_({one.encounter_id for one in messages if one.encounter_id}),
            Encounter.status == EncounterStatus.CANCELLED,
        )
        over = set(session.scalars(visits))
        found |= {one.id: "visit-cancelled" for one in messages if one.encounter_id in over}
    if any(one.appointment_id for one in messages):
        bookings = select(Appointment.id).where(
            Appointment.id.in_({one.appointment_id for one in messages if one.appointment_id}),
            or_(Appointment.status.in_(_OFF), Appointment.starts_at < now),
        )
        over = set(session.scalars(bookings))
        found |= {one.id: "appointment-over" for one in messages if one.appointment_id in over}
    if any(one.task_id for one in messages):
        tasks = select(Task.id).where(
            Task.id.in_({one.task_id for one in messages if one.task_id}),
            Task.status.in_(_CLOSED),
            # A plan's message is done when it is queued.
            or_(Task.owner != TaskOwner.CLOCK, Task.status != TaskStatus.COMPLETED),
        )
        over = set(session.scalars(tasks))
        found |= {one.id: "task-over" for one in messages if one.task_id in over}
    return found


def _under_death_check(session: Session, patients: Sequence[int]) -> Collection[int]:
    if not patients:
        return ()
    return set(
        session.scalars(
            select(Task.patient_id).where(
                Task.patient_id.in_(patients),
                Task.kind == StaffTaskKind.CONFIRM_DEATH,
                Task.status.in_(OPEN_TASK),
            )
        )
    )


def _speaking_for_themselves(session: Session, messages: Sequence[_Asked]) -> Collection[int]:
    """Return the patients who have bound their record themselves since somebody else did."""
    proxied = {one.of_patient_id for one in messages if one.relation is not Relation.SELF}
    if not proxied:
        return ()
    return set(
        session.scalars(
            select(PatientLink.patient_id).where(
                PatientLink.patient_id.in_(proxied),
                PatientLink.relation == Relation.SELF,
                PatientLink.is_live.is_(True),
            )
        )
    )


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


def _said(
    session: Session, accounts: Collection[int], now: datetime, zone: ZoneInfo
) -> dict[tuple[int, Purpose], Said]:
    today = clock.start_of_day(now.astimezone(zone).date())
    found: dict[tuple[int, Purpose], Said] = defaultdict(Said)
    rows = session.execute(
        select(
            PatientLink.account_id, Communication.purpose, Communication.kind,
            func.sum(case((Communication.first_called_at >= today, 1), else_=0)), func.count(),
        )
        .join(PatientLink, PatientLink.id == Communication.link_id)
        .where(
            PatientLink.account_id.in_(accounts),
            Communication.first_called_at > now - _WEEK,
            Communication.fallback_of_id.is_(None),
            Communication.state.not_in(_IN_VAIN),
        )
        .group_by(PatientLink.account_id, Communication.purpose, Communication.kind)
    )  # fmt: skip
    for account_id, purpose, kind, of_today, number in rows:
        key = (account_id, purpose or purpose_of_kind(kind))
        before = found[key]
        found[key] = Said(before.today + int(of_today), before.this_week + number)
    return found
