"""How satisfied patients are, by question, department and team, from the forms they sent."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.intake.clinical_records import FormStatus
from app.domain.plans.questionnaires import parse_questionnaire
from app.domain.staff.contacts import StaffTaskKind
from app.domain.staff.satisfaction import FORM, OVERALL, Figure, figure
from app.models import (
    CarePlan,
    CareTeam,
    Department,
    Patient,
    Questionnaire,
    QuestionnaireResponse,
    Task,
)
from app.models.staff.team_work import OPEN_TASK

_COUNTED: Final = (FormStatus.COMPLETED, FormStatus.AMENDED)


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    figure: Figure


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """What forms sent in a span of time say; `complaints` of that time, and still open."""

    overall: Figure
    questions: Sequence[Line]
    departments: Sequence[Line]
    teams: Sequence[Line]
    complaints: int
    open_complaints: int


def read_satisfaction(session: Session, since: datetime, until: datetime) -> Satisfaction:
    """Return the figures of forms answered from `since` up to `until`.

    A form counts for the team whose plan asked for it, and for the patient's department.
    """
    rows = session.execute(
        select(
            QuestionnaireResponse.scale_scores,
            func.coalesce(Department.name, Patient.department_code),
            CareTeam.name,
        )
        .join(Questionnaire, Questionnaire.id == QuestionnaireResponse.questionnaire_id)
        .join(Patient, Patient.id == QuestionnaireResponse.patient_id)
        .outerjoin(Department, Department.code == Patient.department_code)
        .outerjoin(Task, Task.id == QuestionnaireResponse.task_id)
        .outerjoin(CarePlan, CarePlan.id == Task.care_plan_id)
        .outerjoin(CareTeam, CareTeam.id == CarePlan.care_team_id)
        .where(
            Questionnaire.key == FORM,
            QuestionnaireResponse.status.in_(_COUNTED),
            QuestionnaireResponse.authored_at >= since,
            QuestionnaireResponse.authored_at < until,
        )
    )
    forms: list[Mapping[str, Decimal]] = []
    departments: dict[str, list[Mapping[str, Decimal]]] = defaultdict(list)
    teams: dict[str, list[Mapping[str, Decimal]]] = defaultdict(list)
    for scores, department, team in rows:
        form = _values(scores)
        forms.append(form)
        departments[department or "未登记科室"].append(form)
        teams[team or "不是由团队发出的"].append(form)
    made, still_open = _complaints(session, since, until)
    return Satisfaction(
        overall=figure(forms),
        questions=[Line(name, figure(forms, [key])) for key, name in _questions(session)],
        departments=_lines(departments),
        teams=_lines(teams),
        complaints=made,
        open_complaints=still_open,
    )


def _values(scores: Mapping[str, Any] | None) -> Mapping[str, Decimal]:
    """Return the points of each question; the mean of all is no question."""
    return {key: Decimal(told["value"]) for key, told in (scores or {}).items() if key != OVERALL}


def _lines(groups: Mapping[str, Sequence[Mapping[str, Decimal]]]) -> Sequence[Line]:
    return [Line(name, figure(forms)) for name, forms in sorted(groups.items())]


def _questions(session: Session) -> Sequence[tuple[str, str]]:
    """Return key and name of each question, as the newest version has them."""
    newest = session.scalar(
        select(Questionnaire).filter_by(key=FORM).order_by(Questionnaire.version.desc()).limit(1)
    )
    if newest is None:
        return []
    scales = parse_questionnaire(newest.definition).scales
    return [(scale.key, scale.title) for scale in scales if scale.key != OVERALL]


def _complaints(session: Session, since: datetime, until: datetime) -> tuple[int, int]:
    made = select(func.count()).where(
        Task.kind == StaffTaskKind.COMPLAINT, Task.created_at >= since, Task.created_at < until
    )
    still_open = made.where(Task.status.in_(OPEN_TASK))
    return session.scalar(made) or 0, session.scalar(still_open) or 0
