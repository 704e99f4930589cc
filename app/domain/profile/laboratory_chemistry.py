"""Chemistry, hormones and urine: the rows of the catalogue.

Adult intervals: WS/T 404.1 to 404.8 (2012, 2015, 2018) and the guidelines named. Those for women
from 50 and for everybody from 60 years, the lipids, and the heart's and thyroid's were written
from memory unless the row says otherwise. Critical limits are starting values.
"""

from typing import Final

from app.domain.profile.laboratory_entry import (
    LaboratoryTest,
    both,
    by_gender,
    limits,
    listed,
    years,
)

_MANUAL: Final = "全国临床检验操作规程"
_LIPIDS: Final = "中国血脂管理指南 2023"
_KDIGO: Final = "KDIGO 2024"
_MAKER: Final = "试剂说明书"

LIVER: tuple[LaboratoryTest, ...] = (
    listed(
        "1742-6", "丙氨酸氨基转移酶", "ALT", "U/L", ("0", "50000"),
        by_gender("WS/T 404.1-2012", ("9", "50"), ("7", "40")),
        names="谷丙转氨酶 丙氨酸转氨酶 GPT SGPT",
    ),
    listed(
        "1920-8", "天门冬氨酸氨基转移酶", "AST", "U/L", ("0", "50000"),
        by_gender("WS/T 404.1-2012", ("15", "40"), ("13", "35")),
        names="谷草转氨酶 天冬氨酸氨基转移酶 门冬氨酸氨基转移酶 GOT SGOT",
    ),
    listed(
        "6768-6", "碱性磷酸酶", "ALP", "U/L", ("0", "20000"),
        by_gender("WS/T 404.1-2012", ("45", "125"), ("35", "100"), until=years(50)),
        by_gender(
            "WS/T 404.1-2012", ("45", "125"), ("50", "135"),
            since=years(50), until=years(80), is_verified=False,
        ),
        names="AKP",
    ),
    listed(
        "2324-2", "γ-谷氨酰基转移酶", "GGT", "U/L", ("0", "20000"),
        by_gender("WS/T 404.1-2012", ("10", "60"), ("7", "45")),
        names="γ-谷氨酰转移酶 γ-谷氨酰转肽酶 谷氨酰转肽酶 谷氨酰基转移酶 γ-GT R-GT",
    ),
    listed(
        "2885-2", "总蛋白", "TP", "g/L", ("10", "200"),
        both("WS/T 404.2-2012", "65", "85"),
        names="血清总蛋白",
    ),
    listed(
        "1751-7", "白蛋白", "ALB", "g/L", ("2", "100"),
        both("WS/T 404.2-2012", "40", "55"),
        critical=limits("20"),
        names="血清白蛋白",
    ),
    listed(
        "14631-6", "总胆红素", "TBIL", "umol/L", ("0", "1500"),
        by_gender("WS/T 404.4-2018", ("", "26.0"), ("", "21.0")),
        critical_newborn=limits("", "342"),
        names="血清总胆红素 T-BIL STB",
        siblings="1975-2",
    ),
    listed(
        # 8.0 by one maker's method, 4.0 by another's: the report's own interval tells which.
        "14629-0", "直接胆红素", "DBIL", "umol/L", ("0", "1000"),
        both("WS/T 404.4-2018", "", "8.0"),
        names="结合胆红素 D-BIL",
        siblings="1968-7",
    ),
    listed(
        "2532-0", "乳酸脱氢酶", "LDH", "U/L", ("0", "50000"),
        both("WS/T 404.7-2015", "120", "250"),
    ),
    listed(
        "2157-6", "肌酸激酶", "CK", "U/L", ("0", "500000"),
        by_gender("WS/T 404.7-2015", ("50", "310"), ("40", "200")),
        names="磷酸肌酸激酶 CPK",
    ),
    listed(
        "1798-8", "淀粉酶", "AMY", "U/L", ("0", "50000"),
        both("WS/T 404.8-2015", "35", "135", is_verified=False),
        critical=limits("", "405"),
        names="血淀粉酶 血清淀粉酶 AMS α-淀粉酶",
    ),
)  # fmt: skip

