"""Tags from what people write: forms, notes, reports; what is said in conversations comes too.

A reading is not kept: what it gives are tags with the sentence as evidence, on a basis that names
the row (`text:response:<public id>`). Reading a row again, or after it changed, leaves exactly
what its words say now.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.definitions import InvalidDefinition
from app.domain.intake.clinical_records import FormStatus, ReportStatus
from app.domain.intake.hospital_records import ObservationStatus
from app.domain.plans.questionnaires import ItemType, parse_questionnaire
from app.domain.profile.tagging import TagDefinition
from app.domain.text.learned import LinearModel, features, model_from
from app.domain.text.phrases import Flag
from app.domain.text.polarity import Writer
from app.domain.text.reading import Channel, Reading, read_text
from app.domain.text.tagging import LONGEST_EVIDENCE, TextPack
from app.domain.trust.access import Relation
from app.models.event import Event
from app.models.plans.care_plan import Task
from app.models.plans.questionnaire_response import QuestionnaireResponse
from app.models.profile.clinical import DiagnosticReport
from app.models.profile.observation import Observation, Origin
from app.models.profile.risk import ModelKind, TrainedModel
from app.models.profile.tag_installing import install_tags
from app.models.profile.tagging import FoundTag, Judged, TagSource, propose
from app.models.trust.account import PatientLink

log = structlog.get_logger()

# Flags that must be seen by somebody, whatever becomes of the tags.
ALARMING: Final = (Flag.SUICIDE, Flag.URGENT)
_GONE_REPORTS: Final = frozenset({ReportStatus.CANCELLED, ReportStatus.ENTERED_IN_ERROR})


@dataclass(frozen=True, slots=True)
class SourceRow:
    """The row a text stands in: `kind` as evidence names it, its outward and its inward id."""

    kind: str
    public_id: str
    id: int

    @property
    def named(self) -> str:
        return f"{self.kind}:{self.public_id}"


def tag_text(
    session: Session,
    patient_id: int,
    text: str | Iterable[str],
    channel: Channel,
    source_row: SourceRow,
    now: datetime,
    pack: TextPack,
    *,
    writer: Writer | None = None,
    cause: Event | None = None,
) -> list[Reading]:
    """Read what stands in a row and give, propose and take back tags accordingly.

    Several texts of one row (the answers of a form) count as one; none takes back all that the
    row gave. The same again changes nothing.
    """
    texts = [text] if isinstance(text, str) else list(text)
    readings = [(one, read_text(one, pack.words, channel, writer)) for one in texts if one.strip()]
    _take_back_what_is_contradicted(session, patient_id, readings, pack, now, cause)
    found = _found(readings, pack, source_row)
    propose(
        session, patient_id, found, now, cause=cause,
        judged=Judged(TagSource.TEXT, basis=f"text:{source_row.named}"),
    )  # fmt: skip
    heard = {one.tag_key for one in found}
    opinions = _opinions(session, readings, channel, pack, source_row)
    propose(
        session, patient_id, [one for one in opinions if one.tag_key not in heard], now,
        cause=cause, judged=Judged(TagSource.MODEL, basis=f"model:{source_row.named}"),
    )  # fmt: skip
    _tell_of_flags(session, patient_id, readings, source_row, now, cause)
    return [reading for _, reading in readings]


def tag_response(
    session: Session, response_id: int, now: datetime, pack: TextPack, cause: Event | None = None
) -> None:
    """Read what a patient, or family for them, wrote into a form."""
    response = session.get_one(QuestionnaireResponse, response_id)
    is_void = response.status is FormStatus.ENTERED_IN_ERROR
    tag_text(
        session, response.patient_id, [] if is_void else _written_answers(response),
        Channel.FOLLOW_UP, SourceRow("response", response.public_id, response.id), now, pack,
        writer=_writer(session, response), cause=cause,
    )  # fmt: skip


def tag_task_note(
    session: Session, task_id: int, now: datetime, pack: TextPack, cause: Event | None = None
) -> None:
    """Read why a patient says that they cannot do a task, in their own words."""
    task = session.get_one(Task, task_id)
    # Before the colon stands the reason they chose from our list (`give_up`).
    _, _, words = (task.note or "").partition("：")
    row = SourceRow("task", task.public_id, task.id)
    tag_text(session, task.patient_id, words, Channel.FOLLOW_UP, row, now, pack, cause=cause)


def tag_report(
    session: Session, report_id: int, now: datetime, pack: TextPack, cause: Event | None = None
) -> None:
    """Read the conclusion of a report; a cancelled one takes back what it gave."""
    report = session.get_one(DiagnosticReport, report_id)
    text = "" if report.status in _GONE_REPORTS else report.conclusion or ""
    row = SourceRow("report", report.public_id, report.id)
    tag_text(session, report.patient_id, text, Channel.RECORD, row, now, pack, cause=cause)


def tag_observation_note(
    session: Session, observation_id: int, now: datetime, pack: TextPack, cause: Event | None = None
) -> None:
    """Read the note beside a value; a version that is not current any more says nothing."""
    observation = session.get_one(Observation, observation_id)
    if observation.note_sealed is None:
        return  # as nearly all: a version's note does not change, so it never gave anything
    stands = observation.is_current and observation.status is not ObservationStatus.ENTERED_IN_ERROR
    channel = Channel.FOLLOW_UP if observation.origin is Origin.HOME else Channel.RECORD
    row = SourceRow("observation", observation.public_id, observation.id)
    tag_text(
        session, observation.patient_id, (observation.note or "") if stands else "", channel, row,
        now, pack, cause=cause,
    )  # fmt: skip


def install_text_tags(
    session: Session, definitions: Sequence[TagDefinition], now: datetime
) -> None:
    """Bring the tags that texts may give into the library; what the hospital changed is kept."""
    install_tags(session, "text", definitions, (), now)


def _found(
    readings: Iterable[tuple[str, Reading]], pack: TextPack, row: SourceRow
) -> list[FoundTag]:
    surest: dict[str, FoundTag] = {}
    for text, reading in readings:
        for one in pack.tags.tags_of(text, reading, pack.words.lexicon):
            kept = surest.get(one.tag)
            if kept is None or one.confidence > kept.confidence:
                surest[one.tag] = FoundTag(
                    one.tag, one.confidence, TagSource.TEXT, f"text:{row.named}", one.evidence,
                    _evidence_of(row),
                )  # fmt: skip
    return list(surest.values())


def _take_back_what_is_contradicted(
    session: Session,
    patient_id: int,
    readings: Iterable[tuple[str, Reading]],
    pack: TextPack,
    now: datetime,
    cause: Event | None,
) -> None:
    against = {
        tag
        for _, reading in readings
        for tag in pack.tags.taken_back_by(reading, pack.words.lexicon)
    }
    for source in (TagSource.TEXT, TagSource.MODEL) if against else ():
        propose(session, patient_id, [], now, judged=Judged(source, against), cause=cause)


def _opinions(
    session: Session,
    readings: Iterable[tuple[str, Reading]],
    channel: Channel,
    pack: TextPack,
    row: SourceRow,
) -> list[FoundTag]:
    """Return what the trained models say; they were trained on what patients write."""
    readings = list(readings)
    if channel is Channel.RECORD or not readings:
        return []
    table = pack.tags.opinions
    surest: dict[str, FoundTag] = {}
    for model in _models_in_use(session, table.tags):
        tag = table.tags[model.label]
        for text, _ in readings:
            chance = Decimal(str(round(model.probability(features(text)), 3)))
            if chance >= table.at_least and (tag not in surest or chance > surest[tag].confidence):
                surest[tag] = FoundTag(
                    tag, chance, TagSource.MODEL,
                    f"model:{row.named}:{model.label}@{model.version}",
                    text.strip()[:LONGEST_EVIDENCE], _evidence_of(row),
                )  # fmt: skip
    return [replace(one, confidence=min(one.confidence, table.at_most)) for one in surest.values()]


_read_models: dict[tuple[str, int], LinearModel] = {}


def _models_in_use(session: Session, labels: Mapping[str, str]) -> list[LinearModel]:
    """Return the active models; each version is read from its row once a process."""
    active = session.execute(
        select(TrainedModel.key, TrainedModel.version, TrainedModel.public_id).filter_by(
            kind=ModelKind.TAG, is_active=True
        )
    ).all()
    models = []
    for key, version, public_id in active:
        if key not in labels:
            continue
        if (public_id, version) not in _read_models:
            weights = session.scalars(
                select(TrainedModel.weights).filter_by(public_id=public_id)
            ).one()
            try:
                _read_models[public_id, version] = model_from(key, version, weights)
            except InvalidDefinition:
                log.warning("model_unreadable", model=key, version=version)
                continue
        models.append(_read_models[public_id, version])
    return models


def _tell_of_flags(
    session: Session,
    patient_id: int,
    readings: Iterable[tuple[str, Reading]],
    row: SourceRow,
    now: datetime,
    cause: Event | None,
) -> None:
    """Write an event for what cannot wait, once for a row and flag."""
    raised = {flag for _, reading in readings for flag in reading.flags if flag in ALARMING}
    if not raised:
        return
    told = {
        (event.payload.get("row"), event.payload.get("flag"))
        for event in session.scalars(
            select(Event).filter_by(patient_id=patient_id, kind="text.flagged")
        )
    }
    for flag in sorted(raised):
        if (row.named, flag.value) not in told:
            session.add(
                Event.of(
                    "text.flagged", now, patient_id=patient_id, cause=cause, flag=flag.value,
                    row=row.named, **{f"{row.kind}_id": row.id},
                )
            )  # fmt: skip
    session.flush()


def _evidence_of(row: SourceRow) -> tuple[Mapping[str, str], ...]:
    return ({"kind": row.kind, "id": row.public_id},)


def _written_answers(response: QuestionnaireResponse) -> list[str]:
    """Return the answers in words; of a form we do not have, everything that is text."""
    answers: dict[str, Any] = json.loads(response.answers or "{}")
    words = {key: value for key, value in answers.items() if isinstance(value, str)}
    if response.questionnaire is None:
        return list(words.values())
    form = parse_questionnaire(response.questionnaire.definition)
    asked = {item.link_id for item in form.items if item.type is ItemType.TEXT}
    return [value for key, value in words.items() if key in asked]


def _writer(session: Session, response: QuestionnaireResponse) -> Writer:
    if response.author_account_id is None:
        return Writer.UNKNOWN
    relation = session.scalar(
        select(PatientLink.relation)
        .filter_by(account_id=response.author_account_id, patient_id=response.patient_id)
        .order_by(PatientLink.id.desc())
        .limit(1)
    )
    if relation is None:
        return Writer.UNKNOWN
    return Writer.PATIENT if relation is Relation.SELF else Writer.GUARDIAN
