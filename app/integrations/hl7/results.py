"""How laboratories write values, units, intervals and flags, and what they mean."""

import re
from decimal import Decimal

from app.domain.intake.hospital_records import (
    ReferenceRange,
    ResultFlag,
)

# More digits than any laboratory measures; a database column must hold every value we accept.
_NUMBER = r"[+-]?(?:[0-9]{1,12}(?:\.[0-9]{0,6})?|\.[0-9]{1,6})"
_COMPARATORS = {
    "<": "<", "＜": "<", "<=": "<=", "≤": "<=", "＜=": "<=",
    ">": ">", "＞": ">", ">=": ">=", "≥": ">=", "＞=": ">=",
}  # fmt: skip
_VALUE = re.compile(
    rf"(?P<comparator>[<>＜＞]=?|[≤≥])?\s*(?P<number>{_NUMBER})\s*(?P<arrow>[↑↓]{{1,2}})?"
)
_NO_RESULT = re.compile(r"[-—–－_*./\\ ]*")
_COUNT_UNIT = re.compile(r"[×xX*]?\s*10\s*[\^*eE]?\s*(?P<power>6|9|12)\s*/\s*(?P<per>[mμu]?[lL])")
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_INTERVAL = re.compile(rf"(?P<low>{_NUMBER})\s*(?:-{{1,2}}|[－—–~～至])\s*(?P<high>{_NUMBER})")
_BOUND = re.compile(rf"(?P<comparator>[<>＜＞]=?|[≤≥])\s*(?P<number>{_NUMBER})")

_FLAGS = {
    "N": ResultFlag.NORMAL, "正常": ResultFlag.NORMAL, "NEG": ResultFlag.NORMAL,
    "阴性": ResultFlag.NORMAL,
    "H": ResultFlag.HIGH, "↑": ResultFlag.HIGH, "偏高": ResultFlag.HIGH, "高": ResultFlag.HIGH,
    "L": ResultFlag.LOW, "↓": ResultFlag.LOW, "偏低": ResultFlag.LOW, "低": ResultFlag.LOW,
    "HH": ResultFlag.CRITICALLY_HIGH, "↑↑": ResultFlag.CRITICALLY_HIGH,
    "LL": ResultFlag.CRITICALLY_LOW, "↓↓": ResultFlag.CRITICALLY_LOW,
    "A": ResultFlag.ABNORMAL, "*": ResultFlag.ABNORMAL, "异常": ResultFlag.ABNORMAL,
    "阳性": ResultFlag.ABNORMAL, "弱阳性": ResultFlag.ABNORMAL, "±": ResultFlag.ABNORMAL,
    "+": ResultFlag.ABNORMAL, "++": ResultFlag.ABNORMAL, "+++": ResultFlag.ABNORMAL,
    "++++": ResultFlag.ABNORMAL, "POS": ResultFlag.ABNORMAL,
    "AA": ResultFlag.CRITICALLY_ABNORMAL, "**": ResultFlag.CRITICALLY_ABNORMAL,
}  # fmt: skip


def read_number(text: str) -> tuple[str, Decimal, str] | None:
    """Return comparator, number and arrow of a numeric result; None for titres and words."""
    match = _VALUE.fullmatch(text.strip())
    if match is None:
        return None
    comparator = _COMPARATORS[match["comparator"]] if match["comparator"] else ""
    return comparator, Decimal(match["number"]), match["arrow"] or ""


def is_no_result(text: str) -> bool:
    """Return whether the text only fills the place of a result, such as `---`."""
    return _NO_RESULT.fullmatch(text) is not None


def read_unit(text: str) -> str:
    """Return the unit as printed; cell counts, written in a dozen ways, as UCUM (10*9/L)."""
    text = text.strip()
    count = _COUNT_UNIT.fullmatch(text.translate(_SUPERSCRIPT))
    if count is None or ("^" not in text and "*" not in text and not _has_power(text)):
        return text
    per = {"l": "L"}.get(count["per"][-1], count["per"][-1])
    prefix = {"μ": "u"}.get(count["per"][:-1], count["per"][:-1])
    return f"10*{count['power']}/{prefix}{per}"


def _has_power(text: str) -> bool:
    # Plain "109/L" may be a lost superscript or a number; only a visible power is certain.
    return re.search(r"[eE⁰¹²³⁴⁵⁶⁷⁸⁹]", text.split("/")[0]) is not None


def read_reference_range(text: str) -> ReferenceRange | None:
    """Return the printed interval, `>` and `>=` as a low bound; None if none is printed."""
    bare = text.strip().strip("[]()（）").strip()
    if not bare:
        return None
    if interval := _INTERVAL.fullmatch(bare):
        return ReferenceRange(text, Decimal(interval["low"]), Decimal(interval["high"]))
    if bound := _BOUND.fullmatch(bare):
        number = Decimal(bound["number"])
        if _COMPARATORS[bound["comparator"]].startswith("<"):
            return ReferenceRange(text, high=number)
        return ReferenceRange(text, low=number)
    return ReferenceRange(text)


def read_flag(text: str) -> ResultFlag | None:
    """Return what a laboratory's flag means; `L↓` says one thing twice. None if it is unknown."""
    text = text.strip().upper()
    if text in _FLAGS:
        return _FLAGS[text]
    return _FLAGS.get(text.rstrip("↑↓"))
