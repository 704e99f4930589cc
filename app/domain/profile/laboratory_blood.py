"""Blood count, coagulation and inflammation: the rows of the catalogue.

Adult intervals: WS/T 405-2012 for the blood count; laboratories, makers of reagents and the
national manual of laboratory procedures for the rest. Percentages and the rarer cells were written
from memory. Critical limits are starting values: published hospital lists differ.
"""

from typing import Final

from app.domain.profile.laboratory_entry import LaboratoryTest, both, by_gender, limits, listed

_COUNT: Final = "WS/T 405-2012"
_MANUAL: Final = "全国临床检验操作规程"
_LABORATORY: Final = "实验室"
_MAKER: Final = "试剂说明书"

BLOOD_COUNT: tuple[LaboratoryTest, ...] = (
    listed(
        "6690-2", "白细胞计数", "WBC", "10*9/L", ("0", "1500"),
        both(_COUNT, "3.5", "9.5"),
        critical=limits("1.5", "30"), national_code="0100101A",
        names="白细胞 白细胞数 白细胞总数",
    ),
    listed(
        "26499-4", "中性粒细胞绝对值", "NEUT#", "10*9/L", ("0", "1000"),
        both(_COUNT, "1.8", "6.3"),
        critical=limits("0.5"),
        names="中性粒细胞计数 中性粒细胞数 中性粒细胞# ANC GRAN#",
    ),
    listed(
        "26511-6", "中性粒细胞百分比", "NEUT%", "%", ("0", "100"),
        both(_COUNT, "40", "75", is_verified=False),
        names="中性粒细胞百分数 中性粒细胞% 中性粒细胞比率 GRAN%",
    ),
    listed(
        "26474-7", "淋巴细胞绝对值", "LYMPH#", "10*9/L", ("0", "1000"),
        both(_COUNT, "1.1", "3.2"),
        names="淋巴细胞计数 淋巴细胞数 淋巴细胞# LYM#",
    ),
    listed(
        "26478-8", "淋巴细胞百分比", "LYMPH%", "%", ("0", "100"),
        both(_COUNT, "20", "50", is_verified=False),
        names="淋巴细胞百分数 淋巴细胞% 淋巴细胞比率 LYM%",
    ),
    listed(
        "26484-6", "单核细胞绝对值", "MONO#", "10*9/L", ("0", "500"),
        both(_COUNT, "0.1", "0.6", is_verified=False),
        names="单核细胞计数 单核细胞数 单核细胞# MON#",
    ),
    listed(
        "26485-3", "单核细胞百分比", "MONO%", "%", ("0", "100"),
        both(_COUNT, "3", "10", is_verified=False),
        names="单核细胞百分数 单核细胞% MON%",
    ),
    listed(
        "26449-9", "嗜酸性粒细胞绝对值", "EOS#", "10*9/L", ("0", "500"),
        both(_COUNT, "0.02", "0.52"),
        names="嗜酸性粒细胞计数 嗜酸性粒细胞数 嗜酸性粒细胞# EO#",
    ),
    listed(
        "26450-7", "嗜酸性粒细胞百分比", "EOS%", "%", ("0", "100"),
        both(_COUNT, "0.4", "8.0", is_verified=False),
        names="嗜酸性粒细胞百分数 嗜酸性粒细胞% EO%",
    ),
    listed(
        "26444-0", "嗜碱性粒细胞绝对值", "BASO#", "10*9/L", ("0", "500"),
        both(_COUNT, "0", "0.06", is_verified=False),
        names="嗜碱性粒细胞计数 嗜碱性粒细胞数 嗜碱性粒细胞# BAS#",
    ),
    listed(
        "30180-4", "嗜碱性粒细胞百分比", "BASO%", "%", ("0", "100"),
        both(_COUNT, "0", "1", is_verified=False),
        names="嗜碱性粒细胞百分数 嗜碱性粒细胞% BAS%",
    ),
    listed(
        "789-8", "红细胞计数", "RBC", "10*12/L", ("0.1", "15"),
        by_gender(_COUNT, ("4.3", "5.8"), ("3.8", "5.1")),
        names="红细胞 红细胞数",
    ),
    listed(
        "718-7", "血红蛋白", "HGB", "g/L", ("5", "300"),
        by_gender(_COUNT, ("130", "175"), ("115", "150")),
        critical=limits("50", "200"),
        names="血红蛋白浓度 血红蛋白量 Hb HB",
    ),
    listed(
        "4544-3", "红细胞压积", "HCT", "L/L", ("0.02", "0.85"),
        by_gender(_COUNT, ("0.40", "0.50"), ("0.35", "0.45")),
        names="血细胞比容 红细胞比容 红细胞比积 PCV",
    ),
    listed(
        "787-2", "平均红细胞体积", "MCV", "fL", ("30", "200"),
        both(_COUNT, "82", "100"),
        names="红细胞平均体积",
    ),
    listed(
        "785-6", "平均血红蛋白量", "MCH", "pg", ("5", "80"),
        both(_COUNT, "27", "34"),
        names="平均红细胞血红蛋白量 红细胞平均血红蛋白量 平均红细胞血红蛋白含量",
    ),
    listed(
        "786-4", "平均血红蛋白浓度", "MCHC", "g/L", ("150", "500"),
        both(_COUNT, "316", "354"),
        names="平均红细胞血红蛋白浓度 红细胞平均血红蛋白浓度",
    ),
    listed(
        "777-3", "血小板计数", "PLT", "10*9/L", ("0", "6000"),
        both(_COUNT, "125", "350"),
        critical=limits("30", "1000"),
        names="血小板 血小板数",
    ),
)  # fmt: skip