KIDNEY: tuple[LaboratoryTest, ...] = (
    listed(
        "22664-7", "尿素", "UREA", "mmol/L", ("0.1", "150"),
        by_gender("WS/T 404.5-2015", ("3.1", "8.0"), ("2.6", "7.5"), until=years(60)),
        by_gender(
            "WS/T 404.5-2015", ("3.6", "9.5"), ("3.1", "8.8"),
            since=years(60), until=years(80), is_verified=False,
        ),
        critical=limits("", "36"),
        names="尿素氮 血尿素 血尿素氮 BUN URE",
        # 3094-0 weighs the nitrogen only, 3091-6 the whole molecule.
        siblings="3094-0 3091-6",
    ),
    listed(
        "14682-9", "肌酐", "CREA", "umol/L", ("1", "4000"),
        by_gender("WS/T 404.5-2015", ("57", "97"), ("41", "73"), until=years(60)),
        by_gender(
            "WS/T 404.5-2015", ("57", "111"), ("41", "81"), since=years(60), until=years(80)
        ),
        critical=limits("", "650", is_first_only=True),
        names="血肌酐 血清肌酐 CRE Cr SCr",
        siblings="2160-0",
    ),
    listed(
        "14933-6", "尿酸", "UA", "umol/L", ("1", "3000"),
        by_gender("WS/T 404", ("208", "428"), ("155", "357")),
        names="血尿酸 血清尿酸 URIC",
        siblings="3084-1",
    ),
    listed(
        "98979-8", "估算肾小球滤过率", "eGFR", "mL/min/{1.73_m2}", ("0", "250"),
        both(_KDIGO, "90", ""),
        names="肾小球滤过率 估算的肾小球滤过率 GFR",
    ),
    listed(
        # KDIGO stages in the unit printed: 30 mg/g and 3 mg/mmol, which are not quite equal.
        "14959-1", "尿白蛋白/肌酐", "UACR", "mg/g", ("0", "30000"),
        both(_KDIGO, "", "30", is_high_open=True),
        both(_KDIGO, "", "3", is_high_open=True, unit="mg/mmol"),
        names="尿白蛋白/肌酐比值 尿白蛋白肌酐比 尿微量白蛋白/肌酐 ACR",
    ),
)  # fmt: skip

MINERALS: tuple[LaboratoryTest, ...] = (
    listed(
        "2823-3", "钾", "K", "mmol/L", ("0.5", "20"),
        both("WS/T 404.3-2012", "3.5", "5.3"),
        critical=limits("2.8", "6.2"),
        names="血钾 血清钾 钾离子 K+",
    ),
    listed(
        "2951-2", "钠", "NA", "mmol/L", ("80", "220"),
        both("WS/T 404.3-2012", "137", "147"),
        critical=limits("120", "160"),
        names="血钠 血清钠 钠离子 Na+",
    ),
    listed(
        "2075-0", "氯", "CL", "mmol/L", ("40", "200"),
        both("WS/T 404.3-2012", "99", "110"),
        critical=limits("80", "125"),
        names="血氯 血清氯 氯离子 Cl-",
    ),
    listed(
        "2000-8", "总钙", "CA", "mmol/L", ("0.2", "8"),
        both("WS/T 404.6-2015", "2.11", "2.52"),
        critical=limits("1.6", "3.5"),
        names="钙 血钙 血清钙 血清总钙",
        siblings="17861-6",
    ),
    listed(
        "14879-1", "无机磷", "P", "mmol/L", ("0.05", "15"),
        both("WS/T 404.6-2015", "0.85", "1.51"),
        critical=limits("0.3", "2.5"),
        names="磷 血磷 血清磷 血清无机磷 PHOS IP",
        siblings="2777-1",
    ),
    listed(
        "2601-3", "镁", "MG", "mmol/L", ("0.05", "15"),
        both("WS/T 404.6-2015", "0.75", "1.02"),
        critical=limits("0.5", "3.0"),
        names="血镁 血清镁 镁离子 Mg2+",
        siblings="19123-9",
    ),
)  # fmt: skip

