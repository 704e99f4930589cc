"""The words of enrolment and of a plan's life, alike on every face."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from app.domain.intake.hospital_records import EncounterClass
from app.domain.plans.enrolling import DeclineReason, EndReason, Entry, HoldReason, ReEntry, Way
from app.domain.plans.plan_calendar import Undated
from app.domain.plans.plan_words import ANCHORS, KINDS
from app.domain.plans.timing import Basis
from app.models import (
    CarePlanStatus,
    DraftStatus,
    MigrationStatus,
    PublicationStatus,
    StepKind,
)
from app.services.plans.care_plan_reading import CarePlanLine, StepLine

WAYS: Final = {
    Way.CRITERIA: "符合计划条件",
    Way.SEGMENT: "属于人群",
    Way.HAND: "医护手工加入",
    Way.CODE: "患者扫码申请",
    Way.CONTACT: "企业微信扫码",
    Way.REQUEST: "患者自己申请",
}
ENTRIES: Final = {
    Entry.AUTOMATIC: "符合条件就自动加入",
    Entry.PROPOSED: "符合条件先提请团队确认",
    Entry.CLOSED: "不按条件加入，只由医护或其他方式加入",
}
RE_ENTRIES: Final = {
    ReEntry.NEW_ANCHOR: "再次出院或手术后可以重新加入",
    ReEntry.AFTER_DAYS: "结束满若干天后可以重新加入",
    ReEntry.NEVER: "只参加一次",
}
HOLDS: Final = {
    HoldReason.TRAVEL: "外出",
    HoldReason.ADMISSION: "住院",
    HoldReason.CLINICAL: "病情需要",
    HoldReason.PATIENT_WISH: "患者要求",
}
ENDS: Final = {
    EndReason.COMPLETED: "已完成",
    EndReason.TRANSFERRED: "转到别处随访",
    EndReason.OPTED_OUT: "患者不愿继续",
    EndReason.NOT_SUITABLE: "不再适合",
    EndReason.DECEASED: "患者去世",
    EndReason.NEW_ANCHOR: "重新开始",
    EndReason.MERGED: "档案合并，另一份继续",
}
# What a person may choose; the others follow from what happened.
ENDS_TO_CHOOSE: Final = (
    EndReason.COMPLETED,
    EndReason.TRANSFERRED,
    EndReason.OPTED_OUT,
    EndReason.NOT_SUITABLE,
)
DECLINES: Final = {
    DeclineReason.NOT_SUITABLE: "不适合",
    DeclineReason.PATIENT_REFUSES: "患者不愿意",
    DeclineReason.CARED_FOR_ELSEWHERE: "已在别处随访",
    DeclineReason.WRONGLY_FOUND: "识别有误",
    DeclineReason.OTHER: "其他",
}
STATUSES: Final = {
    CarePlanStatus.ACTIVE: "进行中",
    CarePlanStatus.ON_HOLD: "已暂停",
    CarePlanStatus.COMPLETED: "已结束",
    CarePlanStatus.REVOKED: "已停止",
}
VISITS: Final[Mapping[EncounterClass | None, str]] = {
    EncounterClass.AMBULATORY: "每次门诊",
    EncounterClass.INPATIENT: "每次出院",
    EncounterClass.EMERGENCY: "每次急诊",
}
# The kind of mark that a status has beside its word.
MARKS: Final = {
    CarePlanStatus.ACTIVE: "good",
    CarePlanStatus.ON_HOLD: "watch",
    CarePlanStatus.COMPLETED: "off",
    CarePlanStatus.REVOKED: "off",
}
STEPS: Final = {
    StepKind.STARTED: "加入",
    StepKind.HOLD_PLANNED: "约定暂停",
    StepKind.HELD: "暂停",
    StepKind.RESUMED: "恢复",
    StepKind.ENDED: "结束",
    StepKind.TRANSFERRED: "转给其他团队",
    StepKind.MOVED: "换到新版本",
}
DRAFTS: Final = {
    DraftStatus.EDITING: "编写中",
    DraftStatus.SUBMITTED: "待签署",
    DraftStatus.APPROVED: "已签署",
    DraftStatus.DROPPED: "已放弃",
}
DRAFT_MARKS: Final = {
    DraftStatus.EDITING: "off",
    DraftStatus.SUBMITTED: "watch",
    DraftStatus.APPROVED: "good",
    DraftStatus.DROPPED: "off",
}
MIGRATIONS: Final = {
    MigrationStatus.RUNNING: "进行中",
    MigrationStatus.STOPPED: "已停下",
    MigrationStatus.DONE: "已完成",
}
PUBLICATIONS: Final = {
    PublicationStatus.DRAFT: "未签署",
    PublicationStatus.ACTIVE: "现用",
    PublicationStatus.RETIRED: "已替换",
}
_REASONS: Final[Mapping[str, str]] = {
    **{str(key): word for key, word in WAYS.items()},
    **{str(key): word for key, word in HOLDS.items()},
    **{str(key): word for key, word in ENDS.items()},
}


def anchor(kind: str | None) -> str:
    """Return the day a plan counts from: 出院日期."""
    return f"{ANCHORS.get(kind or '', '起点')}日期"


def kind(value: str) -> str:
    return KINDS.get(value, value)


def state(plan: CarePlanLine) -> str:
    """Return how a plan stands: 已暂停（外出，到 2026-05-10）."""
    word = STATUSES[plan.status]
    if plan.status is CarePlanStatus.ON_HOLD:
        reason = HOLDS.get(plan.hold_reason, "") if plan.hold_reason else ""
        until = f"到 {plan.hold_ends_on}" if plan.hold_ends_on else "到恢复为止"
        return f"{word}（{reason}，{until}）" if reason else f"{word}（{until}）"
    if plan.end_reason is not None:
        return f"{word}（{ENDS[plan.end_reason]}）"
    return word


def waits_for(one: Undated) -> str:
    """Return what has to come before something has its day: 每次门诊后."""
    named = "、".join(f"“{title}”" for title in one.actions)
    match one.basis:
        case Basis.ENCOUNTER:
            return f"{VISITS.get(one.encounter_class, '每次就诊')}后"
        case Basis.APPOINTMENT:
            return f"每次预约就诊{'前' if one.is_before else '后'}"
        case Basis.MISSED:
            return f"{named}没有做时"
        case _:
            return f"{named}完成后"


def rest_to_come(plan: CarePlanLine) -> str | None:
    """Return the days of a rest that was told beforehand."""
    if plan.status is not CarePlanStatus.ACTIVE or plan.hold_begins_on is None:
        return None
    reason = HOLDS.get(plan.hold_reason, "") if plan.hold_reason else ""
    return f"将暂停：{_span(plan.hold_begins_on, plan.hold_ends_on)}，{reason}"


def step(one: StepLine) -> str:
    """Return one change: 暂停：外出，陈护士."""
    who = one.who or ("患者本人或家属" if one.is_patient else "系统")
    reason = _REASONS.get(one.reason or "", one.reason or "")
    more = []
    if one.detail.get("begins"):
        more.append(f"从 {one.detail['begins']}")
    if one.detail.get("until"):
        more.append(f"到 {one.detail['until']}")
    if one.kind is StepKind.MOVED:
        before, after = one.detail.get("version_before"), one.detail.get("version_after")
        more.append(f"第 {before} 版换到第 {after} 版")
    told = "，".join(part for part in (reason, *more) if part)
    return f"{STEPS[one.kind]}{'：' + told if told else ''} · {who}"


def _span(first: date, last: date | None) -> str:
    return f"{first} 到 {last}" if last else f"{first} 起"
