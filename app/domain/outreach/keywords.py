"""What a template's keyword may hold, by the type in its name (订阅消息参数值内容限制说明).

A value that breaks its rule costs a round trip and is refused for ever (47003): look first.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

_CHINESE: Final = re.compile(r"[㐀-鿿]")
_DAY: Final = r"(?:\d{4}年\d{1,2}月\d{1,2}日|\d{4}-\d{2}-\d{2})"
_CLOCK: Final = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?"
_TIME: Final = rf"(?:{_DAY} ?)?{_CLOCK}"
_DATE: Final = rf"{_DAY}(?: ?{_CLOCK})?"


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: compiled.fullmatch(value) is not None


def _is_number(value: str) -> bool:
    digits = value.removeprefix("-").replace(".", "", 1)
    return digits.isdecimal() and len(digits) <= 32


def _is_name(value: str) -> bool:
    # A mixed name counts as Chinese.
    longest = 10 if _CHINESE.search(value) else 20
    return len(value) <= longest and not re.search(r"[\d\r\n]", value)


_RULES: Final[dict[str, Callable[[str], bool]]] = {
    "thing": _matches(r"[^\r\n]{1,20}"),
    "number": _is_number,
    "letter": _matches(r"[A-Za-z]{1,32}"),
    "symbol": _matches(r"[!-/:-@\[-`{-~]{1,5}"),
    "character_string": _matches(r"[ -~]{1,32}"),
    "time": _matches(rf"{_TIME}(?: ?~ ?{_TIME})?"),
    "date": _matches(rf"{_DATE}(?: ?~ ?(?:{_DATE}|{_CLOCK}))?"),
    "amount": _matches(r"[¥￥$€£]?\d{1,10}(?:\.\d{1,2})?元?"),
    "phone_number": _matches(r"[\d+() -]{1,17}"),
    "car_number": _matches(r"[A-Z0-9㐀-鿿]{1,8}"),
    "name": _is_name,
    "phrase": _matches(r"[㐀-鿿]{1,5}"),
}


def misfits(data: Mapping[str, str]) -> list[str]:
    """Return the keywords whose text their type does not allow; `thing12` is a `thing`."""
    return [keyword for keyword, text in data.items() if not _fits(keyword, text)]


def _fits(keyword: str, text: str) -> bool:
    if not text.strip():
        return False
    rule = _RULES.get(keyword.rstrip("0123456789"))
    return rule is None or rule(text)
