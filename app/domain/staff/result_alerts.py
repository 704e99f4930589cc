"""What staff and patients read when a laboratory result is critical: fixed, reviewed wording.

The laboratory's telephone call stays the first channel; this is the second, and it asks whether
the first one happened. Texts for patients name no test and no value.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ResultAlertText:
    staff_text: str
    patient_text: str


_PATIENT_TEXT: Final = (
    "您最近的一项检查结果需要尽快处理。请现在就与医院联系，或到最近的急诊就诊，不要等到复诊。"
    "如果出现胸闷、心慌、意识不清、抽搐、大出血等情况，请立即拨打120。"
)
_ASK_ALWAYS: Final = (
    "先核对患者身份和标本情况（有无溶血、是否输液侧采血），并确认检验科是否已电话报告。"
)
# LOINC → what to ask about that test.
_ASK: Final = {
    "2823-3": "问：心慌、乏力、四肢麻木、尿量；是否在用保钾或排钾利尿剂、ACEI/ARB、补钾。",
    "2951-2": "问：意识、抽搐、恶心呕吐、进水量；是否在用利尿剂。",
    "2000-8": "问：手足抽搐、口周麻木、心慌；是否补钙或用双膦酸盐。",
    "14749-6": "问：进食、降糖药和胰岛素用量、意识、呼吸和呕吐；能否马上复测血糖。",
    "718-7": "问：出血部位、黑便、头晕心慌；能否安全来院。",
    "777-3": "问：皮肤出血点、牙龈鼻出血、黑便、头痛；是否在用抗凝或抗血小板药。",
    "26499-4": "问：体温、寒战、感染症状、最近一次化疗时间；发热者立即来院。",
    "6301-6": "问：出血、黑便、头部外伤；抗凝药剂量和最近变化。",
}


def text_for(code: str) -> ResultAlertText:
    """Return the words for a critical result of a test, known by its LOINC code."""
    ask = _ASK.get(code, "问：目前症状和用药；评估是否需要立即来院。")
    return ResultAlertText(_ASK_ALWAYS + ask, _PATIENT_TEXT)


def title_of(name: str, *, is_laboratory_alone: bool) -> str:
    """Return the title staff see; the laboratory may call critical what no limit of ours does."""
    return f"危急值：{name}（检验科标记）" if is_laboratory_alone else f"危急值：{name}"