COAGULATION: tuple[LaboratoryTest, ...] = (
    listed(
        # A ratio: reports print it without a unit because it has none.
        "6301-6", "国际标准化比值", "INR", "{INR}", ("0.3", "25"),
        both(_LABORATORY, "0.8", "1.2"),
        critical=limits("", "4.5"),
        names="PT-INR 凝血酶原国际标准化比值 凝血酶原时间国际标准化比值",
    ),
    listed(
        "14979-9", "活化部分凝血活酶时间", "APTT", "s", ("5", "400"),
        both(_LABORATORY, "25", "37"),
        critical=limits("", "70"),
        names="部分凝血活酶时间 活化部分凝血酶原时间 KPTT",
    ),
    listed(
        "3255-7", "纤维蛋白原", "FIB", "g/L", ("0.05", "25"),
        both(_MANUAL, "2.0", "4.0", is_verified=False),
        critical=limits("1.0"),
        names="血浆纤维蛋白原 纤维蛋白原含量",
    ),
    listed(
        # Half as large in DDU: a bare mg/L does not say which, and is not converted.
        "48065-7", "D-二聚体", "DD", "mg{FEU}/L", ("0", "1000"),
        both(_MAKER, "", "0.5", is_high_open=True),
        names="D二聚体 D-二聚体定量 D-D D-Dimer DDI",
        siblings="48066-5",
    ),
)  # fmt: skip

INFLAMMATION: tuple[LaboratoryTest, ...] = (
    listed(
        "1988-5", "C反应蛋白", "CRP", "mg/L", ("0", "1000"),
        both(_LABORATORY, "", "8", is_high_open=True),
        national_code="0600401A",
        names="C-反应蛋白 全程C反应蛋白 全量程C反应蛋白",
    ),
    listed(
        "33959-8", "降钙素原", "PCT", "ng/mL", ("0", "2000"),
        both(_MAKER, "", "0.05", is_high_open=True, is_verified=False),
        critical=limits("", "10"),
        names="前降钙素 降钙素原定量",
    ),
    listed(
        "4537-7", "红细胞沉降率", "ESR", "mm/h", ("0", "200"),
        by_gender(_MANUAL, ("", "15"), ("", "20")),
        names="血沉 红细胞沉降速率",
    ),
    listed(
        "2276-4", "铁蛋白", "FER", "ug/L", ("0.1", "200000"),
        by_gender(_MAKER, ("30", "400"), ("13", "150")),
        names="血清铁蛋白 SF",
    ),
)  # fmt: skip
