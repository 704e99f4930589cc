"""What phones may tell of what was done with our offers, and what is believed of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.domain.criteria.population import InteractionKind
from app.domain.errors import DomainError
from app.domain.profile.vital_signs import CLOCK_SKEW

MOST: Final = 50  # at once
OLDEST: Final = timedelta(days=30)
LONGEST: Final = 4 * 3600  # seconds that anybody reads or watches one thing

# What a phone may tell; an answer is told by sending it.
TOLD_BY_PHONES: Final = (
    InteractionKind.OPENED,
    InteractionKind.READ,
    InteractionKind.CLICKED,
    InteractionKind.WATCHED,
    InteractionKind.RATED,
)


class NotADeed(DomainError):
    """`title` says what is wrong with which of them."""

    code = "not-an-interaction"
    title = "使用记录有误"

    def __init__(self, title: str) -> None:
        super().__init__(self.code)
        self.title = title


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing done; `reference` is the phone's own name for it, `subject` the key of the thing.

    `seconds` is how long it took, `is_useful` what a rating said.
    """

    kind: InteractionKind
    reference: str
    at: datetime
    subject: str | None = None
    seconds: int | None = None
    is_useful: bool | None = None


def believed(deeds: Sequence[Deed], now: datetime) -> list[Deed]:
    """Return the deeds, each reference once, a clock a little ahead set right.

    :raises NotADeed: too many, of the future, too old, or a kind without what it needs
    """
    if len(deeds) > MOST:
        raise NotADeed(f"一次最多{MOST}条使用记录")
    found: dict[str, Deed] = {}
    for number, deed in enumerate(deeds, 1):
        if problem := _problem(deed, now):
            raise NotADeed(f"第{number}条使用记录有误：{problem}")
        at = min(deed.at, now)
        found.setdefault(
            deed.reference,
            Deed(deed.kind, deed.reference, at, deed.subject, deed.seconds, deed.is_useful),
        )
    return list(found.values())


def _problem(deed: Deed, now: datetime) -> str | None:
    if deed.kind not in TOLD_BY_PHONES:
        return "这种使用不由手机记录"
    if deed.at > now + CLOCK_SKEW:
        return "时间在将来"
    if deed.at < now - OLDEST:
        return f"时间早于{OLDEST.days}天前"
    if deed.subject is None and deed.kind is not InteractionKind.OPENED:
        return "没有说是哪一项内容"
    if deed.seconds is not None and not 0 <= deed.seconds <= LONGEST:
        return f"时长要在0到{LONGEST}秒之间"
    if (deed.kind is InteractionKind.RATED) != (deed.is_useful is not None):
        return "评价要说有没有用，其他使用不带评价"
    return None
