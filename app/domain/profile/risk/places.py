"""North or south of the Yangtze, town or country: what China-PAR asks of an address.

Where the river divides a province, the cities that lie on one bank are listed and the others are
not known. Town or country is read from the last parts of a written address; our own reading.
"""

import re
from collections.abc import Mapping
from typing import Final

_NORTH: Final = (
    "北京", "天津", "河北", "山西", "内蒙古", "辽宁", "吉林", "黑龙江", "山东", "河南", "陕西",
    "甘肃", "青海", "宁夏", "新疆",
)  # fmt: skip
_SOUTH: Final = (
    "上海", "浙江", "福建", "江西", "湖南", "广东", "广西", "海南", "贵州", "云南", "香港", "澳门",
    "台湾",
)  # fmt: skip
# Divided provinces: city → whether it lies north of the river.
_DIVIDED: Final[Mapping[str, Mapping[str, bool]]] = {
    "江苏": {
        **dict.fromkeys(("徐州", "连云港", "宿迁", "淮安", "盐城", "扬州", "泰州", "南通"), True),
        **dict.fromkeys(("镇江", "常州", "无锡", "苏州"), False),
    },
    "安徽": {
        **dict.fromkeys(
            ("合肥", "蚌埠", "淮南", "淮北", "阜阳", "宿州", "滁州", "六安", "亳州"), True
        ),
        **dict.fromkeys(("池州", "宣城", "黄山"), False),
    },
    "湖北": {
        **dict.fromkeys(("襄阳", "十堰", "随州", "孝感", "荆门", "黄冈"), True),
        **dict.fromkeys(("黄石", "咸宁", "鄂州"), False),
    },
}
_COUNTRY: Final = re.compile(r"[村乡屯]|组\d|大队")
_TOWN: Final = re.compile(r"街道|社区|小区|居委会|大厦|公寓")


def is_north(region: str) -> bool | None:
    """Tell whether 江苏省徐州市 lies north of the Yangtze; None where that cannot be said."""
    if region.startswith(_NORTH):
        return True
    if region.startswith(_SOUTH):
        return False
    for province, cities in _DIVIDED.items():
        if region.startswith(province):
            return next((north for city, north in cities.items() if city in region), None)
    return None


def is_urban(address: str) -> bool | None:
    """Tell whether an address is one in a town; None where it does not show."""
    if _COUNTRY.search(address):
        return False
    return True if _TOWN.search(address) else None
