"""Province and city of addresses as people and systems write them."""

import pytest

from app.domain.profile.places import PROVINCES, region_of, region_of_parts


@pytest.mark.parametrize(
    ("address", "region"),
    [
        ("浙江省宁波市海曙区中山西路1号", "浙江省宁波市"),
        ("浙江宁波市海曙区", "浙江省宁波市"),
        ("浙江宁波海曙区", "浙江省"),
        ("中国 浙江省 宁波市 海曙区", "浙江省宁波市"),
        ("浙江省,宁波市,海曙区", "浙江省宁波市"),
        ("浙江省浙江省宁波市海曙区", "浙江省宁波市"),
        ("北京市朝阳区建国路88号", "北京市"),
        ("北京朝阳区", "北京市"),
        ("上海市上海市浦东新区", "上海市"),
        ("重庆市云阳县", "重庆市"),
        ("吉林省延边朝鲜族自治州延吉市", "吉林省延边朝鲜族自治州"),
        ("湖北省恩施土家族苗族自治州恩施市", "湖北省恩施土家族苗族自治州"),
        ("贵州省黔东南苗族侗族自治州凯里市", "贵州省黔东南苗族侗族自治州"),
        ("新疆维吾尔自治区伊犁哈萨克自治州伊宁市", "新疆维吾尔自治区伊犁哈萨克自治州"),
        ("新疆喀什地区喀什市", "新疆维吾尔自治区喀什地区"),
        ("西藏自治区阿里地区噶尔县", "西藏自治区阿里地区"),
        ("内蒙古锡林郭勒盟锡林浩特市", "内蒙古自治区锡林郭勒盟"),
        ("内蒙古自治区呼和浩特市赛罕区", "内蒙古自治区呼和浩特市"),
        ("广西壮族自治区南宁市", "广西壮族自治区南宁市"),
        ("广西自治区桂林市", "广西壮族自治区桂林市"),
        ("黑龙江省大兴安岭地区加格达奇区", "黑龙江省大兴安岭地区"),
        ("江西省景德镇市珠山区", "江西省景德镇市"),
        ("江苏省镇江市京口区", "江苏省镇江市"),
        ("河南省新乡市红旗区", "河南省新乡市"),
        ("江西省萍乡市", "江西省萍乡市"),
        ("海南省三亚市", "海南省三亚市"),
        ("海南省市辖区", "海南省"),
        ("浙江省宁海县城关镇城市花园3幢", "浙江省"),
        ("四川省阿坝藏族羌族自治州马尔康市", "四川省阿坝藏族羌族自治州"),
        ("香港九龙", "香港特别行政区"),
        ("台湾省台北市", "台湾省台北市"),
        # No province, or something that only looks like one.
        ("吉林市昌邑区", "吉林省"),
        ("海南藏族自治州共和县", None),
        ("河北区中山路", None),
        ("北京路12号", None),
        ("南京东路1号", None),
        ("宁波市海曙区", None),
        ("No. 1 Main St, Springfield", None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_says_its_province_and_city(address: str | None, region: str | None) -> None:
    assert region_of(address) == region


@pytest.mark.parametrize(
    ("province", "city", "region"),
    [
        ("浙江省", "宁波市", "浙江省宁波市"),
        ("浙江", "宁波", "浙江省宁波市"),
        ("330000", "宁波市", "浙江省宁波市"),
        ("33", "", "浙江省"),
        ("北京市", "北京市", "北京市"),
        ("北京市", "市辖区", "北京市"),
        ("吉林省", "延边朝鲜族自治州", "吉林省延边朝鲜族自治州"),
        ("浙江省", "市辖区", "浙江省"),
        ("浙江省", "宁海县", "浙江省"),
        ("浙江省", None, "浙江省"),
        # A sender that fills fields in another order.
        ("中山西路1号", "浙江省", None),
        ("99", "宁波市", None),
        ("", "宁波市", None),
        ("Zhejiang", "Ningbo", None),
    ],
)
def test_fields_are_believed_where_they_name_a_province(
    province: str, city: str | None, region: str | None
) -> None:
    assert region_of_parts(province, city) == region


def test_there_are_34_and_each_knows_itself() -> None:
    assert len(PROVINCES) == len(set(PROVINCES)) == 34
    for full in PROVINCES:
        assert region_of(f"{full}某县") == full
        assert len(full) <= 40
