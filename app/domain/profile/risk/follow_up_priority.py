"""Whom to call first: a transparent list of points, called a priority and never a probability.

The points are a starting rule of our own that nobody has validated; no published coefficients of
loss to follow-up travel from one hospital to another (see docs/risk.md). Each point has its
evidence in a sentence. 0–2 low, 3–5 middle, 6 and more high: the nurse calls these first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from app.domain.profile.risk.follow_up_history import AskedTask, Booking, FollowUpHistory
from app.domain.profile.risk.frame import Assessment, Band, Contribution, NotComputable, plain

KEY: Final = "follow-up-priority"
NAME: Final = "失访优先级"
VERSION: Final = "2026-starter"
SOURCE: Final = "本系统起步规则，未经验证；只用于安排先后，不是概率"
# What an event may be about for the list to change.
WAKES: Final = frozenset({"follow-up", "encounter", "condition", "patient", "everything"})
HIGH: Final = "high"
BANDS: Final = (Band("low", "低"), Band("mid", "中", Decimal(3)), Band(HIGH, "高", Decimal(6)))

_MONTH: Final = timedelta(days=30)
_UNREAD: Final = timedelta(days=7)
# Nobody is called silent who has had less time than this.
_PATIENCE: Final = timedelta(days=2)
_FLAG_LIFE: Final = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class Moment:
    """A patient's history as of `now`; `home` is where the hospital stands (浙江省宁波市)."""

    history: FollowUpHistory
    now: datetime
    zone: ZoneInfo
    home: str | None = None

    def day(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%m-%d}"

    @property
    def age(self) -> int | None:
        return self.history.age_on(self.now.astimezone(self.zone).date())

    def settled(self) -> list[AskedTask]:
        """Return the last three tasks that were done, or whose window is over, newest first."""
        over = [one for one in self.history.tasks if one.done_at or one.ends_at <= self.now]
        return sorted(over, key=lambda one: one.due_at, reverse=True)[:3]

    def missed(self) -> int:
        return sum(1 for one in self.settled() if one.done_at is None)

    def last_visit(self) -> Booking | None:
        """Return the last booked visit whose end is known."""
        known = (
            one
            for one in self.history.bookings
            if one.starts_at <= self.now and one.came is not None
        )
        return max(known, key=lambda one: one.starts_at, default=None)

    def next_visit(self) -> Booking | None:
        coming = (one for one in self.history.bookings if one.starts_at > self.now)
        return min(coming, key=lambda one: one.starts_at, default=None)

    def lead_days(self) -> int:
        """Return the days between booking and visit of the next one; 0 without one."""
        visit = self.next_visit()
        return 0 if visit is None else max(0, (visit.starts_at - visit.booked_at).days)

    def silence(self) -> str | None:
        """Say how the last messages went unanswered, if they did."""
        sent = sorted(self.history.messages, key=lambda one: one.sent_at)
        if not sent:
            return None
        last = sent[-1]
        if last.opened_at is None and self.now - last.sent_at >= _UNREAD:
            return f"{self.day(last.sent_at)} 的消息 7 天没有打开"
        if len(sent) >= 2 and self.now - last.sent_at >= _PATIENCE:
            first = sent[-2].sent_at
            if not any(first < at for at in self.history.acts):
                return f"最近两次联系（{self.day(first)}、{self.day(last.sent_at)}）没有回应"
        return None

    def never_opened(self) -> bool:
        plan = self.history.open_plan()
        return plan is not None and not any(plan.began_at <= at for at in self.history.seen)

    def is_far(self) -> bool | None:
        """Tell whether they live in another prefecture; None where one of the two is unknown."""
        if self.home is None or self.history.region is None:
            return None
        return not self.history.region.startswith(self.home)

    def days_since_discharge(self) -> int | None:
        if not self.history.discharges:
            return None
        return (self.now - max(self.history.discharges)).days

    def flags(self) -> list[str]:
        recent = (one for one in self.history.flags if one.lasts or self.now - one.at <= _FLAG_LIFE)
        return sorted({one.name for one in recent})


Rule = Callable[[Moment], tuple[int, str] | None]


def _missed(moment: Moment) -> tuple[int, str] | None:
    settled, missed = moment.settled(), moment.missed()
    told = f"最近 {len(settled)} 次随访任务中有 {missed} 次没有完成"
    if missed >= 2:
        return 3, told
    return (1, told) if missed == 1 else None


def _silent(moment: Moment) -> tuple[int, str] | None:
    told = moment.silence()
    return (2, told) if told else None


def _absent(moment: Moment) -> tuple[int, str] | None:
    visit = moment.last_visit()
    if visit is None or visit.came:
        return None
    return 2, f"上次预约（{moment.day(visit.starts_at)}）没有来"


def _waiting(moment: Moment) -> tuple[int, str] | None:
    days = moment.lead_days()
    told = f"下次就诊要等 {days} 天（从预约到就诊）"
    if days > 90:
        return 2, told
    return (1, told) if days > 30 else None


def _unopened(moment: Moment) -> tuple[int, str] | None:
    return (2, "入组以来没有打开过小程序") if moment.never_opened() else None


def _distant(moment: Moment) -> tuple[int, str] | None:
    reasons = [
        *(["住在外地"] if moment.is_far() else []),
        *([] if moment.history.has_phone else ["没有确认过的电话"]),
    ]
    return (1, "，".join(reasons)) if reasons else None


def _alone(moment: Moment) -> tuple[int, str] | None:
    age = moment.age
    if age is None or 30 <= age <= 75 or moment.history.has_carer:
        return None
    return 1, f"{age} 岁，没有登记照护人"


def _just_home(moment: Moment) -> tuple[int, str] | None:
    days = moment.days_since_discharge()
    return (1, f"出院第 {days} 天，还在 30 天内") if days is not None and days <= 30 else None


def _burdened(moment: Moment) -> tuple[int, str] | None:
    flags = moment.flags()
    return (1, "；".join(flags)) if flags else None


# Key → rule; the keys stay, since assessments and models name them.
RULES: Final[Mapping[str, tuple[str, Rule]]] = {
    "missed_tasks": ("随访任务", _missed),
    "silence": ("联系回应", _silent),
    "no_show": ("上次预约", _absent),
    "lead_time": ("等待时间", _waiting),
    "never_opened": ("小程序", _unopened),
    "distance": ("住址与电话", _distant),
    "age_alone": ("年龄与照护人", _alone),
    "just_discharged": ("刚出院", _just_home),
    "burden": ("情绪、物质使用与照护负担", _burdened),
}


def follow_up_priority(moment: Moment) -> Assessment | NotComputable:
    """Return the points of a patient on an open plan, each with its evidence."""
    reasons = [
        *(["患者已去世"] if moment.history.deceased_at else []),
        *(["没有进行中的随访方案"] if moment.history.open_plan() is None else []),
    ]
    if reasons:
        return NotComputable(tuple(reasons))
    shares = tuple(
        Contribution(key, Decimal(found[0]), note=found[1])
        for key, (_, rule) in RULES.items()
        if (found := rule(moment))
    )
    value = sum((share.amount for share in shares), Decimal(0))
    band = band_of(value)
    return Assessment(value, band.key, meaning(value, band), shares)


def band_of(value: Decimal) -> Band:
    return next(band for band in reversed(BANDS) if band.least is None or value >= band.least)


def meaning(value: Decimal, band: Band) -> str:
    first = "，建议护士优先打电话" if band.key == "high" else ""
    return f"失访优先级 {plain(value)} 分（{band.name}）{first}；这是排序用的分数，不是概率。"
