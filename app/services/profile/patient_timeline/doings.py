"""What we and the patient did: alerts, tasks, forms, messages, tags, plans, consents."""

from collections import Counter
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import bindparam, func, or_, select

from app.domain.intake.clinical_records import FormStatus
from app.domain.outreach.messaging import TO_PATIENTS, Channel, CommunicationState
from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.domain.profile.mood import MOOD_SCALES
from app.domain.profile.record_views import EntryKind
from app.domain.profile.risk import follow_up_priority as priority
from app.domain.profile.risk import local_model
from app.domain.profile.risk.library import SCORES
from app.models import (
    Alert,
    AlertStep,
    CarePlan,
    Communication,
    Consent,
    Interaction,
    PlanDefinition,
    Practitioner,
    Questionnaire,
    QuestionnaireResponse,
    RiskAssessment,
    Rule,
    SocialHistory,
    Tag,
    TagAssignment,
    Task,
    TaskOwner,
)
from app.models.plans.questionnaire_response import is_sent
from app.models.profile.tag_reading import visible_to
from app.services.profile.patient_timeline.entries import Entry, Source

_DONE: Final = (TaskStatus.COMPLETED, TaskStatus.MISSED)
# What a channel to a patient leaves behind is one entry per message, not one per channel.
_HIDDEN: Final = (
    CommunicationState.HELD, CommunicationState.CANCELLED, CommunicationState.EXPIRED,
    CommunicationState.REFUSED, CommunicationState.DEAD,
)  # fmt: skip


def _alert_step(row: Any, at: datetime) -> Entry:
    step: AlertStep = row.AlertStep
    who = row.Practitioner.name if row.Practitioner else None
    return Entry(
        EntryKind.ALERT_STEP, step.public_id, at, row.title or "", step.kind, who=who,
        note=step.note,
    )  # fmt: skip


ALERT_STEPS: Final = Source(
    "alert-step",
    EntryKind.ALERT_STEP,
    select(
        AlertStep, Practitioner, AlertStep.id, func.coalesce(Alert.title, Rule.name).label("title")
    )
    .join(Alert, Alert.id == AlertStep.alert_id)
    .outerjoin(Rule, Rule.id == Alert.rule_id)
    .outerjoin(Practitioner, Practitioner.id == AlertStep.practitioner_id),
    Alert.patient_id.expression,
    AlertStep.public_id.expression,
    AlertStep.at.expression,
    AlertStep.id.expression,
    _alert_step,
    keys=select(AlertStep.id).join(Alert, Alert.id == AlertStep.alert_id),
)


def _task(row: Any, at: datetime) -> Entry:
    one: Task = row.Task
    is_declined = one.status_reason == TaskReason.UNABLE
    state = TaskReason.UNABLE if is_declined else one.status
    return Entry(EntryKind.TASK, one.public_id, at, one.title, state, note=one.note)


TASKS: Final = Source(
    "task",
    EntryKind.TASK,
    # A task the patient could not do says so; one the plan took back says nothing.
    select(Task, Task.id).where(
        or_(Task.status.in_(_DONE), Task.status_reason == TaskReason.UNABLE.value)
    ),
    Task.patient_id.expression,
    Task.public_id.expression,
    func.coalesce(Task.finished_at, Task.ends_at, type_=Task.ends_at.type),
    Task.id.expression,
    _task,
    patient_sees=(Task.owner == TaskOwner.PATIENT,),
)


def _form(row: Any, at: datetime) -> Entry:
    one: QuestionnaireResponse = row.QuestionnaireResponse
    key = row.key or (one.canonical or "").split("|")[0].rpartition("/")[2]
    scale = MOOD_SCALES.get(key.lower())
    title = row.title or (scale.name if scale else "外院问卷")
    score = None if one.score is None else Decimal(one.score)
    return Entry(
        EntryKind.FORM, one.public_id, at, title, one.status, value=score,
        note=scale.band(one.score) if scale else None,
    )  # fmt: skip


