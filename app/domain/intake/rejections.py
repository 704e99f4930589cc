"""Why a hospital's message could not be taken, in words for the sender and for our own staff."""

from enum import StrEnum


class RejectionReason(StrEnum):
    """A code for machines; `sentence` is what our staff read."""

    NOT_HL7 = "not-hl7"
    BAD_SEPARATORS = "bad-separators"
    BAD_SEGMENT = "bad-segment"
    UNDECODABLE = "undecodable"
    TOO_LARGE = "too-large"
    TOO_MANY_SEGMENTS = "too-many-segments"
    UNSUPPORTED_TYPE = "unsupported-type"
    UNSUPPORTED_EVENT = "unsupported-event"
    MISSING_SEGMENT = "missing-segment"
    NO_PATIENT_IDENTIFIER = "no-patient-identifier"
    NO_APPOINTMENT_IDENTIFIER = "no-appointment-identifier"
    SEVERAL_PATIENTS = "several-patients"
    SELF_MERGE = "self-merge"
    UNKNOWN_SENDER = "unknown-sender"
    NOT_FHIR = "not-fhir"
    INVALID_RESOURCE = "invalid-resource"
    UNKNOWN_PATIENT = "unknown-patient"
    UNKNOWN_VISIT = "unknown-visit"
    NOT_A_ROW = "not-a-row"
    UNMAPPED_TABLE = "unmapped-table"
    BAD_CELL = "bad-cell"

    @property
    def sentence(self) -> str:
        """What our staff read."""
        return _SENTENCES[self]


_SENTENCES = {
    RejectionReason.NOT_HL7: "内容不是 HL7 v2 消息。",
    RejectionReason.BAD_SEPARATORS: "消息头声明的分隔符无法使用。",
    RejectionReason.BAD_SEGMENT: "有一行不是合法的 HL7 段。",
    RejectionReason.UNDECODABLE: "字符编码无法识别，请核对该来源的编码设置。",
    RejectionReason.TOO_LARGE: "消息超过允许的大小。",
    RejectionReason.TOO_MANY_SEGMENTS: "消息的段数超过上限。",
    RejectionReason.UNSUPPORTED_TYPE: "暂不接收这一类消息。",
    RejectionReason.UNSUPPORTED_EVENT: "暂不接收这一类事件。",
    RejectionReason.MISSING_SEGMENT: "缺少必需的段。",
    RejectionReason.NO_PATIENT_IDENTIFIER: "没有患者标识，无法确定是哪位患者。",
    RejectionReason.NO_APPOINTMENT_IDENTIFIER: "没有预约号，无法确定是哪个预约。",
    RejectionReason.SEVERAL_PATIENTS: "一条消息涉及多位患者，无法确定归属。",
    RejectionReason.SELF_MERGE: "要求把患者与其自身合并。",
    RejectionReason.UNKNOWN_SENDER: "发送机构不在允许的名单中。",
    RejectionReason.NOT_FHIR: "内容不是可接受的 FHIR JSON。",
    RejectionReason.INVALID_RESOURCE: "资源的结构或代码不符合 FHIR R4。",
    RejectionReason.UNKNOWN_PATIENT: "引用的患者不存在。",
    RejectionReason.UNKNOWN_VISIT: "引用的就诊不存在。",
    RejectionReason.NOT_A_ROW: "内容不是表格的一行。",
    RejectionReason.UNMAPPED_TABLE: "映射文件里没有这张表。",
    RejectionReason.BAD_CELL: "必填的一列为空或无法识别。",
}


class Rejected(Exception):
    """A message that we keep but cannot act on.

    `detail` names a segment, a message type or a limit; never anything of a patient, because it
    is sent back, logged and shown.
    """

    def __init__(self, reason: RejectionReason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail

    @property
    def is_transient(self) -> bool:
        """Whether the same message may pass later, once an operator has mended our settings."""
        return self.reason is RejectionReason.UNDECODABLE


class Unsupported(Rejected):
    """A message of a kind that we do not read."""
