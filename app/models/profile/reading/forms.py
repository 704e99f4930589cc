"""The forms a patient answered, and what they say of mood."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.intake.clinical_records import FormStatus
from app.domain.plans.questionnaires import (
    AnswerMode,
    InvalidAnswers,
    parse_questionnaire,
    read_draft,
    read_written,
    scores,
)
from app.domain.profile.mood import MOOD_QUESTION, MOOD_SCALES
from app.domain.trust.access import Relation
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
    informant: Relation | None = None  # who gave the answers, as what they are to the patient
    mode: AnswerMode | None = None

    def lines(self) -> tuple[tuple[str, str], ...]:
        """Return question and answer in the words of the version it was given to."""
        if not self.definition:
            return tuple((key, str(one)) for key, one in self.answers.items())
        form = parse_questionnaire(self.definition)
        asked = (item for item in form.items if item.link_id in self.answers)
        return tuple((item.text, item.said(_plain(self.answers[item.link_id]))) for item in asked)

    def results(self) -> tuple[str, ...]:
        """Return what each scale came to, with its band."""
        if not self.definition:
            return ()
        form = parse_questionnaire(self.definition)
        try:
            found = scores(form, read_draft(form, self.answers))
        except InvalidAnswers:  # another system filled it in, in its own codes
            return ()
        return tuple(
            f"{one.scale.title} {one.value:f} 分" + (f"，{one.band.text}" if one.band else "")
            for one in found
            if one.value is not None
        )


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


def _plain(answer: object) -> object:
    """Return the words of an answer that another system coded."""
    if isinstance(answer, dict):
        return answer.get("display") or answer.get("code") or answer.get("value")
    return answer


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
        answers=read_written(response.answers),
        informant=response.informant,
        mode=response.mode,
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
