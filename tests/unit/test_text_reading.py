"""Reading what people write: own sentences, one rule each, and properties of any text."""

import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.definitions import InvalidDefinition
from app.domain.text.evaluating import evaluate_symptoms, evaluate_tags
from app.domain.text.labelled import parse_labelled
from app.domain.text.learned import BUCKETS, features, model_from
from app.domain.text.lexicon import parse_lexicon
from app.domain.text.normalising import normalise
from app.domain.text.phrases import parse_phrases
from app.domain.text.polarity import Polarity, Writer
from app.domain.text.reading import LONGEST_TEXT, Channel, Reading, read_text
from app.domain.text.tagging import TextPack, sentence_at
from app.integrations.text_files import read_labelled, read_text_pack
from tests.conftest import ROOT

FOLDER = ROOT / "packs" / "text"


@cache
def pack() -> TextPack:
    return read_text_pack(FOLDER)


def read(text: str, channel: Channel = Channel.CHAT, writer: Writer | None = None) -> Reading:
    return read_text(text, pack().words, channel, writer)


@pytest.mark.parametrize(
    ("text", "present", "absent"),
    [
        ("脑袋疼得厉害", "头痛", ""),
        ("闹肚子两天", "腹泻", ""),
        ("不发烧", "", "发热"),
        ("没有发烧也没有咳嗽", "", "发热 咳嗽"),
        ("无恶心、呕吐及腹痛", "", "恶心 呕吐 腹痛"),
        ("否认胸闷，胸痛，心悸", "", "胸闷 胸痛 心悸"),
        ("不是不疼", "疼痛", ""),
        ("不是没有咳嗽，只是轻", "咳嗽", ""),
        ("并不头晕", "", "头晕"),
        ("除了咳嗽别的没有", "咳嗽", ""),
        ("没发烧，但是咳嗽", "咳嗽", "发热"),
        ("无发热伴寒战", "寒战", "发热"),
        ("头痛消失了", "", "头痛"),
        ("发热已退", "", "发热"),
        ("咳嗽没有好转", "咳嗽", ""),
        ("无明显诱因出现胸闷", "胸闷", ""),
        ("不明原因发热一周", "发热", ""),
        ("膝盖不怎么疼", "", ""),
        ("如果发烧了怎么办", "", ""),
        ("会不会头晕", "", ""),
        ("头晕吗", "", ""),
        ("发烧怎么办", "发热", ""),
        ("疼不疼？", "", ""),
        ("担心出血", "", ""),
        ("注意有无皮疹", "", ""),
        ("父亲有高血压", "", ""),
        ("同事发烧，我没事", "", ""),
        ("既往曾有咯血", "", ""),
        ("去年腹痛过一次", "", ""),
        ("膝盖又肿又痛", "膝肿胀 膝痛", ""),
        ("止痛药吃了两片", "", ""),
        ("手术后麻醉醒了", "", ""),
        ("不红不肿", "", "红肿"),
        ("伤口不红不肿不疼", "", "红肿 疼痛"),
        ("没發燒，喉嚨痛", "咽痛", "发热"),
        ("ｎｏ咳嗽", "咳嗽", ""),
        ("没发烧 没咳嗽", "", "发热 咳嗽"),
        ("言语不清、右侧肢体无力", "言语不清 偏瘫", ""),
        ("体温正常", "", "发热"),
        ("睡眠可，胃口好", "", "失眠 食欲减退"),
        ("鼻子不通", "鼻塞", ""),
        ("鼻子不堵了", "", "鼻塞"),
        ("睡不着", "失眠", ""),
    ],
)
def test_what_is_there_and_what_is_not(text: str, present: str, absent: str) -> None:
    reading = read(text)

    assert set(reading.terms(Polarity.PRESENT)) == set(present.split())
    assert set(reading.terms(Polarity.ABSENT)) == set(absent.split())


