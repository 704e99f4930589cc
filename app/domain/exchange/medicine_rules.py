"""Which medicines may be refilled for weeks or brought home, and for how long.

长期处方管理规范（试行）(国卫办医发〔2021〕31号): four weeks as a rule, up to twelve where the
illness is stable, with the patient's own agreement; not for narcotic, psychotropic, toxic and
radioactive medicines, precursors, antimicrobials but for long infections, and what needs special
storage.
Names are matched by words that the hospital's pharmacy completes: CareLoop knows no formulary.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

USUAL_WEEKS: Final = 4
LONGEST_WEEKS: Final = 12
# Of one request: more than a prescription may name (处方管理办法, 第六条) is asked for in two.
MOST_MEDICINES: Final = 5
# A choice of ours: what lasts less was no lasting treatment, and nobody is asked to renew it.
LASTING: Final = timedelta(days=14)

# A beginning for the pharmacy to complete, by common names.
CONTROLLED: Final = (
    "吗啡", "哌替啶", "芬太尼", "羟考酮", "氢吗啡酮", "美沙酮", "可待因", "布桂嗪", "丁丙诺啡",
    "曲马多", "地佐辛", "布托啡诺", "哌甲酯", "司可巴比妥", "苯巴比妥", "地西泮", "阿普唑仑",
    "艾司唑仑", "劳拉西泮", "氯硝西泮", "咪达唑仑", "奥沙西泮", "唑吡坦", "佐匹克隆", "扎来普隆",
    "麻黄碱", "麦角胺", "砒霜", "碘[131",
)  # fmt: skip
ANTIMICROBIAL: Final = (
    "西林", "头孢", "沙星", "培南", "阿奇霉素", "克拉霉素", "红霉素", "罗红霉素", "克林霉素",
    "庆大霉素", "多西环素", "米诺环素", "四环素", "磺胺甲", "甲硝唑", "替硝唑", "奥硝唑",
    "氟康唑", "伊曲康唑", "伏立康唑",
)  # fmt: skip
COLD: Final = (
    "胰岛素", "利拉鲁肽", "度拉糖肽", "司美格鲁肽", "艾塞那肽", "利司那肽", "单抗", "促红素",
    "人粒细胞", "生长激素", "疫苗", "干扰素", "依那西普", "双歧杆菌三联", "双歧杆菌四联",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MedicineRules:
    """The rule of one hospital; a medicine is meant where its name has one of the words."""

    controlled: tuple[str, ...] = CONTROLLED
    antimicrobial: tuple[str, ...] = ANTIMICROBIAL
    cold: tuple[str, ...] = COLD
    longest_weeks: int = LONGEST_WEEKS
    offer_before: timedelta = timedelta(days=7)
    code_lasts: timedelta = timedelta(hours=72)

    def why_not_refilled(self, name: str) -> str | None:
        """Return why a medicine is not for a long prescription; None where nothing says so."""
        if _has(name, self.controlled):
            return "特殊管理药品，需要医生当面开具"
        if _has(name, self.antimicrobial):
            return "抗菌药物不能开长处方"
        if _has(name, self.cold):
            return "需要冷藏的药品不能开长处方"
        return None

    def why_not_delivered(self, name: str) -> str | None:
        """Return why a medicine is not brought home; None where nothing says so."""
        if _has(name, self.controlled):
            return "特殊管理药品，只能到医院领取"
        if _has(name, self.cold):
            return "需要冷藏的药品，只能到医院领取"
        return None


def _has(name: str, words: Iterable[str]) -> bool:
    return any(word and word in name for word in words)
