"""The laboratory catalogue: every test we can judge, by LOINC code."""

from collections.abc import Mapping
from types import MappingProxyType

from app.domain.profile.laboratory_blood import BLOOD_COUNT, COAGULATION, INFLAMMATION
from app.domain.profile.laboratory_chemistry import (
    HEART_AND_THYROID,
    KIDNEY,
    LIVER,
    METABOLISM,
    MINERALS,
)
from app.domain.profile.laboratory_entry import LaboratoryTest

LABORATORY_TESTS: Mapping[str, LaboratoryTest] = MappingProxyType(
    {
        test.code: test
        for test in (
            *BLOOD_COUNT,
            *COAGULATION,
            *INFLAMMATION,
            *LIVER,
            *KIDNEY,
            *MINERALS,
            *METABOLISM,
            *HEART_AND_THYROID,
        )
    }
)

_JUDGED_AS: Mapping[str, str] = MappingProxyType(
    {sibling: test.code for test in LABORATORY_TESTS.values() for sibling in test.siblings}
)


def judged_code(code: str) -> str:
    """Return the LOINC code under which `code` is judged: its own, but for siblings.

    Cholesterol in mg/dL (2093-3) and in mmol/L (14647-2) are two LOINC codes of one quantity;
    rules know the second.
    """
    return _JUDGED_AS.get(code, code)
