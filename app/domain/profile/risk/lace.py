"""LACE: death or unplanned readmission within 30 days of discharge.

van Walraven et al., CMAJ 2010;182:551. Range 0–19; expected probability from 2.0 % (0) to 43.7 %
(19); 10 and more is called high. Traps seen in public code: a Charlson sum of 4 and more gives 5
points (not 6), and a stay of 4 to 6 days gives 4.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Final

from app.domain.profile.risk.frame import (
    Band,
    Contribution,
    Known,
    Need,
    Result,
    Score,
    plain,
)

# What the score foretells is over then.
HORIZON: Final = timedelta(days=30)
STAY: Final = Need("stay_days", "住院天数", "d", max_age=HORIZON, wakes=("encounter",))
IS_ACUTE: Final = Need("is_acute", "急诊入院", wakes=("encounter",))


def stay_points(days: int) -> int:
    """Return L; `days` are nights spent, 0 for a stay within one day."""
    if days >= 14:
        return 7
    if days >= 7:
        return 5
    return min(max(days, 0), 4)


def charlson_points(charlson: int) -> int:
    """Return C: 4 and more is 5."""
    return 5 if charlson >= 4 else max(charlson, 0)


def lace(days: int, charlson: int, emergency_visits: int, *, is_acute: bool) -> int:
    """Return the sum; `emergency_visits` are those of the six months before admission."""
    return (
        stay_points(days)
        + (3 if is_acute else 0)
        + charlson_points(charlson)
        + min(max(emergency_visits, 0), 4)
    )


def _rate(known: Known) -> Result:
    days, sum_of_groups = int(known.number("stay_days")), int(known.number("charlson"))
    visits, is_acute = int(known.number("emergency_visits")), known.truth("is_acute")
    shares = (
        Contribution("stay_days", Decimal(stay_points(days))),
        Contribution("is_acute", Decimal(3 if is_acute else 0)),
        Contribution("charlson", Decimal(charlson_points(sum_of_groups))),
        Contribution("emergency_visits", Decimal(min(visits, 4))),
    )
    total = lace(days, sum_of_groups, visits, is_acute=is_acute)
    return Result(Decimal(total), shares)


def _meaning(value: Decimal, band: Band) -> str:
    return (
        f"LACE {plain(value)} 分（{band.name}，满分 19）：原始研究中，出院后 30 天内死亡或"
        "非计划再入院的预期比例从 0 分的 2.0% 升到 19 分的 43.7%。"
    )


LACE: Final = Score(
    key="lace",
    name="LACE 再入院评分",
    version="2010",
    source="van Walraven C, et al. CMAJ 2010;182:551-557",
    needs=(
        STAY,
        IS_ACUTE,
        Need("charlson", "Charlson 合并症", wakes=("condition",)),
        Need("emergency_visits", "入院前 6 个月急诊次数", wakes=("encounter",)),
    ),
    rate=_rate,
    bands=(
        Band("low", "低"),
        Band("mid", "中", Decimal(5)),
        Band("high", "高", Decimal(10)),
    ),
    meaning=_meaning,
    anchors=("stay_days",),
    unit="{score}",
    least_age=18,
)
