"""Province and city of an address in China: enough to plan by, too little to find anyone.

The 34 provinces by their full and short names, and by the first two digits of GB/T 2260. A city
without its province is not guessed at: many towns share a name.
"""

import re
from collections.abc import Mapping
from typing import Final

_MUNICIPALITIES: Final = ("北京", "天津", "上海", "重庆")
# Code → short name, suffix.
_PROVINCES: Final[Mapping[str, tuple[str, str]]] = {
    "11": ("北京", "市"), "12": ("天津", "市"), "13": ("河北", "省"), "14": ("山西", "省"),
    "15": ("内蒙古", "自治区"), "21": ("辽宁", "省"), "22": ("吉林", "省"), "23": ("黑龙江", "省"),
    "31": ("上海", "市"), "32": ("江苏", "省"), "33": ("浙江", "省"), "34": ("安徽", "省"),
    "35": ("福建", "省"), "36": ("江西", "省"), "37": ("山东", "省"), "41": ("河南", "省"),
    "42": ("湖北", "省"), "43": ("湖南", "省"), "44": ("广东", "省"),
    "45": ("广西", "壮族自治区"), "46": ("海南", "省"), "50": ("重庆", "市"), "51": ("四川", "省"),
    "52": ("贵州", "省"), "53": ("云南", "省"), "54": ("西藏", "自治区"), "61": ("陕西", "省"),
    "62": ("甘肃", "省"), "63": ("青海", "省"), "64": ("宁夏", "回族自治区"),
    "65": ("新疆", "维吾尔自治区"), "71": ("台湾", "省"), "81": ("香港", "特别行政区"),
    "82": ("澳门", "特别行政区"),
}  # fmt: skip
PROVINCES: Final = tuple(short + suffix for short, suffix in _PROVINCES.values())
_FULL: Final = {short: short + suffix for short, suffix in _PROVINCES.values()}
# Also spelt without the people the region is named after (广西自治区), or as 特区.
_SPELT: Final = {
    **{full: full for full in PROVINCES},
    **{f"{short}自治区": _FULL[short] for short in ("广西", "宁夏", "新疆")},
    **{f"{short}省": _FULL[short] for short in ("北京", "天津", "上海", "重庆")},
}

_NOISE: Final = re.compile(r"[\s,，.。;；:：、|\-_/]+")
_COUNTRY: Final = re.compile(r"^(?:中华人民共和国|中国|CHN|CN)")
# 河北区 is in 天津, 海南藏族自治州 in 青海, and every town has a 北京路.
_NOT_A_PROVINCE: Final = re.compile(
    r"[东西南北中]?[路街道区县镇乡村]|大道|大街|大厦|藏族|蒙古族|新村|花园|小区"
)
# Letters that end a smaller place may not stand before the end of a city.
_CITY: Final = re.compile(r"([^县区村街路号旗\d市盟]{1,14}?(?:自治州|地区|盟|市))")
_CITY_LESS: Final = re.compile(r"[\u4e00-\u9fff]{2,10}")
_NO_CITY: Final = ("市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划", "直辖县级")


def region_of(address: str | None) -> str | None:
    """Return 浙江省宁波市 of an address, 浙江省 where the city does not show, else None."""
    text = _COUNTRY.sub("", _NOISE.sub("", address or ""))
    province, rest = _split(text)
    if province is None:
        return None
    return province + _city(province, rest)


def region_of_parts(province: str | None, city: str | None) -> str | None:
    """Return the region of two fields of an address, or None where the first is no province.

    Senders fill fields in orders of their own: what does not name a province is not believed.
    """
    told = _NOISE.sub("", province or "")
    full = _by_code(told) or _SPELT.get(told) or _FULL.get(told)
    if full is None:
        return None
    return full + _city(full, _named(_NOISE.sub("", city or "")))


def _by_code(text: str) -> str | None:
    if not re.fullmatch(r"\d{2}(\d{4})?", text) or text[:2] not in _PROVINCES:
        return None
    short, suffix = _PROVINCES[text[:2]]
    return short + suffix


def _split(text: str) -> tuple[str | None, str]:
    for spelt, full in _SPELT.items():
        if text.startswith(spelt):
            return full, text[len(spelt) :]
    for short, full in _FULL.items():
        rest = text.removeprefix(short)
        if rest != text and not _NOT_A_PROVINCE.match(rest):
            return full, rest
    return None, ""


def _city(province: str, rest: str) -> str:
    if province.removesuffix("市") in _MUNICIPALITIES:
        return ""
    # 浙江省浙江省宁波市: the street line repeats what the fields before it said.
    rest = rest.removeprefix(province)
    found = _CITY.match(rest)
    return found[1] if found and found[1] not in _NO_CITY else ""


def _named(city: str) -> str:
    """Return 宁波市 of 宁波."""
    if not city or city in _NO_CITY or _CITY.match(city):
        return city
    return f"{city}市" if _CITY_LESS.fullmatch(city) and city[-1] not in "县区旗镇" else city
