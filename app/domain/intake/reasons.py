"""Why a message was refused or waits, in words for staff: one place for all of them.

The pipeline writes a code, maybe with a detail behind a colon; the detail names a segment, a
message type or a limit, never a patient.
"""

from collections.abc import Mapping
from typing import Final

from app.domain.intake.rejections import RejectionReason

_HELD: Final[Mapping[str, str]] = {
    "merge-not-yet-supported": "要求合并患者，系统还不能自动合并。",
    "merge-inverse": "要求合并的方向与已有的合并相反，需要人工核对。",
    "merge-elsewhere": "要求合并的患者已并入另一位患者，需要人工核对。",
    "merge-both-bound": "两位患者都有人绑定了手机，合并须由人工决定。",
    "unmerge-elsewhere": "要求拆分的患者已并入另一位患者，需要人工核对。",
    "visit-without-number": "就诊没有编号，无法确定是哪次就诊。",
    "visits-of-several-patients": "就诊号分属几位患者，需要人工核对。",
    "no-identifier": "没有患者标识，无法确定是哪位患者。",
    "identifiers-of-several-patients": "标识分属几位患者，需要人工核对是谁。",
    "visit-of-another-patient": "就诊号已属于另一位患者，需要人工核对。",
    "appointment-of-another-patient": "预约号已属于另一位患者，需要人工核对。",
    "error": "解析时程序出错，多次重试没有成功，请联系开发人员。",
    # Of the readings of devices.
    "reading-not-readable": "设备读数缺少内容或格式不对，请联系设备厂商。",
    "reading-changed": "同一条读数又来了一次，内容却不一样，需要核对。",
    "device-unknown": "没有登记过这台设备，绑定后可以重放。",
    "device-not-held": "测量的时候这台设备没有绑定给任何患者。",
    "device-wrong-kind": "这类设备测不出这个项目，请核对登记的设备类型或厂商的代码。",
    "unit-unknown": "单位无法识别，没有换算。",
    "device-clock": "设备的时钟相差一天以上，测量时间不可信。",
    "reading-in-future": "测量时间比收到的时间还晚。",
    "reading-too-old": "测量时间在 90 天以前。",
    "reading-after-death": "测量时间在患者去世以后。",
    "doubted": "已收下，但数值可疑，规则不采用。",
    # Of the platforms' inbox.
    "unreadable": "推送的内容无法解析。",
}


def code_of(reason: str | None) -> str:
    """Return the code of a reason as it is kept, without its detail."""
    return (reason or "").split(":", 1)[0].split(";", 1)[0].strip()


def detail_of(reason: str | None) -> str:
    return (reason or "").partition(":")[2].strip()


def sentence_of(reason: str | None) -> str:
    """Return the sentence for staff; a code that nobody put into words is shown as it is."""
    code = code_of(reason)
    if code in set(RejectionReason):
        return RejectionReason(code).sentence
    return _HELD.get(code) or (f"其他原因（{code}）。" if code else "没有记录原因。")