METABOLISM: tuple[LaboratoryTest, ...] = (
    listed(
        # The gate of home meters, 0.6 to 33.3, is that of their scale; a laboratory's reaches on.
        "14749-6", "空腹血糖", "GLU", "mmol/L", ("0.1", "120"),
        both("诊断常规", "3.9", "6.1"),
        critical=limits("2.5", "22.2"), critical_newborn=limits("2.2", "16.6"),
        names="葡萄糖 血糖 血葡萄糖 静脉血糖 血清葡萄糖 FPG",
        siblings="2345-7 1558-6 14771-0",
    ),
    listed(
        "4548-4", "糖化血红蛋白", "HbA1c", "%", ("2", "25"),
        both("CDS 指南", "4.0", "6.0"),
        names="糖化血红蛋白A1c HbA1C GHB 糖化血红蛋白测定",
        siblings="59261-8",
    ),
    listed(
        "14647-2", "总胆固醇", "TC", "mmol/L", ("0.1", "60"),
        both(_LIPIDS, "", "5.2", is_high_open=True, is_verified=False),
        names="胆固醇 血清总胆固醇 CHOL TCHO",
        siblings="2093-3",
    ),
    listed(
        "14927-8", "甘油三酯", "TG", "mmol/L", ("0.05", "150"),
        both(_LIPIDS, "", "1.7", is_high_open=True, is_verified=False),
        critical=limits("", "11.3"),
        names="三酰甘油 血清甘油三酯 TRIG",
        siblings="2571-8",
    ),
    listed(
        "14646-4", "高密度脂蛋白胆固醇", "HDL-C", "mmol/L", ("0.01", "10"),
        both(_LIPIDS, "1.0", "", is_verified=False),
        names="高密度脂蛋白 高密度胆固醇 HDL",
        siblings="2085-9",
    ),
    listed(
        "22748-8", "低密度脂蛋白胆固醇", "LDL-C", "mmol/L", ("0.01", "40"),
        both(_LIPIDS, "", "3.4", is_high_open=True, is_verified=False),
        names="低密度脂蛋白 低密度胆固醇 LDL",
        siblings="2089-1 13457-7 18262-6",
    ),
)  # fmt: skip

HEART_AND_THYROID: tuple[LaboratoryTest, ...] = (
    listed(
        # The 99th percentile differs from kit to kit: no interval of ours can stand for it.
        "89579-7", "高敏肌钙蛋白I", "hs-cTnI", "ng/L", ("0", "500000"),
        names="高敏心肌肌钙蛋白I 超敏肌钙蛋白I hsTnI",
    ),
    listed(
        "33762-6", "NT-proBNP", "NT-proBNP", "ng/L", ("0", "200000"),
        both("心力衰竭指南", "", "125", is_high_open=True, is_verified=False),
        names="N末端B型利钠肽前体 N末端脑钠肽前体 氨基末端脑钠肽前体 proBNP",
    ),
    listed(
        "3016-3", "促甲状腺激素", "TSH", "m[IU]/L", ("0", "1000"),
        both(_MAKER, "0.27", "4.20", is_verified=False),
        names="促甲状腺素 超敏促甲状腺激素",
    ),
    listed(
        "14920-3", "游离甲状腺素", "FT4", "pmol/L", ("0.1", "300"),
        both(_MAKER, "12", "22", is_verified=False),
        names="游离T4 血清游离甲状腺素",
        siblings="3024-7",
    ),
    listed(
        "14928-6", "游离三碘甲状腺原氨酸", "FT3", "pmol/L", ("0.1", "100"),
        both(_MAKER, "3.1", "6.8", is_verified=False),
        names="游离T3 游离三碘甲腺原氨酸 血清游离三碘甲状腺原氨酸",
        siblings="3051-0",
    ),
)  # fmt: skip
