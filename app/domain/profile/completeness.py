"""How much of what care asks of a person is known; what is missing is named, to be asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Item(StrEnum):
    """What a record should say of everybody."""

    NAME = "name"
    GENDER = "gender"
    BIRTH_DATE = "birth-date"
    PHONE = "phone"
    ADDRESS = "address"
    DEPARTMENT = "department"
    CONSENT = "consent"
    LINK = "link"  # somebody can be reached in the mini-program
    ALLERGIES = "allergies"
    CONDITIONS = "conditions"
    LIFE_STYLE = "life-style"  # at least tobacco, alcohol and exercise

    @property
    def word(self) -> str:
        return _WORDS[self]


_WORDS: Final[Mapping[Item, str]] = {
    Item.NAME: "姓名", Item.GENDER: "性别", Item.BIRTH_DATE: "出生日期", Item.PHONE: "电话",
    Item.ADDRESS: "住址", Item.DEPARTMENT: "科室", Item.CONSENT: "健康信息同意",
    Item.LINK: "小程序绑定", Item.ALLERGIES: "过敏史", Item.CONDITIONS: "诊断",
    Item.LIFE_STYLE: "吸烟、饮酒和运动",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Completeness:
    """`missing` in the order in which it should be asked."""

    known: int
    of: int
    missing: tuple[Item, ...]


def completeness(known: Mapping[Item, bool]) -> Completeness:
    """Return how many of the items are known; one that nobody looked for is missing."""
    missing = tuple(item for item in Item if not known.get(item, False))
    return Completeness(len(Item) - len(missing), len(Item), missing)
