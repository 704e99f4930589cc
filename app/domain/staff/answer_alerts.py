"""What staff and patients read when an answer to a form must not wait: the form's fixed words."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from app.domain.criteria.tree import Answered, leaves
from app.domain.plans.questionnaires import Answer, Danger
from app.domain.plans.questionnaires import Questionnaire as Form
from app.domain.plans.rules import Grade, Rule

TAKEN_BACK: Final = "taken-back"  # the kind of an alert's step
_SAYS: Final = " —— "
UNSENT_TITLE: Final = "未交的问卷里有需要联系的回答"
_UNSENT_TEXT: Final = (
    "患者填到一半没有交。请今天联系，先问现在的情况，再问为什么没有填完；需要时代为填写。"
)


def answer_texts(
    definition: Mapping[str, Any], link_id: str, grade: Grade
) -> tuple[str | None, str | None]:
    """Return what staff are told to ask, and the words for the patient, as the version has them."""
    for one in definition.get("dangers", ()):
        if one["link_id"] == link_id and one["grade"] == grade:
            return one["staff_text"], one["patient_text"]
    return _UNSENT_TEXT, None


def told_line(form: Form, link_id: str, answers: Mapping[str, Answer]) -> str | None:
    """Return the words by which an alert tells of an answer; None where the form asks no such."""
    item = form.item(link_id)
    return f"{item.text}{_SAYS}{item.said(answers[link_id])}" if item else None


def question_of(line: str) -> str | None:
    """Return the question whose answer a line tells of; None of a line that tells of none."""
    question, says, _ = line.partition(_SAYS)
    return question if says else None


def told_of(steps: Iterable[tuple[str, str | None]]) -> frozenset[str]:
    """Return the lines that stand after an alert's steps (kind and note), the oldest first.

    What was taken back is not told any more: said again, it is news.
    """
    standing: set[str] = set()
    for kind, note in steps:
        lines = (note or "").split("\n")
        if kind == TAKEN_BACK:
            standing.difference_update(lines)
        else:
            standing.update(lines)
    return frozenset(standing)


def waiting_for(rule: Rule, form: Form) -> frozenset[str]:
    """Return the link ids of a form at which a rule looks."""
    return frozenset(
        leaf.link_id
        for leaf in leaves(rule.condition)
        if isinstance(leaf, Answered) and leaf.questionnaire == form.key
    )


def unsent(link_id: str, grade: Grade = Grade.MODERATE) -> Danger:
    """Return the danger of an answer that a rule would judge, had the form been sent."""
    return Danger(
        link_id=link_id, answers=(), at_least=None, grade=grade, title=UNSENT_TITLE,
        staff_text=_UNSENT_TEXT, patient_text="",
    )  # fmt: skip
