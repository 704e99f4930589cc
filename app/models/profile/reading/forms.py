"""The forms a patient answered, and what they say of mood."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.intake.clinical_records import FormStatus
from app.domain.plans.questionnaires import parse_questionnaire
from app.domain.profile.mood import MOOD_QUESTION, MOOD_SCALES
from app.models.plans.plan_definition import Questionnaire
from app.models.plans.questionnaire_response import QuestionnaireResponse

SINCE: Final = timedelta(days=366)
MOST: Final = 30
_VOID: Final = (FormStatus.ENTERED_IN_ERROR, FormStatus.IN_PROGRESS, FormStatus.STOPPED)


@dataclass(frozen=True, slots=True)
class AnsweredForm:
    public_id: str
    key: str
    title: str
    score: int | None
    band: str | None  # where the form is a scale whose paper draws bands
    authored_at: datetime
    definition: Mapping[str, Any]
    answers: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class MoodLine:
    """The newest of one scale, or of the plain question about mood: then `score` is None."""

    name: str
    score: int | None
    said: str  # the band, or the answer in the form's own words
    at: datetime


def forms_of(session: Session, patient_id: int, now: datetime) -> tuple[AnsweredForm, ...]:
    """Return the forms answered in the last year, the newest first."""
    rows = session.execute(
        select(QuestionnaireResponse, Questionnaire)
        .outerjoin(Questionnaire, Questionnaire.id == QuestionnaireResponse.questionnaire_id)
        .where(
            QuestionnaireResponse.patient_id == patient_id,
            QuestionnaireResponse.status.not_in(_VOID),
            QuestionnaireResponse.authored_at.between(now - SINCE, now),
        )
        .order_by(QuestionnaireResponse.authored_at.desc(), QuestionnaireResponse.id.desc())
        .limit(MOST)
    )
    return tuple(_answered(response, form) for response, form in rows)


def _answered(response: QuestionnaireResponse, form: Questionnaire | None) -> AnsweredForm:
    key = form.key if form else (response.canonical or "").split("|")[0].rpartition("/")[2]
    scale = MOOD_SCALES.get(key.lower())
    return AnsweredForm(
        public_id=response.public_id,
        key=key,
        title=form.title if form else scale.name if scale else "外院问卷",
        score=response.score,
        band=scale.band(response.score) if scale else None,
        authored_at=response.authored_at,
        definition=form.definition if form else {},
        answers=json.loads(response.answers or "{}"),
    )


def mood_of(forms: Sequence[AnsweredForm]) -> tuple[MoodLine, ...]:
    """Return the newest result of each scale of mood, then the newest plain answer."""
    lines: dict[str, MoodLine] = {}
    for form in forms:
        scale = MOOD_SCALES.get(form.key.lower())
        if scale is not None and form.band is not None and scale.key not in lines:
            lines[scale.key] = MoodLine(scale.name, form.score, form.band, form.authored_at)
        answer = form.answers.get(MOOD_QUESTION)
        if isinstance(answer, str) and MOOD_QUESTION not in lines:
            said = _in_words(form.definition, answer)
            lines[MOOD_QUESTION] = MoodLine("自述心情", None, said, form.authored_at)
    order = [*MOOD_SCALES, MOOD_QUESTION]
    return tuple(lines[key] for key in order if key in lines)


def _in_words(definition: Mapping[str, Any], answer: str) -> str:
    item = parse_questionnaire(definition).item(MOOD_QUESTION) if definition else None
    return item.said(answer) if item else answer
