"""Before anything is sent: whom it would reach, by what, and whom not and why."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.domain.outreach.choosing import Hindrance
from app.domain.outreach.decency import Purpose
from app.domain.outreach.messaging import Channel, Lane, Outlets
from app.domain.profile.risk import follow_up_priority
from app.domain.staff.contacts import StaffTaskKind, calling_hour
from app.models import CarePlan, CareTeam, Patient, RiskAssessment, Task
from app.models.outreach.reachability import AT_ONCE, gather
from app.models.outreach.recipients import Person, ladder_for
from app.models.staff.team_work import OPEN_TASK, team_task

# As which kind of message, and how urgently, each purpose is sent.
SENT_AS: Final = {
    Purpose.ALERT: ("alert-notice", Lane.CLINICAL),
    Purpose.REMINDER: ("task-reminder", Lane.TRANSACTIONAL),
    Purpose.EDUCATION: ("task-reminder", Lane.BULK),
    Purpose.SURVEY: ("task-reminder", Lane.BULK),
    Purpose.NEWS: ("task-reminder", Lane.BULK),
}
_TITLE: Final = "高风险患者收不到消息：核对电话，协助绑定小程序"
_WITHIN: Final = timedelta(days=2)
_NOT_AGAIN: Final = timedelta(days=90)
_SLOT: Final = "unreachable"


class Unreached(StrEnum):
    """Why nothing calls a patient to a message."""

    DECEASED = "deceased"
    DEATH_CHECK = "death-check"
    NO_ACCOUNT = "no-account"  # nobody has bound the record: they cannot read the inbox either
    OPTED_OUT = "opted-out"
    INBOX_ALONE = "inbox-alone"  # no channel leads to them: they find it when they come


# What a nurse can change by a call; who said no is left in peace.
_TO_BE_CALLED: Final = (Unreached.NO_ACCOUNT, Unreached.INBOX_ALONE)


@dataclass(slots=True)
class ReachReport:
    """What would happen to one message to each of some patients.

    `hindered` counts, over who has the inbox alone, why each channel does not lead to them.
    `worrying` are high-risk patients whom nothing reaches though nobody said no.
    """

    asked: int = 0
    by_channel: Counter[Channel] = field(default_factory=Counter)
    unreached: Counter[Unreached] = field(default_factory=Counter)
    hindered: Counter[tuple[Channel, Hindrance]] = field(default_factory=Counter)
    worrying: list[int] = field(default_factory=list)

    @property
    def reached(self) -> int:
        return self.by_channel.total()


@dataclass(frozen=True, slots=True)
class Calls:
    """Tasks made for nurses, and how many were not: made before, or nobody's patients."""

    made: int
    there_already: int
    without_team: int


def report_reach(
    session: Session,
    patient_ids: Iterable[int],
    purpose: Purpose,
    now: datetime,
    outlets: Outlets,
) -> ReachReport:
    """Return by which channel a message of a purpose would reach each patient; nothing is sent.

    Eleven statements for every 500 patients.
    """
    found = ReachReport()
    ids = [int(one) for one in patient_ids]
    for start in range(0, len(ids), AT_ONCE):
        people = gather(session, ids[start : start + AT_ONCE], outlets, now)
        callable_ = [
            person.patient_id
            for person in people.values()
            if _count(found, person, purpose, now, outlets) in _TO_BE_CALLED
        ]
        found.asked += len(people)
        found.worrying += _at_high_risk(session, callable_)
    return found


def _count(
    report: ReachReport, person: Person, purpose: Purpose, now: datetime, outlets: Outlets
) -> Unreached | None:
    why = _standing(report, person, purpose, now, outlets)
    if why is not None:
        report.unreached[why] += 1
    return why


def _standing(
    report: ReachReport, person: Person, purpose: Purpose, now: datetime, outlets: Outlets
) -> Unreached | None:
    if person.is_deceased:
        return Unreached.DECEASED
    if person.is_death_checked:
        return Unreached.DEATH_CHECK
    if not person.recipients:
        return Unreached.NO_ACCOUNT
    willing = person.willing(purpose)
    if not willing:
        return Unreached.OPTED_OUT
    kind, lane = SENT_AS[purpose]
    ladders = [ladder_for(person, one, kind, lane, outlets, now) for one in willing]
    for ladder in ladders:
        if ladder.rungs:
            report.by_channel[ladder.rungs[0].channel] += 1
            return None
    report.hindered.update({hindrance for one in ladders for hindrance in one.left_out.items()})
    return Unreached.INBOX_ALONE


def _at_high_risk(session: Session, patient_ids: Sequence[int]) -> Sequence[int]:
    if not patient_ids:
        return ()
    return session.scalars(
        select(RiskAssessment.patient_id)
        .where(
            RiskAssessment.patient_id.in_(patient_ids),
            RiskAssessment.score == follow_up_priority.KEY,
            RiskAssessment.band == follow_up_priority.HIGH,
            RiskAssessment.is_current.is_(True),
        )
        .order_by(RiskAssessment.patient_id)
    ).all()


def have_called(
    session: Session, patient_ids: Sequence[int], now: datetime, zone: ZoneInfo
) -> Calls:
    """Make a task for the team of each patient whom messages do not reach.

    One that is open, or was made within 90 days, stands for it.
    """
    made = there_already = without_team = 0
    for start in range(0, len(patient_ids), AT_ONCE):
        part = patient_ids[start : start + AT_ONCE]
        # The lock makes two who press at once take turns.
        departments = {
            row.id: row.department_code
            for row in session.execute(
                select(Patient.id, Patient.department_code)
                .where(Patient.id.in_(part))
                .order_by(Patient.id)
                .with_for_update()
            )
        }
        asked = _asked_lately(session, part, now)
        teams = _teams(session, departments)
        for patient_id in sorted(departments.keys() - asked):
            if patient_id not in teams:
                without_team += 1
                continue
            due_at = calling_hour(now + _WITHIN, zone)
            kind, slot = StaffTaskKind.CONTACT_CHECK, f"{_SLOT}:{now:%Y%m%d}"
            session.add(team_task(patient_id, teams[patient_id], kind, _TITLE, slot, due_at, now))
            made += 1
        there_already += len(asked)
    session.flush()
    return Calls(made, there_already, without_team)


def _asked_lately(session: Session, patient_ids: Sequence[int], now: datetime) -> set[int]:
    return set(
        session.scalars(
            select(Task.patient_id).where(
                Task.patient_id.in_(patient_ids),
                Task.slot.like(f"{_SLOT}:%"),
                or_(Task.status.in_(OPEN_TASK), Task.created_at > now - _NOT_AGAIN),
            )
        )
    )


def _teams(session: Session, departments: dict[int, str | None]) -> dict[int, int]:
    """Return whose patient each is: the newest open plan's team, the department's, the hospital's.

    As `app.models.staff.on_call` says it of one patient.
    """
    of_department = {
        team.department_code: team.id
        for team in session.scalars(select(CareTeam).order_by(CareTeam.id.desc()))
    }
    found: dict[int, int] = {}
    for patient_id, code in departments.items():
        team = of_department.get(code, of_department.get(None))
        if team is not None:
            found[patient_id] = team
    plans = session.execute(
        select(CarePlan.patient_id, CarePlan.care_team_id)
        .where(CarePlan.patient_id.in_(list(departments)), CarePlan.is_open.is_(True))
        .order_by(CarePlan.id)
    )
    return found | {row.patient_id: row.care_team_id for row in plans}