def test_whose_symptom_depends_on_who_writes() -> None:
    text = "孩子发烧，我也咳嗽"

    by_mother = read(text, writer=Writer.GUARDIAN)
    by_patient = read(text, writer=Writer.PATIENT)

    assert by_mother.terms(Polarity.PRESENT) == ("发热",)
    assert by_mother.terms(Polarity.OTHER) == ("咳嗽",)
    assert by_patient.terms(Polarity.PRESENT) == ("咳嗽",)
    assert by_patient.terms(Polarity.OTHER) == ("发热",)


def test_family_and_past_are_told_apart_from_now() -> None:
    reading = read("父亲患高血压，既往有哮喘，现咳嗽3天。", Channel.RECORD)

    assert reading.terms(Polarity.FAMILY) == ("高血压",)
    assert reading.terms(Polarity.PRESENT) == ("咳嗽",)
    assert next(m for m in reading.mentions if m.term == "咳嗽").since_days == 3


@pytest.mark.parametrize(
    ("text", "days"),
    [("胸闷半年", 182), ("头痛两周", 14), ("咳嗽一个半月", 45), ("腹痛十二天", 12)],
)
def test_how_long_is_read(text: str, days: int) -> None:
    assert read(text).mentions[0].since_days == days


@pytest.mark.parametrize(
    ("text", "adherence"),
    [
        ("天天按时吃，没漏过", "good"),
        ("医生让我减到半片", "good"),
        ("昨天忘了吃", "missed"),
        ("有时候想不起来吃", "missed"),
        ("我自己停了", "stopped"),
        ("早就不吃了", "stopped"),
        ("自己减成一片", "changed"),
        ("隔天吃一次", "changed"),
        ("能不能停药", "none"),
        ("如果漏服了怎么办", "none"),
        ("忘了吃药怎么办", "missed"),
        ("吃过早饭了", "none"),
        ("朋友说他停药了", "none"),
    ],
)
def test_how_the_medicine_is_taken(text: str, adherence: str) -> None:
    assert read(text, Channel.FOLLOW_UP).adherence == adherence


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("活着没意思，想死", "suicide urgent low_mood"),
        ("累死我了", ""),
        ("否认自杀观念", ""),
        ("胸口疼，直冒冷汗", "urgent"),
        ("爬楼有点喘不上气", ""),
        ("怀孕三个月", "pregnancy"),
        ("没怀孕", ""),
        ("对青霉素过敏", "allergy"),
        ("无药物过敏史", ""),
        ("药快吃完了", "need_refill"),
        ("投诉你们的护士", "complaint"),
        ("不用担心我", ""),
    ],
)
def test_what_must_not_be_overlooked(text: str, flags: str) -> None:
    assert set(read(text).flags) == set(flags.split())


def test_every_label_says_which_words_made_it() -> None:
    text = "我　不想活了。药也停了"
    reading = read(text)

    said = {one.label: text[slice(*one.span)] for one in reading.why}
    assert said["suicide"] == "不想活"
    assert "停了" in said["stopped"]


def test_a_text_beyond_the_bound_is_cut_and_says_so() -> None:
    reading = read("咳嗽。" + "好" * LONGEST_TEXT + "发烧")

    assert reading.is_cut
    assert reading.terms(Polarity.PRESENT) == ("咳嗽",)


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(st.text(max_size=200), st.text("不没无疼痛发烧药停吃了，。？ 我怕头", max_size=60))
)
def test_any_text_is_read_with_spans_inside_it(text: str) -> None:
    for channel in Channel:
        reading = read(text, channel)
        assert reading == read(text, channel)
        for span in [m.span for m in reading.mentions] + [one.span for one in reading.why]:
            assert 0 <= span[0] <= span[1] <= len(text)
        for mention in reading.mentions:
            assert mention.span[0] < mention.span[1]
            assert sentence_at(text, mention.span) or not text[slice(*mention.span)].strip()


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=200))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)

    assert normalise(once.text).text == once.text
    assert len(once.text) == len(once.origin)
    assert list(once.origin) == sorted(once.origin)


