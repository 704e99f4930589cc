"""Chinese sentences for what is wrong with a definition, for people who fill in fields."""

import re
from collections.abc import Mapping
from typing import Final

from app.domain.definitions import InvalidDefinition

# What a definition says of itself in English, for those who write YAML and read logs.
_PROBLEMS: Final[tuple[tuple[str, str], ...]] = (
    (r"is missing", "没有填写"),
    (r"must be text", "请填写文字"),
    (r"is longer than (\d+) characters", r"最多 \1 个字"),
    (r"is too long", "时间太长，请缩短"),
    (r"must be lower-case-words-with-hyphens", "只能用小写英文字母、数字和连字符"),
    (r"must be true or false", "只能是“是”或“否”"),
    (r"must be a whole number (-?\d+) to (-?\d+)", r"请填写 \1 到 \2 的整数"),
    (r"must be a whole number", "请填写整数"),
    (r"must be a number", "请填写数字"),
    (r"must be a date like (\S+)", r"日期请写成 \1 的样子"),
    (r"must be a time like (\S+)", r"时间请写成 \1 的样子"),
    (r"must be a period like .*", "请填写 1 到 999 的整数和单位"),
    (r"must be a duration like .*", "请填写整数和单位（天最多 3 位数，小时和分钟最多 4 位数）"),
    (r"must be due before it expires, and within P60D",
     "完成的期限要大于 0、不晚于不再收的时间，并且不超过 60 天"),
    (r"every or rule and until go together", "“每隔多久重复”和“重复到”要一起填，或者都不填"),
    (r"every and rule exclude each other", "已经按规律重复，不能再填“每隔多久重复”"),
    (r"must be at least P1D", "至少隔 1 天"),
    (r"is more than two years off, so it must be alone",
     "第一次在两年以后的，只能做一次：请去掉重复"),
    (r"what has dates, or comes before a visit, does not repeat",
     "按日期或在就诊前做的安排不能重复"),
    (r"(\S+) is there twice", "代码已经用过，请换一个"),
    (r"a message is not missed", "消息没有“错过”，不能另有补救安排"),
    (r"\S+ must come `after: missed`", "有安排以它补救，它的起点要是“错过之后”"),
    (r"\S+ comes after a miss of nothing", "它在别的安排错过之后做，但没有安排指向它"),
    (r"\S+ names \S+: not in this plan", "还有安排接在它后面，或指向计划里没有的安排"),
    (r"\S+ comes after itself", "安排互相接续成了圈"),
    (r"a plan must ask for something", "计划里至少要留一项安排"),
    (r"\S+ is not defined in this pack", "指向方案包里没有的内容"),
)  # fmt: skip
_ELSEWHERE: Final = "写法不对，请到 YAML 里核对"


def problem(wrong: InvalidDefinition) -> str:
    """Return what is wrong, in Chinese."""
    for pattern, words in _PROBLEMS:
        found = re.fullmatch(pattern, wrong.problem)
        if found is not None:
            return found.expand(words)
    return _ELSEWHERE


def sentence(wrong: InvalidDefinition, fields: Mapping[str, str]) -> str:
    """Return where and what is wrong; `fields` are the words of a form's fields by key.

    What none of them shows is said of the whole.
    """
    where = fields.get(wrong.path.rpartition(".")[2])
    return f"{f'“{where}”' if where else '这项安排'}：{problem(wrong)}"
