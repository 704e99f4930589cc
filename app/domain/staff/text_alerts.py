"""What staff and patients read when a patient's own words cannot wait: fixed, reviewed wording.

Such words need a person the same day, never an answer that was made up. 12356 is the national
line for mental health (since 2025).
"""

from dataclasses import dataclass
from typing import Final

BASIS: Final = "text:"


@dataclass(frozen=True, slots=True)
class FlaggedText:
    title: str
    staff_text: str
    patient_text: str


_SUICIDE: Final = FlaggedText(
    title="患者写下了可能想伤害自己的话",
    staff_text=(
        "请马上由人联系患者本人，联系不上就联系家属，不要只发消息。直接而平静地问：是否有伤害自己的"
        "想法、打算和准备，身边有没有人，有没有危险物品。有打算或联系不上且担心安全，请家属陪护并"
        "拨打120或110，转告主管医生并请精神心理科会诊。把问到的和安排写进处理结果。"
    ),
    patient_text=(
        "我们看到了您写的话，很关心您。护理团队会尽快联系您。您不必一个人扛着：现在就可以告诉身边"
        "信任的人，或拨打心理援助热线12356。如果您正处在危险中，请立即拨打120。"
    ),
)
_URGENT: Final = FlaggedText(
    title="患者写下了可能紧急的情况",
    staff_text=(
        "请马上打电话：现在的情况怎么样，从什么时候开始，有没有胸痛、呼吸困难、意识不清、大出血、"
        "抽搐或肢体无力。有一项就请患者或家属拨打120；没有也要判断是否需要当天就诊，并转告主管医生。"
    ),
    patient_text=(
        "您写的情况可能需要马上处理。护理团队会尽快联系您。如果有胸痛、呼吸困难、意识不清、大出血或"
        "突然说不清话、手脚无力，请不要等消息，立即拨打120。"
    ),
)
_BY_FLAG: Final = {"suicide": _SUICIDE, "urgent": _URGENT}


def flagged_text(flag: str) -> FlaggedText:
    """Return the words for a flag of reading; what is not known is urgent."""
    return _BY_FLAG.get(flag, _URGENT)


def text_of_basis(basis: str | None) -> FlaggedText | None:
    """Return the words of an alert that stands on words; None for any other."""
    if basis is None or not basis.startswith(BASIS):
        return None
    return flagged_text(basis.removeprefix(BASIS))
