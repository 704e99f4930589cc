"""Answers that must not pass without a reaction."""

from collections.abc import Mapping

from app.domain.plans.questionnaires.definition import Answer, Danger, Questionnaire
from app.domain.plans.rules import Grade


def required_reactions(
    questionnaire: Questionnaire, answers: Mapping[str, Answer]
) -> list[tuple[str, Answer]]:
    """Return linkId and answer of everything that a rule must react to."""
    return [
        (item.link_id, answers[item.link_id])
        for item in questionnaire.items
        if item.link_id in answers and _meets(answers[item.link_id], item.react_to)
    ]


def dangers_in(questionnaire: Questionnaire, answers: Mapping[str, Answer]) -> tuple[Danger, ...]:
    """Return the dangers that answers meet, the gravest first; nothing else weighs against them."""
    met = [one for one in questionnaire.dangers if one.is_met_by(answers.get(one.link_id))]
    return tuple(sorted(met, key=lambda one: list(Grade).index(one.grade), reverse=True))


def _meets(answer: Answer, wanted: tuple[str | bool, ...]) -> bool:
    given = answer if isinstance(answer, tuple) else (answer,)
    return any(one in wanted for one in given)
