"""How laboratories, devices and phones write units, and the UCUM code each means.

A text that is not in the table means nothing: its value is kept and never judged. Case matters,
because G/L is 10⁹ cells and g/L is grams.
"""

from collections.abc import Iterator, Mapping
from itertools import product
from types import MappingProxyType
from typing import Final

_LITRES: Final = {
    "L": ("L", "l"),
    "uL": ("uL", "ul", "mm3", "mm^3"),
    "mL": ("mL", "ml"),
}
# 10^9/L in the ways it is typed; µ and superscripts are made plain before the table is asked.
_TIMES: Final = ("", "x", "X", "×", "*", "x ", "X ", "× ")
_POWERS: Final = ("10^{}", "10*{}", "10**{}", "10E{}", "10e{}", "10E+{}", "10^{}个", "10*{}个")

_FROM: Mapping[str, str] = {
    # amounts of substance
    "mmol/L": "mmol/l MMOL/L MMOLL mmol/dm3 mM",
    "umol/L": "umol/l UMOL/L UMOLL Umol/L uM",
    "nmol/L": "nmol/l NMOL/L",
    "pmol/L": "pmol/l PMOL/L",
    "mmol/mol": "MMOL/MOL",
    "meq/L": "mEq/L mEq/l MEQ/L mEQ/L",
    # masses
    "g/L": "g/l gm/L",
    "mg/L": "mg/l MG/L",
    "ug/L": "ug/l UG/L mcg/L",
    "ng/L": "ng/l NG/L",
    "g/dL": "g/dl G/DL g% gm/dL",
    "mg/dL": "mg/dl MG/DL mg%",
    "ug/dL": "ug/dl UG/DL mcg/dL",
    "ng/dL": "ng/dl NG/DL",
    "mg/mL": "mg/ml MG/ML",
    "ug/mL": "ug/ml UG/ML mcg/mL",
    "ng/mL": "ng/ml NG/ML Ng/mL",
    "pg/mL": "pg/ml PG/ML",
    "mg{urea nitrogen}/dL": "mg/dL(BUN) mg/dl(BUN) mgN/dL",
    "mg/g": "mg/gCr mg/gCREA mg/g.Cr MG/G",
    "mg/mmol": "mg/mmolCr MG/MMOL",
    "ug/mg": "ug/mgCr",
    # activities and arbitrary units
    "U/L": "u/L u/l U/l",
    "[IU]/L": "IU/L iu/L IU/l iu/l",
    "ukat/L": "ukat/l",
    "m[IU]/L": "mIU/L mIU/l MIU/L",
    "u[IU]/mL": "uIU/mL uIU/ml UIU/ML",
    "mU/L": "mu/L mU/l",
    "uU/mL": "uU/ml",
    # D-dimer is given as itself or as fibrinogen; the number is twice as large in the second.
    "mg{FEU}/L": "mg/LFEU mg/lFEU mg/L(FEU) mgFEU/L mg/L{FEU}",
    "ug{FEU}/mL": "ug/mLFEU ug/mlFEU ug/mL(FEU) ug/ml(FEU) ugFEU/mL ug/mL{FEU}",
    "ug{FEU}/L": "ug/LFEU ug/L(FEU)",
    "ng{FEU}/mL": "ng/mLFEU ng/mlFEU ng/mL(FEU) ng/ml(FEU) ng/mL{FEU}",
    "mg{DDU}/L": "mg/LDDU mg/L(DDU) mg/L{DDU}",
    "ug{DDU}/mL": "ug/mLDDU ug/mlDDU ug/mL(DDU) ug/mL{DDU}",
    "ug{DDU}/L": "ug/LDDU ug/L(DDU)",
    "ng{DDU}/mL": "ng/mLDDU ng/mlDDU ng/mL(DDU) ng/mL{DDU}",
    # cells
    "10*9/L": "G/L G/l giga.l-1 10*9/L()",
    "10*12/L": "T/L T/l tera.l-1",
    "10*3/uL": "K/uL k/uL K/ul thou/uL Thousand/uL",
    "10*6/uL": "M/uL M/ul mill/uL Million/uL",
    "/uL": "cells/uL 个/uL /ul /mm3 cells/mm3",
    "fL": "fl FL um3 um^3",
    "pg": "PG Pg",
    # fractions, times, rates
    "%": "PERCENT percent ％ MDC_DIM_PERCENT %(NGSP)",
    "L/L": "l/l v/v",
    "1": "",
    "{INR}": "INR (INR)",
    "s": "sec S 秒 seconds",
    "mm/h": "mm/H mm/hr mm/hour mm/1h mm/60min mm/h(魏氏法)",
    "mL/min/{1.73_m2}": (
        "mL/min/1.73m2 ml/min/1.73m2 mL/min/1.73m^2 ml/min/1.73m^2 mL/min/1.73㎡ ml/min/1.73㎡ "
        "mL/(min·1.73m2) ml/(min·1.73m2) ml/(min.1.73m2) mL/(min.1.73m2) mL/(min*1.73m2) "
        "ml/(min*1.73m2) ml/min*1.73m2 mL/min.1.73m2 ml/min.1.73m2 mL/min/1.73M2 "
        "mL/min/{1.73m2} mL/min/1.73"
    ),
    # measured at the bedside and at home
    "mm[Hg]": "mmHg mmhg MMHG MDC_DIM_MMHG",
    "kPa": "KPa kpa",
    "/min": "bpm 次/分 次/min 次/分钟 beats/min MDC_DIM_BEAT_PER_MIN {beats}/min",
    "kg": "KG Kg 公斤",
    "kg/m2": "kg/m^2 kg/m² kg/㎡ KG/M2",
    "m": "米",
    "cm": "CM Cm 厘米 公分",
    "mm": "毫米",
    "ms": "msec 毫秒",
    "g": "克",
    "[lb_av]": "lb lbs",
    "Cel": "℃ °C C MDC_DIM_DEGC",
    "[degF]": "°F ℉",
    "{score}": "分",
}