def test_own_sentences_are_read_as_well_as_docs_say() -> None:
    """Floors a little below what was reached; the held-out part was never looked at in tuning."""
    for name, floors in (
        ("sentences.jsonl", {"present": 0.95, "absent": 0.95, "flags": 0.93, "negation": 0.95}),
        ("held_out.jsonl", {"present": 0.8, "absent": 0.75, "flags": 0.85, "negation": 0.8}),
    ):
        texts = read_labelled(FOLDER / name)
        report = evaluate_tags(
            [(one, read(one.text, one.channel)) for one in texts], pack().words.lexicon
        )
        assert report["negation"]["accuracy"] >= floors.pop("negation")
        for part, floor in floors.items():
            assert report[part]["micro"]["f1"] >= floor, (name, part)


def test_own_sentences_are_many_and_none_is_in_both_parts() -> None:
    kept = [one.text for one in read_labelled(FOLDER / "sentences.jsonl")]
    held = [one.text for one in read_labelled(FOLDER / "held_out.jsonl")]

    assert len(kept) + len(held) >= 300
    assert not set(kept) & set(held)


@pytest.mark.shared
def test_the_development_file_is_read_with_every_negation_right(shared_data: Path) -> None:
    texts = read_labelled(shared_data / "nlp" / "tags_written_dev.jsonl")
    report = evaluate_tags(
        [(one, read(one.text, one.channel)) for one in texts], pack().words.lexicon
    )

    assert report["negation"]["accuracy"] == 1
    assert report["present"]["micro"]["f1"] >= 0.95
    assert report["absent"]["micro"]["f1"] >= 0.95
    assert report["flags"]["micro"]["f1"] >= 0.9
    assert report["adherence"]["accuracy"] >= 0.9
    assert report["sentiment"]["accuracy"] >= 0.88


@pytest.mark.shared
def test_symptoms_of_another_hand_are_found(shared_data: Path) -> None:
    texts = read_labelled(shared_data / "nlp" / "symptom_dxy_dev.jsonl")
    report = evaluate_symptoms([(one, read(one.text)) for one in texts], pack().words.lexicon)

    assert report["present"]["micro"]["f1"] >= 0.8


def test_names_are_compared_by_the_lexicon() -> None:
    lexicon = pack().words.lexicon

    assert lexicon.canonical("发烧") == lexicon.canonical("发热") == "发热"
    assert lexicon.canonical("膝关节疼痛") == "膝痛"
    assert lexicon.canonical("没人知道的说法") == "没人知道的说法"
    assert lexicon.with_above(["剧烈头痛"]) == {"剧烈头痛", "头痛", "疼痛"}


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"symptoms": [{"also": ["疼"]}]}, "symptoms"),
        ({"symptoms": [{"name": "甲"}, {"name": "甲"}]}, "twice"),
        ({"symptoms": [{"name": "甲", "above": "乙"}]}, "above"),
        ({"symptoms": [{"name": "甲", "like": ["("]}]}, "pattern"),
        ({"joined": {"头": "头痛"}}, "joined"),
        ([], "mapping"),
    ],
)
def test_a_wrong_lexicon_is_refused_with_the_place(data: object, place: str) -> None:
    with pytest.raises(InvalidDefinition, match=place):
        parse_lexicon(data)


def test_wrong_phrases_and_labels_are_refused() -> None:
    with pytest.raises(InvalidDefinition):
        parse_phrases({"flags": [{"flag": "unheard-of", "says": ["x"]}]})
    with pytest.raises(InvalidDefinition):
        parse_labelled({"text": "好", "adherence": "sometimes"}, "x:1")


def test_a_model_is_numbers_and_gives_a_probability() -> None:
    at = next(iter(features("停药了")))
    told = {"buckets": BUCKETS, "weights": {str(at): 3.0}, "bias": -1.0, "slope": 2.0, "shift": 0.1}
    model = model_from("stopped", 1, json.loads(json.dumps(told)))

    assert 0 < model.probability(features("你好")) < model.probability(features("停药了")) < 1
    with pytest.raises(InvalidDefinition):
        model_from("stopped", 1, {**told, "buckets": 8})
