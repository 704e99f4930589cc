"""What staff and patients read when an answer to a form must not wait: the form's fixed words."""

from collections.abc import Mapping
from typing import Any, Final

from app.domain.plans.questionnaires import Danger
from app.domain.plans.rules import Grade

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


def unsent(link_id: str) -> Danger:
    """Return the danger of an answer that a rule would judge, had the form been sent."""
    return Danger(
        link_id=link_id, answers=(), at_least=None, grade=Grade.MODERATE, title=UNSENT_TITLE,
        staff_text=_UNSENT_TEXT, patient_text="",
    )  # fmt: skip