_COUNTED: Final = (
    ("3", "uL"),
    ("6", "uL"),
    ("3", "mL"),
    ("6", "mL"),
    ("6", "L"),
    ("9", "L"),
    ("12", "L"),
)
_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_PLAIN: Final = str.maketrans({"µ": "u", "μ": "u", "／": "/", "（": "(", "）": ")"})


def _table() -> Iterator[tuple[str, str]]:
    for code, spellings in _FROM.items():
        yield code, code
        for spelling in spellings.split():
            yield spelling, code
    for power, per in _COUNTED:
        code = f"10*{power}/{per}"
        for times, form, litre in product(_TIMES, _POWERS, _LITRES[per]):
            yield f"{times}{form.format(power)}/{litre}", code


SPELLINGS: Mapping[str, str] = MappingProxyType(dict(_table()))
UCUM_UNITS: frozenset[str] = frozenset(SPELLINGS.values())


def read_unit(text: str | None) -> str | None:
    """Return the UCUM code that a printed unit means; None where the table has it not.

    Both characters for µ, full-width signs and superscripts are understood; blanks count for
    nothing. `109/L`, a lost superscript, is no unit.
    """
    if not text or not text.strip():
        return None
    if text in UCUM_UNITS:
        return text
    plain = "".join(text.translate(_PLAIN).split())
    if any(sign in plain for sign in "⁰¹²³⁴⁵⁶⁷⁸⁹"):
        before, after = _split_superscript(plain)
        plain = f"{before}^{after.translate(_SUPERSCRIPTS)}"
    return SPELLINGS.get(plain)


def _split_superscript(text: str) -> tuple[str, str]:
    at = next(n for n, sign in enumerate(text) if sign in "⁰¹²³⁴⁵⁶⁷⁸⁹")
    return text[:at], text[at:]
