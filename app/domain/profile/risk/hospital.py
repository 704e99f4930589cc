"""HOSPITAL: potentially avoidable readmission within 30 days, in its version of 2016.

Donzé et al., JAMA Intern Med 2013;173:632 (made) and 2016;176:496 (validated in nine hospitals in
four countries: low 5.8 %, intermediate 12.0 %, high 22.8 %, c 0.72). The two differ in the points
for earlier admissions: 2016 has 0–1, 2–5, more than 5; the paper of 2013 has 0, 1–5, more than 5.
"""

from decimal import Decimal
from typing import Final

from app.domain.profile.risk.frame import Band, Known, Need, Result, Score, plain, points
from app.domain.profile.risk.lace import IS_ACUTE, STAY

_EXPECTED: Final = {"low": "5.8%", "mid": "12.0%", "high": "22.8%"}


def admission_points(admissions: int) -> int:
    """Return the points for admissions in the 12 months before, as of 2016."""
    if admissions > 5:
        return 5
    return 2 if admissions >= 2 else 0


def hospital(
    haemoglobin: Decimal,
    sodium: Decimal,
    admissions: int,
    days: int,
    *,
    is_oncology: bool,
    had_procedure: bool,
    is_urgent: bool,
) -> int:
    """Return the sum; haemoglobin in g/L and sodium in mmol/L, both at discharge."""
    return sum(
        _items(
            haemoglobin, sodium, admissions, days,
            is_oncology=is_oncology, had_procedure=had_procedure, is_urgent=is_urgent,
        ).values()
    )  # fmt: skip


def _items(
    haemoglobin: Decimal,
    sodium: Decimal,
    admissions: int,
    days: int,
    *,
    is_oncology: bool,
    had_procedure: bool,
    is_urgent: bool,
) -> dict[str, int]:
    return {
        "haemoglobin": 1 if haemoglobin < 120 else 0,
        "is_oncology": 2 if is_oncology else 0,
        "sodium": 1 if sodium < 135 else 0,
        "had_procedure": 1 if had_procedure else 0,
        "is_acute": 1 if is_urgent else 0,
        "admissions": admission_points(admissions),
        "stay_days": 2 if days >= 5 else 0,
    }


def _rate(known: Known) -> Result:
    return points(
        known,
        _items(
            known.number("haemoglobin"), known.number("sodium"), int(known.number("admissions")),
            int(known.number("stay_days")), is_oncology=known.truth("is_oncology"),
            had_procedure=known.truth("had_procedure"), is_urgent=known.truth("is_acute"),
        ),
    )  # fmt: skip


def _meaning(value: Decimal, band: Band) -> str:
    return (
        f"HOSPITAL（2016 版）{plain(value)} 分（{band.name}，满分 13）：验证研究中这一组 30 天内"
        f"可避免再入院的比例为 {_EXPECTED[band.key]}。"
    )


HOSPITAL: Final = Score(
    key="hospital",
    name="HOSPITAL 再入院评分",
    version="2016",
    source="Donzé JD, et al. JAMA Intern Med 2016;176:496-502",
    needs=(
        Need("haemoglobin", "出院时血红蛋白", "g/L", ("718-7",)),
        Need("is_oncology", "肿瘤科出院", wakes=("encounter",)),
        Need("sodium", "出院时血钠", "mmol/L", ("2951-2",)),
        Need("had_procedure", "住院期间手术或操作", wakes=("encounter",)),
        IS_ACUTE,
        Need("admissions", "入院前 12 个月住院次数", wakes=("encounter",)),
        STAY,
    ),
    rate=_rate,
    bands=(
        Band("low", "低"),
        Band("mid", "中", Decimal(5)),
        Band("high", "高", Decimal(7)),
    ),
    meaning=_meaning,
    anchors=("stay_days",),
    unit="{score}",
    least_age=18,
)
