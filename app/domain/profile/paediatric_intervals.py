"""Children's reference intervals: WS/T 779-2021 (venous blood count), WS/T 780-2021 (chemistry).

Written from memory and not checked against the standards: each says `is_verified=False` and serves
as a second opinion beside the report's own interval, never instead of it. Children under 28 days
are outside both standards, and so is capillary blood, which has columns of its own.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from app.domain.intake.hospital_records import Gender
from app.domain.profile.laboratory import LABORATORY_TESTS
from app.domain.profile.laboratory_entry import ADULT, Age, ReferenceInterval, days, months, years

_COUNT: Final = "WS/T 779-2021"
_CHEMISTRY: Final = "WS/T 780-2021"

_DAY_28: Final = days(28)
_MONTH_6: Final = months(6)
_M, _F = Gender.MALE, Gender.FEMALE

# From which age, for whom, low to high; a row ends where the next one for that sex begins.
_Row = tuple[Age, Gender | None, str, str]

_BLOOD_COUNT: Mapping[str, tuple[_Row, ...]] = {
    "6690-2": (  # WBC
        (_DAY_28, None, "4.3", "14.2"),
        (_MONTH_6, None, "4.8", "14.6"),
        (years(1), None, "5.1", "14.1"),
        (years(2), None, "4.4", "11.9"),
        (years(6), None, "4.3", "11.3"),
        (years(13), None, "4.1", "11.0"),
    ),
    "26499-4": (  # NEUT#
        (_DAY_28, None, "0.6", "7.5"),
        (_MONTH_6, None, "0.8", "6.4"),
        (years(1), None, "0.8", "5.8"),
        (years(2), None, "1.2", "7.0"),
        (years(6), None, "1.6", "7.8"),
        (years(13), None, "1.8", "8.3"),
    ),
    "718-7": (  # HGB
        (_DAY_28, None, "97", "183"),
        (_MONTH_6, None, "97", "141"),
        (years(1), None, "107", "141"),
        (years(2), None, "112", "149"),
        (years(6), None, "118", "156"),
        (years(13), _M, "129", "172"),
        (years(13), _F, "114", "154"),
    ),
    "777-3": (  # PLT
        (_DAY_28, None, "183", "614"),
        (_MONTH_6, None, "190", "579"),
        (years(1), None, "190", "524"),
        (years(2), None, "188", "472"),
        (years(6), None, "167", "453"),
        (years(12), None, "150", "407"),
    ),
}

_CHEMISTRY_ROWS: Mapping[str, tuple[_Row, ...]] = {
    "1742-6": (  # ALT
        (_DAY_28, None, "8", "71"),
        (years(1), None, "8", "42"),
        (years(2), None, "7", "30"),
        (years(13), _M, "7", "43"),
        (years(13), _F, "6", "29"),
    ),
    "1920-8": (  # AST
        (_DAY_28, None, "21", "80"),
        (years(1), None, "22", "59"),
        (years(2), None, "14", "44"),
        (years(13), _M, "12", "37"),
        (years(13), _F, "10", "31"),
    ),
    "6768-6": (  # ALP
        (_DAY_28, None, "98", "532"),
        (_MONTH_6, None, "106", "420"),
        (years(1), None, "128", "432"),
        (years(2), None, "143", "406"),
        (years(9), None, "146", "500"),
        (years(12), _M, "160", "610"),
        (years(12), _F, "81", "454"),
        (years(14), _M, "82", "603"),
        (years(14), _F, "63", "327"),
        (years(15), _M, "64", "443"),
        (years(15), _F, "52", "215"),
        (years(17), _M, "51", "202"),
        (years(17), _F, "43", "130"),
    ),
    "2324-2": (  # GGT
        (_DAY_28, None, "9", "150"),
        (_MONTH_6, None, "6", "31"),
        (years(1), None, "5", "19"),
        (years(13), _M, "8", "40"),
        (years(13), _F, "6", "26"),
    ),
    "1751-7": (  # ALB
        (_DAY_28, None, "35", "50"),
        (_MONTH_6, None, "39", "54"),
        (years(13), None, "42", "56"),
    ),
    "2823-3": (  # K
        (_DAY_28, None, "4.2", "5.9"),
        (years(2), None, "3.9", "5.4"),
        (years(3), None, "3.7", "5.2"),
        (years(16), None, "3.5", "4.9"),
    ),
    "14682-9": (  # CREA
        (_DAY_28, None, "13", "33"),
        (years(2), None, "19", "44"),
        (years(6), None, "27", "66"),
        (years(13), _M, "37", "93"),
        (years(13), _F, "33", "75"),
        (years(16), _M, "52", "101"),
        (years(16), _F, "39", "76"),
    ),
    "22664-7": (  # UREA
        (_DAY_28, None, "0.8", "5.3"),
        (_MONTH_6, None, "1.1", "5.9"),
        (years(1), None, "2.3", "6.7"),
        (years(2), _M, "2.7", "7.0"),
        (years(2), _F, "2.5", "6.5"),
    ),
}


def _intervals(code: str, source: str, rows: tuple[_Row, ...]) -> Iterator[ReferenceInterval]:
    starts = list(dict.fromkeys(row[0] for row in rows))
    ends = dict(zip(starts, [*starts[1:], ADULT], strict=True))
    for since, gender, low, high in rows:
        yield ReferenceInterval(
            source=source,
            unit=LABORATORY_TESTS[code].unit,
            low=Decimal(low),
            high=Decimal(high),
            gender=gender,
            since=since,
            until=ends[since],
            is_verified=False,
        )


PAEDIATRIC_INTERVALS: Mapping[str, tuple[ReferenceInterval, ...]] = MappingProxyType(
    {
        code: tuple(_intervals(code, source, rows))
        for source, table in ((_COUNT, _BLOOD_COUNT), (_CHEMISTRY, _CHEMISTRY_ROWS))
        for code, rows in table.items()
    }
)
