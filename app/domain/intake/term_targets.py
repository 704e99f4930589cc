"""What a term may be mapped to: a standard code of its kind, checked before anyone relies on it."""

import re
from collections.abc import Mapping
from typing import Final

from app.domain.errors import NotATarget
from app.domain.intake.hospital_records import Coded
from app.domain.intake.terminology import (
    ATC,
    ICD_10,
    LOINC,
    OUR_DEPARTMENTS,
    UCUM,
    TermKind,
    is_icd_10,
)
from app.domain.profile.laboratory import judged_code
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.profile.unit_spellings import read_unit

NMPA: Final = "http://www.nmpa.gov.cn"  # 国药准字: the approval number of a medicine in China

_LOINC_CODE: Final = re.compile(r"([0-9]{1,6})-([0-9])")
_ATC_CODE: Final = re.compile(r"[A-Z][0-9]{2}[A-Z]{2}[0-9]{2}")
_NMPA_CODE: Final = re.compile(r"(?:国药准字)?([HZSJBFT][0-9]{8})")
_LONGEST_NAME: Final = 255


def read_target(
    kind: TermKind, code: str, departments: Mapping[str, str], display: str = ""
) -> Coded:
    """Return the standard code that a person typed or chose for a term of `kind`.

    Tests: LOINC with its check digit. Units: a UCUM unit of our table, in any spelling.
    Departments: one of ours. Diagnoses: ICD-10. Medicines: ATC or 国药准字.

    :raises NotATarget: with a sentence for the person
    """
    code, display = code.strip(), display.strip()[:_LONGEST_NAME]
    match kind:
        case TermKind.OBSERVATION:
            return _loinc(code, display)
        case TermKind.UNIT:
            unit = read_unit(code)
            if unit is None:
                raise NotATarget(f"单位表里没有“{code[:40]}”，请从列表中选择")
            return Coded(unit, unit, UCUM)
        case TermKind.DEPARTMENT:
            if code not in departments:
                raise NotATarget("本院科室里没有这个代码")
            return Coded(code, departments[code], OUR_DEPARTMENTS)
        case TermKind.CONDITION:
            if not is_icd_10(Coded(code)):
                raise NotATarget("诊断请填 ICD-10 代码，例如 E11.9")
            return Coded(code, display, ICD_10)
        case TermKind.MEDICATION:
            return _medicine(code, display)


def is_judged(target: Coded) -> bool:
    """Tell whether rules can read what is mapped to it."""
    return target.system != LOINC or judged_code(target.code) in OBSERVATION_KINDS


def _loinc(code: str, display: str) -> Coded:
    match = _LOINC_CODE.fullmatch(code)
    if match is None or _check_digit(match[1]) != int(match[2]):
        raise NotATarget("LOINC 代码不对：形如 2823-3，最后一位是校验码，请核对")
    kind = OBSERVATION_KINDS.get(judged_code(code))
    return Coded(code, kind.name if kind else display, LOINC)


def _check_digit(digits: str) -> int:
    """Return the Mod 10 check digit that LOINC appends."""
    doubled = [int(d) * (2 if n % 2 == 0 else 1) for n, d in enumerate(reversed(digits))]
    return -sum(n // 10 + n % 10 for n in doubled) % 10


def _medicine(code: str, display: str) -> Coded:
    if _ATC_CODE.fullmatch(code):
        return Coded(code, display, ATC)
    approved = _NMPA_CODE.fullmatch(code)
    if approved is None:
        raise NotATarget("药品请填 ATC 代码（例如 A10BA02）或国药准字（例如 H20023370）")
    return Coded(approved[1], display, NMPA)