FORMS: Final = Source(
    "form",
    EntryKind.FORM,
    select(QuestionnaireResponse, QuestionnaireResponse.id, Questionnaire.key, Questionnaire.title)
    .outerjoin(Questionnaire, Questionnaire.id == QuestionnaireResponse.questionnaire_id)
    .where(is_sent()),
    QuestionnaireResponse.patient_id.expression,
    QuestionnaireResponse.public_id.expression,
    QuestionnaireResponse.authored_at.expression,
    QuestionnaireResponse.id.expression,
    _form,
    keys=select(QuestionnaireResponse.id).where(is_sent()),
    patient_sees=(QuestionnaireResponse.status != FormStatus.ENTERED_IN_ERROR,),
)


def _message(row: Any, at: datetime) -> Entry:
    one: Communication = row.Communication
    return Entry(EntryKind.MESSAGE, one.public_id, at, one.channel, one.state, display=one.kind)


MESSAGES: Final = Source(
    "message",
    EntryKind.MESSAGE,
    select(Communication, Communication.id).where(Communication.channel.in_(TO_PATIENTS)),
    Communication.patient_id.expression,
    Communication.public_id.expression,
    func.coalesce(
        Communication.sent_at, Communication.planned_at, type_=Communication.planned_at.type
    ),
    Communication.id.expression,
    _message,
    patient_sees=(
        Communication.channel == Channel.INBOX, Communication.state.not_in(_HIDDEN),
    ),
)  # fmt: skip


def _interactions(rows: Any, at: datetime) -> Entry:
    counts = Counter(str(row.kind) for row in rows)
    return Entry(
        EntryKind.INTERACTION, rows[0].day.isoformat(), at, "", "",
        counts=tuple(sorted(counts.items())),
    )  # fmt: skip


INTERACTIONS: Final = Source(
    "interaction",
    EntryKind.INTERACTION,
    select(Interaction.id, Interaction.kind, Interaction.day),
    Interaction.patient_id.expression,
    Interaction.day.expression,
    Interaction.at.expression,
    Interaction.id.expression,
    _interactions,
    day=Interaction.day.expression,
)


def _tag_given(row: Any, at: datetime) -> Entry:
    return _tag(row, at, "given")


def _tag_ended(row: Any, at: datetime) -> Entry:
    return _tag(row, at, "ended")


def _tag(row: Any, at: datetime, state: str) -> Entry:
    one: TagAssignment = row.TagAssignment
    who = row.Practitioner.name if row.Practitioner else None
    return Entry(
        EntryKind.TAG, one.public_id, at, row.name, state, display=one.source, who=who,
        note=one.evidence if state == "given" else None,
    )  # fmt: skip


_TAGS: Final = (
    select(TagAssignment, TagAssignment.id, Tag.name, Practitioner)
    .join(Tag, Tag.id == TagAssignment.tag_id)
    .outerjoin(Practitioner, Practitioner.id == TagAssignment.practitioner_id)
)
_TAG_KEYS: Final = (
    select(TagAssignment.id)
    .join(Tag, Tag.id == TagAssignment.tag_id)
    .where(visible_to(bindparam("practitioner_id")))  # type: ignore[arg-type]
)

TAGS_GIVEN: Final = Source(
    "tag",
    EntryKind.TAG,
    _TAGS,
    TagAssignment.patient_id.expression,
    TagAssignment.public_id.expression,
    TagAssignment.starts_at.expression,
    TagAssignment.id.expression,
    _tag_given,
    keys=_TAG_KEYS,
)
TAGS_ENDED: Final = Source(
    "tag-end",
    EntryKind.TAG,
    _TAGS,
    TagAssignment.patient_id.expression,
    TagAssignment.public_id.expression,
    TagAssignment.ends_at.expression,
    TagAssignment.id.expression,
    _tag_ended,
    keys=_TAG_KEYS.where(TagAssignment.ends_at.is_not(None)),
)


