"""The navigation: two levels, and only what the role of the one who looks may open."""

from dataclasses import dataclass
from typing import Final

from app.domain.trust.access import Permission, StaffRole, may


@dataclass(frozen=True, slots=True)
class Entry:
    """One page of the menu; `endpoint` is a page without parameters."""

    label: str
    endpoint: str
    permission: Permission


@dataclass(frozen=True, slots=True)
class Group:
    label: str
    entries: tuple[Entry, ...]


MENU: Final[tuple[Group, ...]] = (
    Group(
        "工作",
        (
            Entry("患者", "console.patients.overview", Permission.READ_PATIENT),
            Entry("团队待办", "console.work.overview", Permission.HANDLE_ALERT),
            Entry("预警", "console.alerts.overview", Permission.HANDLE_ALERT),
            Entry("患者重复档案", "console.doubles.overview", Permission.RESOLVE_IDENTITY),
            Entry("待确认标签", "console.tag_review.overview", Permission.DECIDE_TAGS),
            Entry("用药服务", "console.medicines.overview", Permission.HANDLE_ALERT),
            Entry("待加入计划", "console.enrolments.overview", Permission.ENROL),
        ),
    ),
    Group(
        "运营",
        (
            Entry("人群", "console.segments.overview", Permission.USE_SEGMENTS),
            Entry("能联系到谁", "console.reach.overview", Permission.USE_SEGMENTS),
            Entry("计划", "console.plans.overview", Permission.DESIGN_PLANS),
            Entry("问卷与量表", "console.questionnaires.overview", Permission.MANAGE_FORMS),
            Entry("规则", "console.rules.overview", Permission.MANAGE_RULES),
        ),
    ),
    Group("报告", (Entry("满意度", "console.satisfaction.overview", Permission.READ_REPORTS),)),
    Group(
        "管理",
        (
            Entry("对接状态", "console.feeds.overview", Permission.WATCH_FEEDS),
            Entry("发送", "console.sending.overview", Permission.WATCH_FEEDS),
            Entry("值班", "console.duty.overview", Permission.KEEP_ROSTER),
            Entry("标签库", "console.tags.overview", Permission.MANAGE_TAGS),
            Entry("术语对照", "console.terms.overview", Permission.MAP_TERMS),
        ),
    ),
)


def menu_for(role: StaffRole | None) -> tuple[Group, ...]:
    """Return the groups with what `role` may open; a group with nothing is left out."""
    if role is None:
        return ()
    open_to_role = (
        Group(group.label, tuple(one for one in group.entries if may(role, one.permission)))
        for group in MENU
    )
    return tuple(group for group in open_to_role if group.entries)
