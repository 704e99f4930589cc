"""Is it there? Negation with its scope, questions, other people, the past: rules, each named."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.domain.text.clauses import Clause
from app.domain.text.lexicon import Found


class Polarity(StrEnum):
    PRESENT = "present"
    ABSENT = "absent"
    EASED = "eased"  # hardly there any more: neither the one nor the other
    HYPOTHETICAL = "hypothetical"  # asked, feared, warned of
    FAMILY = "family"
    OTHER = "other"  # somebody else has it
    PAST = "past"


class Writer(StrEnum):
    """Who wrote: decides whose symptom "我" and "孩子" are."""

    PATIENT = "patient"
    GUARDIAN = "guardian"  # a parent or other relative writing for the patient
    STAFF = "staff"
    UNKNOWN = "unknown"  # a child who is spoken of is taken for the patient


@dataclass(frozen=True, slots=True)
class Judgement:
    polarity: Polarity
    rule: str


# Words between a "not" and what it denies. Everything else ends its reach.
_PASSABLE: Final = (
    "什么|啥子?|任何|明显|特别|再|出现过?|发生过?|感觉到?|感到|觉得|怎么|太|大|那么|过|的|了|诉"
    "|发现|发|见|及|与|和|或者?|以及|跟|还有|也|又|有|其他|其它|别的|新发|明确|反复|持续性?|显著|典型"
    "|自觉|一点儿?|半点|一直|都|会|那种|这种|过于|很|十分|非常|怎样|啥的|任一|、|/|并|且|是|在|得|因|之"
    "|再次|特殊|严重|剧烈|活动性|阵发性|夜间|双侧|双|左侧|右侧|局部|全身|突发|伤口|切口|刀口|皮肤|胸部|腹部"
    "|头|里|上|处|这些|症状|情况"
)
_REACH: Final = re.compile(f"(?:{_PASSABLE}|\x00)*")
# Broad denials reach past words of a list that we do not know ("无双肺湿啰音、XX及水肿").
_UNKNOWN_ITEM: Final = re.compile(
    r"[^，。；：？！但就只伴仍偶却有吃用喝打去来做睡服走后时因好]{0,10}"
)
_BROAD: Final = re.compile(
    r"否认|未诉|未见|未及|未闻及?|未触及|未扪及|未引出|未查见|未发现|未出现|未再|未发生|未发|未有|并无|并未|毫无"
    r"|(?<!并)没有|没啥|没什么|没得|莫得|没再|从没|从未|排除|不伴有?|除外|不存在|(?<![并毫])无|冇|未"
)
_NARROW: Final = re.compile(
    r"并不是|不是|并非|并不|从不|不再|不怎么|不太|不大|不那么|不会再|不觉得|不感觉|不感到|不咋|不很|不算|没怎么"
    r"|没那么|没太|没咋|不会|不用|不咋个|唔|没|不|别|甭|非"
)
_EASED: Final = re.compile(
    r"(?:不怎么|不太|不大|不那么|不咋个?|不很|不算|没怎么|没那么|没太|没咋)$"
)
# Look like denials and are none.
_NO_DENIAL: Final = re.compile(
    r"不但|不仅|不光|不止|不只|不单|不停|不断|不住|不得不|不时|不明原因|不知道?|不晓得|不小心|不见(?:好|轻|减)"
    r"|不规则|不规律|不好|不舒服|不适|不行|不到|不了|不得|不佳|不多|不久|不同|不少|不管用?|不一会|不见效|不敢|不想"
    r"|不(?:能|可以?|要)(?!再)|不及时|不当|不慎|无法|无缘无故|无(?:明显|任何|特殊)?(?:诱因|原因)(?:下|出现)?"
    r"|没想到|没事就|没多久|没几天|没办法|没过|没(?:吃|用|喝|打|睡|服|停|按)|没好|没减轻|没见(?:好|轻)"
    r"|没有?(?:明显)?(?:好转|缓解|改善|减轻|消失|效果|用)|未(?:见)?(?:明显)?(?:好转|缓解|改善|减轻|消失|愈)"
    r"|无(?:明显)?(?:好转|缓解|改善|减轻)|未(?:服|用|按|规律|治|诊|予|做)|没原因|没来由|没有?(?:原因|诱因|理由)"
    r"|无效|除了|非常|非得|无论|别的|特别|无痛|不耐|不良"
)
_HYPOTHESIS: Final = re.compile(
    r"如果|要是|万一|假如|假设|倘若|的话|一旦|若(?!干)|如(?:有|出现|遇|发生|伴)|会不会|是不是得|能不能|可不可能"
    r"|是否(?:会|有|得|是)?|有没有|有无|担心|生怕|(?<!可)怕(?!得)|害怕(?!得)|恐怕会|预防|谨防|警惕|防止|避免|以防|以免|注意"
    r"|可能会|可能引起|可能出现|可能导致|也许会|会(?:引起|导致|造成|产生|诱发)|容易(?:引起|导致|造成)|说明书"
    r"|(?:副作用|不良反应)(?:包括|主要|有|是|里)|导致什么|什么情况下|哪些情况|疑似|待排|是不是(?=\x01)"
)
_FAMILY: Final = re.compile(
    r"家族史|家族|家里(?:人)?(?:都)?有|(?:父|母|父母|爸爸?|妈妈?|爷爷|奶奶|外公|外婆|姥姥|姥爷|兄弟?|哥哥?|姐姐?|弟弟?"
    r"|妹妹?|舅舅?|姑姑?|叔叔?|父亲|母亲|祖父|祖母|双亲|兄妹)(?:亲)?(?:都|也|均|曾)?(?:有|患|得过?|死于|因|是)"
    r"|遗传"
)
_RELATIVE: Final = (
    "我?(?:妈妈|爸爸|爷爷|奶奶|外公|外婆|姥姥|姥爷|老公|老婆|老伴儿?|爱人|丈夫|妻子|媳妇|婆婆|公公|岳父|岳母|哥哥"
    "|姐姐|弟弟|妹妹|父亲|母亲|对象|舅舅|姑姑|叔叔|阿姨)|我(?:妈|爸|哥|姐|弟|妹|舅|姑|叔|姨|家那口子|家老人|家老头)"
    "|(?:他|她)妈妈?"
)
_STRANGER: Final = (
    "同事|邻居|别人|人家|朋友|同学|同病房|隔壁床|隔壁|病友|其他人|有的人|有人|班上|班里|室友|群里|网上"
    "|周围的?人"
)
_CHILD: Final = (
    "孩子|宝宝|宝贝|娃娃?|小孩|儿子|女儿|闺女|小朋友|孙子|孙女|外孙女?|患儿|小宝|大宝|二宝"
)
_SELF: Final = re.compile(
    r"我自己|本人|我(?!妈|爸|家|们|的?孩子|儿|女|老|爱|哥|姐|弟|妹|爷|奶|外|姥|孙|对|想|觉|看|是说|问"
    r"|婆|公|媳|岳)"
)
_PAST: Final = re.compile(
    r"既往史?|曾经?|去年|前年|早年|往年|小时候|年轻时|年轻的时候|年幼时|幼时|以前|从前|当年|过去(?!的?这?几?[天周])"
    r"|那年|大前年|上次住院|(?:19|20)\d\d年|[上前]半年(?!来)|[一二三四五六七八九十两几\d]+年(?:前|以前)"
)
_PAST_LOOSE: Final = re.compile(r"之前|原来|原先|当时|刚开始|起初|前一?阵子?|那时候?|上个月|上上周")
_NOW: Final = re.compile(
    r"(?<![出发])现在?|目前|今|近|最近|这[几两]?[天周次个]|仍|依然|又|还是?|一直|至今|持续|反复|加重|加剧|再次|每天|经常|老是|偶"
)
_STILL: Final = re.compile(r"现仍|仍|依然|还是|至今|一直|反复|持续|加重|再发|再次|又犯|又发|复发")
_GONE_AFTER: Final = re.compile(
    r"^(?:的?(?:症状|情况|现象|感觉))?(?:现在?|目前)?(?:也|都|就|早就|已经?|基本|完全|差不多|终于|慢慢|逐渐|全)*"
    r"(?:消失|没有了|没了|没有再?(?:出现|犯|发作)?(?=[了过，]|$)|好了(?!一?点|些|很多|不少|多)|痊愈|消退|退了|消了|不明显|阴性|已?除|止住|停止"
    r"|未再(?:出现|发作|发)?|没再(?:出现|犯|发|有)?|缓解了|已缓解|完全缓解|恢复正常|-（?|（-|(?<=已)退|(?<=已)愈|(?<=已)止|(?<=已)消|（阴性"
    r"|正常了|没问题|未(?:引出|闻及|见|触及|扪及|及)|(?:倒是|倒|是)?(?:不|没怎么)[疼痛痒晕咳吐喘麻肿](?![的得]|吗)|(?:不|未)(?:存在|出现|再|曾有))"
)
_ENDED_LATER: Final = re.compile(
    r"^(?:但|不过|后来|后|过后|现在|目前|今天|昨天|这周|这两天|这几天|已经|已|都|就|也|又|自己|很快|慢慢|吃了?药?后?|休息后?|第二天|这两天|全|现|如今|早)*"
    r"(?:好了(?!一?点|些|很多|不少|多)|退了|没事了?|没有了|没了|消失了?|不疼了|不痛了|不痒了|不晕了|不咳了|不烧了|不吐了|不拉了|不喘了"
    r"|痊愈|正常了|恢复了?正常?|没再(?:出现|犯|发|有)|缓解了|消了|停了)"
)
_DENIED_GAP: Final = re.compile(r"不|没有|没|无|未")


def judge(
    text: str,
    found: Found,
    clause: Clause,
    others: list[Found],
    every: list[Clause],
    writer: Writer,
) -> Judgement:
    """Return how a term stands in its clause; `others` are all terms found in the text.

    The order of the rules: gone by its own words; asked or feared; whose it is; denied; past.
    """
    before = text[clause.start : found.start]
    after = text[found.end : clause.end]
    if found.is_gone:
        asks = _is_hypothetical(before, after, found, clause, text, others)
        return asks or Judgement(Polarity.ABSENT, "gone-by-saying")
    verdict = (
        _is_hypothetical(before, after, found, clause, text, others)
        or _whose(text, found, clause, every, writer)
        or _is_denied(text, before, after, found, clause, others, every)
        or _is_past(text, before, after, found, clause, every)
    )
    return verdict or Judgement(Polarity.PRESENT, "said")


def _is_hypothetical(
    before: str, after: str, found: Found, clause: Clause, text: str, others: list[Found]
) -> Judgement | None:
    masked = _masked(before + "\x01", clause.start, [o for o in others if o is not found])
    cue = _last(_HYPOTHESIS, masked)
    if cue is not None and not re.search(r"不怕|没担心|不担心", before):
        return Judgement(Polarity.HYPOTHETICAL, f"hypothesis:{cue.group()}")
    # 是不是/有没有 right before it, "疼不疼", "发烧吗", "发烧没有？"
    if re.search(r"(?:是不是|要不要|是否)(?:有点|有些|还|又|得了?|出现)?$", before):
        return Judgement(Polarity.HYPOTHETICAL, "asked-before")
    word = text[found.start : found.end]
    twice = rf"{re.escape(word[:1])}[不没]$"
    if re.match(rf"[不没]{re.escape(word[:1])}", after) or re.search(twice, before):
        return Judgement(Polarity.HYPOTHETICAL, "asked-twice")
    if re.match(r"的话|怎么办.{0,2}如果|的时候(?:怎么|该)", after):
        return Judgement(Polarity.HYPOTHETICAL, "hypothesis:的话")
    asked = re.match(r"(?:了|过|的)?(?:症状|现象|情况)?(?:吗|没有|么|嘛|没)$", after)
    if asked and not re.search(r"[^不](?:严重|要紧|正常|多|久|好)", after):
        return Judgement(Polarity.HYPOTHETICAL, "asked-after")
    if re.search(r"会(?:有|出现|发生)?$", before) and (
        clause.asks or re.search(r"(?:吗|么|嘛|呢)$", after)
    ):
        return Judgement(Polarity.HYPOTHETICAL, "asked-will")
    sentence_start = max(text.rfind(mark, 0, clause.start) for mark in "。；？！") + 1
    earlier = text[sentence_start : clause.start]
    if re.search(r"(?:如果|要是|万一|一旦|若|如有|如出现|假如)[^，]{0,25}，?$", earlier) and (
        not re.search(r"(?:现在|目前|今天|已经)", before)
    ):
        return Judgement(Polarity.HYPOTHETICAL, "hypothesis-earlier")
    return None


def _whose(
    text: str, found: Found, clause: Clause, every: list[Clause], writer: Writer
) -> Judgement | None:
    """Find the last person named before the term in its sentence."""
    start = next(one.start for one in every if one.sentence == clause.sentence)
    before = text[start : found.start]
    clause_before = text[clause.start : found.start]
    if writer is Writer.STAFF:
        before = clause_before  # a record turns back to the patient with every clause
    if _FAMILY.search(clause_before) and writer is not Writer.GUARDIAN:
        return Judgement(Polarity.FAMILY, "family")
    if re.search(r"家族史|家族中|家族里", before):
        return Judgement(Polarity.FAMILY, "family")
    people = [
        (one.start(), kind)
        for kind, pattern in (
            ("relative", _RELATIVE_RE), ("stranger", _STRANGER_RE), ("child", _CHILD_RE),
            ("self", _SELF), ("patient", _PATIENT_RE),
        )
        for one in pattern.finditer(before)
    ]  # fmt: skip
    if not people:
        return None
    who = max(people)[1]
    if who == "stranger":
        return Judgement(Polarity.OTHER, "other:stranger")
    if writer is Writer.GUARDIAN:
        if who == "self" and re.search(
            r"我(?:自己|也|都|本人|最近|这两天)", before[max(people)[0] :]
        ):
            return Judgement(Polarity.OTHER, "other:writer")
        return None
    if who == "child" and writer is Writer.PATIENT:
        return Judgement(Polarity.OTHER, "other:child")
    if who == "relative" and not _CHILD_RE.search(text):
        return Judgement(Polarity.OTHER, "other:relative")
    return None


def _is_denied(
    text: str,
    before: str,
    after: str,
    found: Found,
    clause: Clause,
    others: list[Found],
    every: list[Clause],
) -> Judgement | None:
    if _DENIED_GAP.search(found.gap):
        inner = re.search(r"(?:不怎么|不太|不大|不那么|没那么|不很|没怎么)", found.gap)
        is_double = re.search(r"(?:不是|并非|没有?)(?:不|没)", found.gap)
        if inner:
            return Judgement(Polarity.EASED, f"eased:{inner.group()}")
        if not is_double:
            return Judgement(Polarity.ABSENT, f"denied-inside:{found.gap}")
        return None
    if _GONE_AFTER.match(after):
        return Judgement(Polarity.ABSENT, "gone-after")
    cue = _cue_reaching(before, clause, found, others)
    if cue is None:
        return _denied_from_earlier(text, found, clause, others, every)
    head, word = before[: cue[0]], before[cue[0] : cue[1]]
    if _EASED.search(word) and "".join(before[cue[1] :]) == "":
        return Judgement(Polarity.EASED, f"eased:{word}")
    if word in ("不是", "并非", "并不是") and re.match(r"(?:不|没有?|无)", before[cue[1] :]):
        return None
    if re.search(r"(?:不是|并非|不能说|并不是|不可能|没有?)(?:完全)?$", head) and (
        word[0] in "不没无未" and word not in ("不是", "没什么", "不再")
    ):
        return None  # 不是不疼
    if re.match(r"(?:就|才)?(?:怪|行|可能|得了)", after) and word == "不":
        return None
    return Judgement(Polarity.ABSENT, f"denied:{word}")


def _cue_reaching(
    before: str, clause: Clause, found: Found, others: list[Found]
) -> tuple[int, int] | None:
    """Return where the nearest denial stands whose reach includes the term."""
    masked = _masked(before, clause.start, others)
    quiet = _NO_DENIAL.sub(lambda no: "\x02" * len(no.group()), masked)
    cues = [*_BROAD.finditer(quiet), *_NARROW.finditer(quiet)]
    for cue in sorted(cues, key=lambda one: (one.end(), -one.start()), reverse=True):
        between = masked[cue.end() :]
        is_broad = _BROAD.fullmatch(cue.group()) is not None
        if _REACH.fullmatch(between):
            # "不发烧咳嗽": a bare 不 denies the next word alone, unless a list goes on.
            listed = between.strip("\x00")
            if is_broad or "\x00" not in between or re.search(r"[、和或与及也]", listed):
                return cue.start(), cue.end()
            if cue.group() in ("没", "没有"):
                return cue.start(), cue.end()
        elif is_broad and _reaches_list(between):
            return cue.start(), cue.end()
    return None


def _reaches_list(between: str) -> bool:
    items = re.split(r"[、/]|以及|及|和|与|或", between)
    return all(_UNKNOWN_ITEM.fullmatch(item.replace("\x00", "")) for item in items)


def _denied_from_earlier(
    text: str, found: Found, clause: Clause, others: list[Found], every: list[Clause]
) -> Judgement | None:
    """否认 goes on over commas as long as nothing but items of its list follow."""
    at = every.index(clause)
    if not re.fullmatch(
        r"[\x00、及和与等史病征症状的]*", _masked(clause.text, clause.start, others)
    ):
        return None
    while at > 0 and every[at - 1].stop == "，" and every[at - 1].sentence == clause.sentence:
        at -= 1
        if re.search(r"否认|(?:^|患者)未诉", every[at].text):
            return Judgement(Polarity.ABSENT, "denied-list:否认")
        masked = _masked(every[at].text, every[at].start, others)
        if not re.fullmatch(r"[^有伴但仍偶]{0,12}", masked):
            return None
    return None


def _is_past(
    text: str, before: str, after: str, found: Found, clause: Clause, every: list[Clause]
) -> Judgement | None:
    start = next(one.start for one in every if one.sentence == clause.sentence)
    earlier = text[start : found.start]
    ongoing = text[found.end : _sentence_end(every, clause)]
    cue = _last(_PAST, earlier)
    if cue is not None and not _NOW.search(earlier[cue.end() :]):
        is_illness_story = cue.group()[-1] == "前" and re.match(
            r"(?:[^，]*(?:开始|起|出现|无明显))", earlier[cue.end() :]
        )
        if not (is_illness_story or _STILL.search(ongoing)):
            return Judgement(Polarity.PAST, f"past:{cue.group()}")
    loose = _last(_PAST_LOOSE, earlier)
    at = every.index(clause)
    if re.match(r"史", after) or re.match(r"病史", after):
        return Judgement(Polarity.PAST, "past:史")
    for follower in every[at + 1 : at + 3]:
        if follower.sentence > clause.sentence + 1:
            break
        if _ENDED_LATER.match(follower.text):
            return Judgement(Polarity.PAST, "ended-later")
        if follower.sentence != clause.sentence:
            break
    if (
        loose is not None
        and not _NOW.search(earlier[loose.end() :])
        and re.search(r"现在|目前|今天|这次|如今", ongoing)
        and not re.search(r"现在(?:还|又|更|加重|也)|还是|仍", ongoing)
    ):
        return Judgement(Polarity.PAST, f"past:{loose.group()}")
    return None


def _sentence_end(every: list[Clause], clause: Clause) -> int:
    return max(one.end for one in every if one.sentence == clause.sentence)


def _masked(text: str, offset: int, found: list[Found]) -> str:
    """Return `text` with every other term shortened to one mark, so that rules see the frame."""
    pieces: list[str] = []
    at = 0
    for one in found:
        start, end = one.start - offset, one.end - offset
        if start >= at and end <= len(text):
            pieces += [text[at:start], "\x00" + "\x00" * (end - start - 1)]
            at = end
    return "".join([*pieces, text[at:]])


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return max(pattern.finditer(text), key=lambda one: one.start(), default=None)


_RELATIVE_RE: Final = re.compile(_RELATIVE)
_STRANGER_RE: Final = re.compile(_STRANGER)
_CHILD_RE: Final = re.compile(_CHILD)
_PATIENT_RE: Final = re.compile(r"患者|病人")
