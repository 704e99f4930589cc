"""What the codes are called that packs ask for: ICD-10 categories and WHO ATC groups."""

from collections.abc import Mapping
from typing import Final

DIAGNOSES: Final[Mapping[str, str]] = {
    "C91": "淋巴细胞白血病",
    "C92": "髓系白血病",
    "C95": "未分型的白血病",
    "D55.0": "G6PD缺乏",
    "D56": "地中海贫血",
    "D66": "血友病A",
    "D67": "血友病B",
    "D69.3": "特发性血小板减少性紫癜",
    "E10": "1型糖尿病",
    "E11": "2型糖尿病",
    "E13": "其他特指的糖尿病",
    "E14": "未特指的糖尿病",
    "F32": "抑郁发作",
    "F33": "复发性抑郁障碍",
    "F41": "其他焦虑障碍",
    "F92": "品行和情绪混合障碍",
    "F93": "童年情绪障碍",
    "F98": "童年其他行为和情绪障碍",
    "I10": "原发性高血压",
    "I11": "高血压性心脏病",
    "I11.0": "高血压性心脏病伴心力衰竭",
    "I12": "高血压性肾病",
    "I13": "高血压性心脏和肾脏病",
    "I13.0": "高血压性心脏和肾脏病伴心力衰竭",
    "I13.2": "高血压性心脏和肾脏病伴心力衰竭和肾衰竭",
    "I15": "继发性高血压",
    "I48": "心房颤动和扑动",
    "I50": "心力衰竭",
    "J44": "慢性阻塞性肺疾病",
    "J45": "哮喘",
    "J46": "哮喘持续状态",
    "M08": "幼年型关节炎",
    "M08.2": "全身型幼年型关节炎",
    "M09": "他病引起的幼年型关节炎",
    "M32": "系统性红斑狼疮",
    "M33": "皮肌炎和多肌炎",
    "N18": "慢性肾脏病",
    "O24": "妊娠期糖尿病",
    "P07": "早产或低出生体重",
    "P07.2": "超早产（孕周不足28周）",
    "P07.3": "早产（孕28至36周）",
}
MEDICINES: Final[Mapping[str, str]] = {
    "A07EC01": "柳氮磺吡啶",
    "A10BA02": "二甲双胍",
    "A10BK": "SGLT2抑制剂",
    "H02AB": "糖皮质激素",
    "L01": "抗肿瘤药",
    "L01AA01": "环磷酰胺",
    "L01BA01": "甲氨蝶呤",
    "L01FF": "PD-1或PD-L1抑制剂",
    "L04": "免疫抑制剂",
    "L04AA06": "吗替麦考酚酯",
    "L04AA13": "来氟米特",
    "L04AA29": "托法替布",
    "L04AB": "肿瘤坏死因子抑制剂",
    "L04AC": "白介素抑制剂",
    "L04AD01": "环孢素",
    "L04AD02": "他克莫司",
    "L04AF": "JAK抑制剂",
    "L04AK01": "来氟米特",
    "L04AX01": "硫唑嘌呤",
    "L04AX03": "甲氨蝶呤",
    "M01A": "非甾体抗炎药",
    "N06A": "抗抑郁药",
    "P01BA02": "羟氯喹",
}


def diagnosis(prefix: str) -> str:
    """Return 2型糖尿病（E11）; the code alone where nobody here named it."""
    return _with_code(DIAGNOSES, prefix)


def medicine(prefix: str) -> str:
    """Return 二甲双胍（A10BA02）; 药品 and the code where nobody here named it."""
    return _with_code(MEDICINES, prefix) if prefix in MEDICINES else f"药品{prefix}"


def _with_code(names: Mapping[str, str], code: str) -> str:
    return f"{names[code]}（{code}）" if code in names else code