_RISK_NAMES: Final = {
    priority.KEY: priority.NAME,
    local_model.KEY: local_model.NAME,
    **{key: score.name for key, score in SCORES.items()},
}


def _risk(row: Any, at: datetime) -> Entry:
    one: RiskAssessment = row.RiskAssessment
    what = _RISK_NAMES.get(one.score, one.score)
    return Entry(
        EntryKind.RISK, one.public_id, at, what, _band(one), value=one.value, display=one.version
    )


def _band(one: RiskAssessment) -> str:
    if one.value is None or one.band is None:
        return ""
    if one.score == priority.KEY:
        return priority.band_of(one.value).name
    if one.score == local_model.KEY:
        return local_model.band_of(one.value).name
    bands = SCORES[one.score].bands if one.score in SCORES else ()
    return next((band.name for band in bands if band.key == one.band), one.band)


RISKS: Final = Source(
    "risk",
    EntryKind.RISK,
    select(RiskAssessment, RiskAssessment.id),
    RiskAssessment.patient_id.expression,
    RiskAssessment.public_id.expression,
    RiskAssessment.computed_at.expression,
    RiskAssessment.id.expression,
    _risk,
)


def _plan_begun(row: Any, at: datetime) -> Entry:
    return Entry(EntryKind.PLAN, row.CarePlan.public_id, at, row.title, "begun")


def _plan_ended(row: Any, at: datetime) -> Entry:
    return Entry(EntryKind.PLAN, row.CarePlan.public_id, at, row.title, row.CarePlan.status)


_PLANS: Final = select(CarePlan, CarePlan.id, PlanDefinition.title).join(
    PlanDefinition, PlanDefinition.id == CarePlan.plan_definition_id
)

PLANS_BEGUN: Final = Source(
    "plan",
    EntryKind.PLAN,
    _PLANS,
    CarePlan.patient_id.expression,
    CarePlan.public_id.expression,
    CarePlan.created_at.expression,
    CarePlan.id.expression,
    _plan_begun,
    keys=select(CarePlan.id),
)
PLANS_ENDED: Final = Source(
    "plan-end",
    EntryKind.PLAN,
    _PLANS,
    CarePlan.patient_id.expression,
    CarePlan.public_id.expression,
    CarePlan.ended_at.expression,
    CarePlan.id.expression,
    _plan_ended,
    keys=select(CarePlan.id).where(CarePlan.ended_at.is_not(None)),
)


def _social(row: Any, at: datetime) -> Entry:
    one: SocialHistory = row.SocialHistory
    return Entry(
        EntryKind.SOCIAL_HISTORY, one.public_id, at, one.code, one.value, display=one.stated_by,
        note=one.note,
    )  # fmt: skip


SOCIAL: Final = Source(
    "social-history",
    EntryKind.SOCIAL_HISTORY,
    select(SocialHistory, SocialHistory.id),
    SocialHistory.patient_id.expression,
    SocialHistory.public_id.expression,
    SocialHistory.at.expression,
    SocialHistory.id.expression,
    _social,
)


def _consent(row: Any, at: datetime) -> Entry:
    one: Consent = row.Consent
    state = "given" if one.is_given else "withdrawn"
    return Entry(EntryKind.CONSENT, one.public_id, at, one.purpose, state)


CONSENTS: Final = Source(
    "consent",
    EntryKind.CONSENT,
    select(Consent, Consent.id),
    Consent.patient_id.expression,
    Consent.public_id.expression,
    Consent.at.expression,
    Consent.id.expression,
    _consent,
)

DOINGS: Final = (
    ALERT_STEPS, TASKS, FORMS, MESSAGES, INTERACTIONS, TAGS_GIVEN, TAGS_ENDED, RISKS, PLANS_BEGUN,
    PLANS_ENDED, SOCIAL, CONSENTS,
)  # fmt: skip
