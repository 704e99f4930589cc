"""What a template keyword may hold, by the type in its name (订阅消息参数值内容限制说明)."""

import re
from collections.abc import Callable

_CHINESE = re.compile(r"[㐀-鿿]")
_DATE = r"(?:\d{4}年\d{1,2}月\d{1,2}日|\d{4}-\d{1,2}-\d{1,2})"
_HOUR = r"(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d)?"
_TIME = rf"(?:{_DATE} ?)?{_HOUR}"
_DAY = rf"{_DATE}(?: ?{_HOUR})?"


def _fits(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


def _is_name(value: str) -> bool:
    # A mixed name counts as Chinese.
    most = 10 if _CHINESE.search(value) else 20
    return 0 < len(value) <= most and not re.search(r"\d", value)


RULES: dict[str, Callable[[str], bool]] = {
    "thing": _fits(r"[^\r\n]{1,20}"),
    "number": _fits(r"-?(?=[\d.]{1,33}$)\d{1,32}(\.\d{1,31})?"),
    "letter": _fits(r"[A-Za-z]{1,32}"),
    "symbol": _fits(r"[^\w\s]{1,5}"),
    "character_string": _fits(r"[!-~ ]{1,32}"),
    "time": _fits(rf"{_TIME}(?: ?~ ?{_TIME})?"),
    "date": _fits(rf"{_DAY}(?: ?~ ?(?:{_DAY}|{_HOUR}))?"),
    "amount": _fits(r"[¥￥$€£]?\d{1,10}(\.\d+)?元?"),
    "phone_number": _fits(r"[\d+\-() ]{1,17}"),
    "car_number": _fits(r"[㐀-鿿A-Z0-9][A-Z0-9·]{1,6}[㐀-鿿A-Z0-9]?"),
    "name": _is_name,
    "phrase": _fits(r"[㐀-鿿]{1,5}"),
    "enum_string": _fits(r".{1,20}"),
}


def type_of(keyword: str) -> str:
    """Return `thing` for `thing12`."""
    return keyword.rstrip("0123456789")


def is_allowed(value_type: str, value: str) -> bool:
    """Return whether `value` suits the type; a type without a rule takes any text but none."""
    rule = RULES.get(value_type)
    return rule(value) if rule else bool(value.strip())
