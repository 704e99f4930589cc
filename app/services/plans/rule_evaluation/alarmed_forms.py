"""Forms whose answers alarmed before they were sent: the rule takes that alert over."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.plans.questionnaires import Questionnaire as Form
from app.domain.plans.questionnaires import parse_questionnaire, read_written, required_reactions
from app.domain.plans.rules import Hit
from app.domain.staff.alert_clock import AlertClock, first_level
from app.domain.staff.alerting import AlertStatus
from app.domain.staff.answer_alerts import told_line, told_of, waiting_for
from app.models import Alert, AlertStep, CarePlan, Event, FiringDeed, QuestionnaireResponse, Rule

_CLOCK: Final = AlertClock()


@dataclass(frozen=True, slots=True)
class AlarmedForm:
    """A form that was sent; `told` are the questions whose answers its alert tells of already.

    `must_be_heard` are those whose answers some rule has to react to.
    """

    response_id: int
    form: Form
    alert_id: int
    must_be_heard: frozenset[str]
    told: frozenset[str]

    @classmethod
    def of(cls, session: Session, response_id: int) -> "AlarmedForm | None":
        """Return the form as far as an alert tells of it, None where none does."""
        steps = session.scalars(
            select(AlertStep).filter_by(response_id=response_id).order_by(AlertStep.id)
        ).all()
        response = session.get_one(QuestionnaireResponse, response_id)
        if not steps or response.questionnaire is None:
            return None
        form = parse_questionnaire(response.questionnaire.definition)
        answers = read_written(response.answers)
        lines = told_of((step.kind, step.note) for step in steps)
        asked = [link_id for link_id, _ in required_reactions(form, answers)]
        return cls(
            response_id=response_id,
            form=form,
            alert_id=steps[-1].alert_id,
            must_be_heard=frozenset(asked),
            told=frozenset(one for one in asked if told_line(form, one, answers) in lines),
        )

    def told_all_of(self, hit: Hit) -> bool:
        """Tell whether everything of the form that this rule reacts to has been told already.

        What the rule looks at counts, not the branch by which it happened to hold.
        """
        heard = waiting_for(hit.rule, self.form) & self.must_be_heard
        return bool(heard) and heard <= self.told


def take_over(
    session: Session,
    plan: CarePlan,
    hit: Hit,
    now: datetime,
    zone: ZoneInfo,
    form: AlarmedForm,
    cause: Event | None,
) -> tuple[FiringDeed, Alert | None] | None:
    """Let the rule's alert be the one the draft raised; None where the rule needs one of its own.

    The team hears again only of what is graver than the draft could say. An alert that staff have
    closed since answers for the same or less; what is graver opens anew.
    """
    if not form.told_all_of(hit) or _has_own(session, plan.patient_id, hit.rule.episode):
        return None
    alert = session.get_one(Alert, form.alert_id, with_for_update=True)
    is_graver = hit.rule.grade.is_worse_than(alert.grade)
    if alert.is_open is None:
        return None if is_graver else (FiringDeed.ACTED, alert)
    if alert.rule_id is None or is_graver:
        _stand_on(session, alert, hit)
    alert.hits += 1
    alert.last_hit_at = now
    if is_graver:
        alert.grade, alert.status = hit.rule.grade, AlertStatus.ACTIVE
        alert.owner_id = alert.told_with_id = None
        alert.level = max(alert.level, first_level(hit.rule.grade))
        alert.acknowledge_by = _CLOCK.acknowledge_by(hit.rule.grade, now, zone)
    session.add(
        AlertStep(
            alert_id=alert.id, kind="worsened" if is_graver else "appended",
            response_id=form.response_id, note="\n".join(hit.lines), at=now,
        )
    )  # fmt: skip
    # The patient has seen the draft's words on the screen alone; these stay in the inbox.
    told = "alert.worsened" if is_graver else "alert.patient-told"
    session.add(Event.of(told, now, patient_id=alert.patient_id, cause=cause, alert_id=alert.id))
    return FiringDeed.ACTED, alert


def _stand_on(session: Session, alert: Alert, hit: Hit) -> None:
    """Give the alert the rule's name, words and episode, so that later hits append to it."""
    alert.rule = session.scalars(
        select(Rule).filter_by(key=hit.rule.key, version=hit.rule.version)
    ).one()
    alert.title = alert.basis = alert.questionnaire = None
    alert.episode = hit.rule.episode
    alert.explanation = "\n".join([alert.explanation or "", *hit.lines])


def _has_own(session: Session, patient_id: int, episode: str) -> bool:
    own = select(Alert.id).filter_by(patient_id=patient_id, episode=episode, is_open=True)
    return session.scalar(own) is not None
