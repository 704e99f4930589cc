"""Answers that need a person: fixed words at once, and an event that brings somebody."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.criteria.needs import FactNeeds
from app.domain.intake.clinical_records import FormStatus
from app.domain.plans.advice import advice
from app.domain.plans.questionnaires import Answer, dangers_in, required_reactions
from app.domain.plans.questionnaires import Questionnaire as Form
from app.domain.profile.patient_facts import Answers
from app.models import Event, QuestionnaireResponse
from app.models.plans.care_plan import packs_followed
from app.models.plans.knowledge import knowledge
from app.models.profile.patient_facts import load_facts


def safety_words(
    session: Session, patient_id: int, form: Form, answers: Mapping[str, Answer], now: datetime
) -> str | None:
    """Return reviewed words for what has just been said: the form's own, else a rule's."""
    dangers = dangers_in(form, answers)
    if dangers:
        return dangers[0].patient_text
    known = knowledge(session)
    packs = set(session.scalars(packs_followed(patient_id)))
    rules = known.rules.woken_by(f"response:{form.key}")
    asked = [one for one in rules if known.pack_of_rule(one.rule.key) in packs]
    if not asked:
        return None
    needs = FactNeeds.joined(one.needs for one in asked)
    facts = load_facts(session, patient_id, now, HOSPITAL, needs)
    said = {**facts.answers, form.key: Answers(now, answers)}
    return advice(asked, replace(facts, answers=said))


def note_dangers(
    session: Session,
    response: QuestionnaireResponse,
    form: Form,
    before: Mapping[str, Answer],
    answers: Mapping[str, Answer],
    now: datetime,
) -> None:
    """Tell of answers that a person must hear of, once for each time they change or go.

    Rules look at forms that were sent. Of a draft nobody but this tells: whoever stops after such
    an answer may need help most.
    """
    is_draft = response.status is FormStatus.IN_PROGRESS
    now_said, said = (_alarming(form, one, is_draft=is_draft) for one in (answers, before))
    if not now_said <= said:
        _tell(session, response, form, "response.alarmed", now)
    # Before it was sent it was a draft: what rules look for was told of as well.
    if not _questions(form, before) <= _questions(form, answers):
        _tell(session, response, form, "response.eased", now)


def _tell(
    session: Session, response: QuestionnaireResponse, form: Form, kind: str, now: datetime
) -> None:
    session.add(
        Event.of(
            kind,
            now,
            patient_id=response.patient_id,
            response_id=response.id,
            questionnaire=form.key,
        )
    )


def _questions(form: Form, answers: Mapping[str, Answer]) -> frozenset[str]:
    return frozenset(link_id for link_id, _ in _alarming(form, answers, is_draft=True))


def _alarming(
    form: Form, answers: Mapping[str, Answer], *, is_draft: bool
) -> frozenset[tuple[str, str]]:
    found = {(one.link_id, str(answers[one.link_id])) for one in dangers_in(form, answers)}
    if is_draft:
        found |= {(link_id, str(answer)) for link_id, answer in required_reactions(form, answers)}
    return frozenset(found)
