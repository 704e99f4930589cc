"""Chinese words for records that may be one person."""

from collections.abc import Mapping
from typing import Final

from app.domain.profile.matching import LIKELY, THRESHOLD, Feature, Finding
from app.models import Gender
from app.services.intake.patient_index.deciding import DismissReason, MergeReason

GENDERS: Final[Mapping[Gender, str]] = {
    Gender.MALE: "男",
    Gender.FEMALE: "女",
    Gender.OTHER: "其他",
    Gender.UNKNOWN: "未登记",
}
FEATURES: Final[Mapping[str, str]] = {
    Feature.CITIZEN_NUMBER: "证件号",
    Feature.NAME: "姓名",
    Feature.BIRTH_DATE: "出生日期",
    Feature.GENDER: "性别",
    Feature.PHONE: "手机号",
}
# Kind of mark, and word.
FINDINGS: Final[Mapping[str, tuple[str, str]]] = {
    Finding.SAME: ("good", "相同"),
    Finding.NEARLY: ("watch", "只差一处"),
    Finding.DIFFERENT: ("bad", "不同"),
    Finding.SOMEBODY_ELSES: ("bad", "相同，但与出生日期不符，可能是家长的"),
}
MERGE_REASONS: Final[Mapping[MergeReason, str]] = {
    MergeReason.ASKED: "已向患者本人核实",
    MergeReason.DOCUMENTS: "已核对证件",
    MergeReason.HOSPITAL: "已与病案室或信息科确认",
}
DISMISS_REASONS: Final[Mapping[DismissReason, str]] = {
    DismissReason.OTHER_PEOPLE: "是两个人",
    DismissReason.TWINS: "双胞胎或兄弟姐妹",
    DismissReason.PARENTS_NUMBER: "登记的是家长的证件号或手机号",
}
HELD: Final[Mapping[str, str]] = {
    "merge-inverse": "保留的这份档案此前已并入另一份，方向相反，不能合并。请先撤销原来的合并。",
    "merge-elsewhere": "其中一份档案已并入其他患者，不能再合并。请先撤销原来的合并。",
    "self-merge": "这两份档案已经是同一份。",
}
_TABLES: Final[Mapping[str, str]] = {
    "access_session": "手机登录",
    "alert": "预警",
    "allergy_intolerance": "过敏",
    "appointment": "预约",
    "binding_attempt": "绑定申请",
    "care_plan": "随访计划",
    "communication": "消息",
    "condition": "诊断",
    "consent": "知情同意",
    "diagnostic_report": "报告",
    "encounter": "就诊",
    "immunization": "接种",
    "medication_request": "处方",
    "observation": "检验和监测结果",
    "outbound_document": "发给医院系统的单据",
    "patient_link": "微信绑定",
    "questionnaire_response": "问卷",
    "related_person": "家属",
    "service_request": "申请单",
    "tag_assignment": "标签",
    "task": "待办",
}


def table(name: str) -> str:
    return _TABLES.get(name, name)


def likeness(score: int) -> tuple[str, str]:
    """Return kind of mark and words for how alike two records are."""
    if score >= LIKELY:
        return "bad", "很可能是同一人"
    if score > THRESHOLD:
        return "watch", "可能是同一人"
    return "off", "存疑"


def merged_because(reason: str | None) -> str:
    known = {str(code): words for code, words in MERGE_REASONS.items()}
    return known.get(reason or "", "医院系统的合并消息")
