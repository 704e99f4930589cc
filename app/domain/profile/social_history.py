"""How people live, as far as care asks: a closed list, each with its closed answers.

The codes are LOINC's; what LOINC words otherwise than we ask bears codes of our own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.domain.errors import DomainError

LOINC: Final = "http://loinc.org"
OWN: Final = "urn:careloop:social-history"


class NotAnAnswer(DomainError):
    code = "not-an-answer"
    title = "没有这一项，或这一项没有这个选项"


@dataclass(frozen=True, slots=True)
class SocialItem:
    """One thing asked of a life; `answers` are codes of ours with their Chinese words."""

    code: str
    key: str
    name: str
    answers: Mapping[str, str]
    system: str = LOINC


SOCIAL_ITEMS: Final[Mapping[str, SocialItem]] = {
    item.code: item
    for item in (
        # Tobacco smoking status
        SocialItem(
            "72166-2", "tobacco", "吸烟",
            {"never": "从不吸烟", "former": "已戒烟", "some-days": "偶尔吸烟",
             "every-day": "每天吸烟"},
        ),
        # History of alcohol use
        SocialItem(
            "11331-6", "alcohol", "饮酒",
            {"never": "不饮酒", "former": "已戒酒", "occasional": "偶尔饮酒",
             "weekly": "每周饮酒", "daily": "每天饮酒"},
        ),
        # How many days per week did you engage in moderate to strenuous physical activity
        SocialItem(
            "89555-7", "exercise", "每周运动",
            {"none": "不运动", "1-2-days": "1到2天", "3-4-days": "3到4天",
             "5-7-days": "5天及以上"},
        ),
        # LOINC has sodium intake in 24 hours, which nobody knows of themselves.
        SocialItem(
            "diet-salt", "diet-salt", "口味",
            {"light": "清淡", "medium": "一般", "salty": "偏咸"}, OWN,
        ),
        # Sleep duration
        SocialItem(
            "93832-4", "sleep", "每晚睡眠",
            {"under-6": "不到6小时", "6-to-8": "6到8小时", "over-8": "超过8小时"},
        ),
        # History of occupation
        SocialItem(
            "11341-5", "occupation", "职业",
            {"farmer": "务农", "worker": "工人", "office": "职员或干部", "professional": "专业技术",
             "service": "商业服务", "self-employed": "自由职业", "student": "学生",
             "retired": "退休", "unemployed": "无业", "other": "其他"},
        ),
        # Highest level of education
        SocialItem(
            "82589-3", "education", "文化程度",
            {"none": "未上学", "primary": "小学", "junior": "初中", "senior": "高中或中专",
             "college": "大专", "bachelor": "本科", "postgraduate": "研究生"},
        ),
        # Marital status
        SocialItem(
            "45404-1", "marital-status", "婚姻",
            {"single": "未婚", "married": "已婚", "divorced": "离婚", "widowed": "丧偶"},
        ),
        # LOINC asks with whom somebody lives in answers that overlap; care asks whether alone.
        SocialItem(
            "living-alone", "living-alone", "居住",
            {"alone": "独居", "with-spouse": "与配偶同住", "with-family": "与子女或家人同住",
             "institution": "养老机构"}, OWN,
        ),
        # What risk scores ask besides: China-PAR, the Chinese diabetes score and FINDRISC.
        SocialItem(
            "family-ascvd", "family-ascvd", "父母或兄弟姐妹有心梗或脑卒中",
            {"yes": "有", "no": "没有"}, OWN,
        ),
        SocialItem(
            "family-diabetes", "family-diabetes", "亲属有糖尿病",
            {"none": "没有", "second": "祖父母、叔伯姑舅姨或表堂亲",
             "first": "父母、兄弟姐妹或子女"}, OWN,
        ),
        SocialItem(
            "daily-greens", "daily-greens", "每天吃蔬菜或水果", {"yes": "是", "no": "不是"}, OWN
        ),
        SocialItem(
            "residence", "residence", "居住地", {"urban": "城市", "rural": "农村"}, OWN
        ),
    )
}  # fmt: skip


def answer_words(code: str, value: str) -> tuple[str, str]:
    """Return what is asked and what was answered, in words; what nobody knows, as it stands."""
    item = SOCIAL_ITEMS.get(code)
    return (item.name, item.answers.get(value, value)) if item else (code, value)


def require_answer(code: str, value: str) -> SocialItem:
    """:raises NotAnAnswer: the list does not have it"""
    item = SOCIAL_ITEMS.get(code)
    if item is None or value not in item.answers:
        raise NotAnAnswer
    return item
