"""What an address says of north and south, town and country; and what it does not."""

import pytest

from app.domain.profile.risk.places import is_north, is_urban


@pytest.mark.parametrize(
    ("region", "north"),
    [
        ("北京市", True), ("河南省郑州市", True), ("浙江省宁波市", False), ("广东省", False),
        ("江苏省徐州市", True), ("江苏省苏州市", False), ("江苏省南京市", None), ("江苏省", None),
        ("湖北省武汉市", None), ("四川省成都市", None), ("重庆市", None), ("火星", None),
    ],
)  # fmt: skip
def test_north_of_the_yangtze(region: str, north: bool | None) -> None:
    assert is_north(region) is north


@pytest.mark.parametrize(
    ("address", "urban"),
    [
        ("浙江省宁波市海曙区南门街道示例路1号", True), ("河南省某县某乡某村3组", False),
        ("浙江省宁波市示例路1号", None), ("", None), ("某镇某村", False),
    ],
)  # fmt: skip
def test_town_or_country(address: str, urban: bool | None) -> None:
    assert is_urban(address) is urban
