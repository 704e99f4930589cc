"""Segments to begin from: who makes one from nothing learns here what conditions can say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Example:
    name: str
    tree: Mapping[str, Any]


EXAMPLES: Final[Mapping[str, Example]] = {
    "away": Example(
        "65 岁以上、90 天没有来过医院",
        {
            "all": [
                {"age": {"op": ">=", "years": 65}},
                {"not": {"visited": {"at_least": 1, "within": "P90D"}}},
            ]
        },
    ),
    "glucose": Example(
        "2 型糖尿病、最近一次血糖高于 10 mmol/L",
        {
            "all": [
                {"condition": {"code": "E11"}},
                {
                    "latest": {
                        "code": "15074-8",
                        "op": ">",
                        "value": "10",
                        "unit": "mmol/L",
                        "within": "P90D",
                    }
                },
            ]
        },
    ),
    "pressure": Example(
        "高血压、30 天没有量过血压，而且能联系到",
        {
            "all": [
                {"condition": {"code": "I10"}},
                {"not": {"measured": {"code": "8480-6", "within": "P30D"}}},
                {"any": [{"reachable": {"by": "mini-program"}}, {"reachable": {"by": "phone"}}]},
            ]
        },
    ),
}
