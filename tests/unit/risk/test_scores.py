"""Scores against the numbers that their papers print, and against what is missing."""

from datetime import timedelta
from decimal import Decimal

import pytest

from app.domain.profile.risk.body_surface import body_surface
from app.domain.profile.risk.cdrs import CDRS, cdrs
from app.domain.profile.risk.cha2ds2_vasc import CHA2DS2_VASC, CHA2DS2_VASC_60
from app.domain.profile.risk.charlson import charlson, groups_of
from app.domain.profile.risk.china_par import CHINA_PAR, Profile, china_par
from app.domain.profile.risk.ckd_epi import CKD_EPI, ckd_epi_2021
from app.domain.profile.risk.corrected_calcium import corrected_calcium
from app.domain.profile.risk.findrisc import FINDRISC
from app.domain.profile.risk.frame import (
    AGE,
    GENDER,
    Assessment,
    Given,
    Inputs,
    NotComputable,
    Unknown,
    Value,
)
from app.domain.profile.risk.gmi import gmi
from app.domain.profile.risk.hospital import HOSPITAL, hospital
from app.domain.profile.risk.lace import LACE, lace
from app.domain.profile.risk.library import SCORES, woken_by
from app.domain.profile.risk.phq9 import phq9
from app.domain.profile.risk.qtcf import qtcf
from app.domain.profile.risk.schwartz import SCHWARTZ, bedside_schwartz
from app.domain.profile.risk.words import bands_of, score_words
from tests.conftest import NOON


def given(**values: Value | int) -> Inputs:
    """Inputs measured now; whole numbers become Decimal."""
    return {
        key: Given(Decimal(one) if type(one) is int else one, NOON)  # bool is no number here
        for key, one in values.items()
    }


def said(score: str, inputs: Inputs) -> Assessment:
    found = SCORES[score].compute(inputs, NOON)
    assert isinstance(found, Assessment), found
    return found


def reasons(score: str, inputs: Inputs) -> tuple[str, ...]:
    found = SCORES[score].compute(inputs, NOON)
    assert isinstance(found, NotComputable), found
    return found.reasons


# ------------------------------------------------------------------------------ readmission


@pytest.mark.parametrize(
    ("days", "acute", "groups", "visits", "total"),
    [
        (5, True, 5, 2, 14), (2, False, 0, 0, 2), (14, True, 4, 4, 19), (6, True, 3, 1, 11),
        (0, False, 0, 0, 0), (30, True, 12, 9, 19), (7, False, 0, 0, 5), (13, False, 0, 0, 5),
    ],
)  # fmt: skip
def test_lace_as_published(days: int, acute: bool, groups: int, visits: int, total: int) -> None:
    assert lace(days, groups, visits, is_acute=acute) == total


@pytest.mark.parametrize(("admissions", "points"), [(0, 0), (1, 0), (2, 2), (5, 2), (6, 5)])
def test_hospital_counts_admissions_as_of_2016(admissions: int, points: int) -> None:
    total = hospital(
        Decimal(130), Decimal(140), admissions, 1,
        is_oncology=False, had_procedure=False, is_urgent=False,
    )  # fmt: skip
    assert total == points


def test_hospital_adds_up_to_thirteen() -> None:
    total = hospital(
        Decimal(119), Decimal(134), 6, 5, is_oncology=True, had_procedure=True, is_urgent=True
    )
    assert total == 13
    assert HOSPITAL.version == "2016"


@pytest.mark.parametrize(
    ("codes", "total"),
    [
        ([], 0),
        (["E11.9"], 1),
        (["E11.900x001"], 1),  # a Chinese edition's extension
        (["E11.9", "E11.2"], 2),  # the damage counts, the diabetes under it no more
        (["N18.5", "K74.6"], 4),  # severe kidney disease hides mild liver disease
        (["C34.1", "C79.5"], 6),  # metastases hide their tumour
        (["I21.9", "I22.0"], 1),  # one group once
        (["I50.9", "J44.1", "F03", "M32.9"], 10),
        (["I10.x00", "J18.9"], 0),
    ],
)
def test_charlson_weights_of_lace(codes: list[str], total: int) -> None:
    assert charlson(codes) == total


def test_no_group_claims_a_code_of_another_letter() -> None:
    assert [group.key for group in groups_of(["Z94.0"])] == ["severe-liver-kidney"]
    assert not groups_of(["C44.9"])  # skin cancer other than melanoma is left out


# ------------------------------------------------------------------------- kidney and blood


@pytest.mark.parametrize(
    ("creatinine", "age", "male", "expected"),
    [(1.0, 50, True, 92), (0.6, 50, False, 109), (1.5, 75, False, 36), (2.0, 75, False, 26)],
)
def test_ckd_epi_gives_back_its_table(
    creatinine: float, age: int, male: bool, expected: int
) -> None:
    assert round(ckd_epi_2021(creatinine, age, is_male=male)) == pytest.approx(expected, abs=1)


def test_children_have_their_own_formula() -> None:
    assert bedside_schwartz(Decimal(120), Decimal(50)) == Decimal("87.6")
    child = given(age=9, gender="male", creatinine=50, height=120)
    assert said("schwartz", child).value == Decimal("87.6")
    assert "只适用于18 岁及以上" in reasons("ckd-epi", child)[0]
    assert "只适用于1–17 岁" in reasons("schwartz", {**child, **given(age=40)})[0]


@pytest.mark.parametrize(
    ("creatinine", "stage"), [(60, "g1"), (100, "g2"), (130, "g3a"), (200, "g3b"), (600, "g5")]
)
def test_stages_follow_the_value_that_is_shown(creatinine: int, stage: str) -> None:
    assert said("ckd-epi", given(age=50, gender="male", creatinine=creatinine)).band == stage


def test_small_formulas() -> None:
    assert gmi(Decimal("123.666")) == pytest.approx(Decimal("6.268"), abs=Decimal("0.001"))
    assert corrected_calcium(Decimal("2.0"), Decimal(30)) == Decimal("2.20")
    assert body_surface(Decimal(180), Decimal(80)) == Decimal(2)
    assert qtcf(400, 1.0) == pytest.approx(400)
    assert qtcf(360, 0.512) == pytest.approx(450)  # 0.8 cubed
    assert phq9([1] * 9) == phq9([1] * 9)
    assert (phq9([1] * 9).total, phq9([1] * 9).band) == (9, "mild")
    assert phq9([3, 3, 3, 1, 0, 0, 0, 0, 0]).band == "moderate"
    assert phq9([0] * 8 + [1]).is_ninth_positive
    with pytest.raises(ValueError, match="nine answers"):
        phq9([4] * 9)


# ------------------------------------------------------------------------ heart and diabetes


@pytest.mark.parametrize(
    ("male", "age", "expected"),
    [
        (True, 40, 2.2), (True, 50, 5.4), (True, 60, 11.0), (True, 70, 19.6),
        (False, 40, 2.4), (False, 50, 5.4), (False, 60, 10.1), (False, 70, 17.1),
    ],
)  # fmt: skip
def test_china_par_gives_back_its_example(male: bool, age: int, expected: float) -> None:
    one = Profile(
        age=age, pressure=130, total_cholesterol=210, hdl_cholesterol=55, waist=80,
        has_diabetes=True, is_north=True, is_urban=True,
    )  # fmt: skip
    assert 100 * china_par(one, is_male=male) == pytest.approx(expected, abs=0.1)


def adult(**more: Value | int) -> Inputs:
    return {
        **given(
            age=60, gender="male", systolic=150, is_treated=False,
            total_cholesterol=Decimal("5.43"), hdl_cholesterol=Decimal("1.42"), waist=95,
            smokes=True, has_diabetes=False, is_north=True, is_urban=True, family_ascvd=False,
            has_ascvd=False,
        ),
        **given(**more),
    }  # fmt: skip


def test_mens_waist_is_never_a_lever() -> None:
    """Its coefficient is negative: shown, it would read as advice to grow fat."""
    shares = {one.key: one for one in said("china-par", adult()).contributions}
    assert "waist" not in shares
    assert shares["smokes"].amount > 1
    assert shares["systolic"].amount > 1
    assert not shares["is_north"].is_lever


def test_china_par_is_for_who_is_well_so_far() -> None:
    assert reasons("china-par", adult(has_ascvd=True)) == (
        "已有冠心病或脑卒中诊断，这个评分只用于尚未发病的人",
    )


def test_men_are_asked_for_more_than_women() -> None:
    without = {key: one for key, one in adult().items() if key not in ("is_urban", "family_ascvd")}
    assert reasons("china-par", without) == ("缺少城乡居住地、心血管病家族史",)
    assert said("china-par", {**without, **given(gender="female")}).value > 0


def test_cdrs_as_published() -> None:
    assert cdrs(
        31, Decimal(145), Decimal(30), Decimal(95), is_male=True, has_family_history=False
    ) == 28  # fmt: skip
    assert cdrs(
        20, Decimal(109), Decimal("21.9"), Decimal(69), is_male=False, has_family_history=False
    ) == 0  # fmt: skip
    assert cdrs(
        74, Decimal(200), Decimal(40), Decimal(120), is_male=True, has_family_history=True
    ) == 51  # fmt: skip


def test_womens_waist_counts_from_five_centimetres_less() -> None:
    of_woman = cdrs(
        20, Decimal(100), Decimal(20), Decimal(70), is_male=False, has_family_history=False
    )
    of_man = cdrs(
        20, Decimal(100), Decimal(20), Decimal(74), is_male=True, has_family_history=False
    )
    assert (of_woman, of_man) == (3, 2)


def test_without_waist_or_pressure_there_is_no_cdrs() -> None:
    asked = given(age=50, gender="male", body_mass=27, family_diabetes=False, has_diabetes=False)
    assert reasons("cdrs", asked) == ("缺少收缩压", "缺少腰围")


def test_findrisc_reaches_from_nothing_to_26() -> None:
    best = given(
        age=30, gender="female", body_mass=22, waist=70, is_active=True, eats_greens=True,
        is_treated=False, had_high_glucose=False, family_degree="none", has_diabetes=False,
    )  # fmt: skip
    worst = given(
        age=70, gender="male", body_mass=31, waist=103, is_active=False, eats_greens=False,
        is_treated=True, had_high_glucose=True, family_degree="first", has_diabetes=False,
    )  # fmt: skip
    assert said("findrisc", best).value == 0
    assert (said("findrisc", worst).value, said("findrisc", worst).band) == (26, "highest")
    assert reasons("findrisc", {**worst, **given(has_diabetes=True)}) == (
        "已有糖尿病诊断，这个评分只用于筛查",
    )


def fibrillating(**more: Value | int) -> Inputs:
    nothing = dict.fromkeys(
        ("heart_failure", "hypertension", "has_diabetes", "stroke", "vascular"), False
    )
    return given(**{"age": 50, "gender": "male", "fibrillation": True, **nothing, **more})


@pytest.mark.parametrize(
    ("more", "of_2010", "of_60"),
    [
        ({}, 0, 0), ({"age": 60}, 0, 1), ({"age": 64}, 0, 1), ({"age": 65}, 1, 2),
        ({"age": 75}, 2, 2), ({"gender": "female"}, 1, 1), ({"stroke": True}, 2, 2),
        (dict.fromkeys(("heart_failure", "hypertension", "has_diabetes", "stroke", "vascular"),
                       True) | {"age": 80, "gender": "female"}, 9, 9),
    ],
)  # fmt: skip
def test_two_versions_of_cha2ds2_vasc(
    more: dict[str, Value | int], of_2010: int, of_60: int
) -> None:
    asked = fibrillating(**more)
    assert said("cha2ds2-vasc", asked).value == of_2010
    assert said("cha2ds2-vasc-60", asked).value == of_60
    assert CHA2DS2_VASC.version != CHA2DS2_VASC_60.version


def test_only_for_who_fibrillates() -> None:
    asked = fibrillating(fibrillation=False)
    assert reasons("cha2ds2-vasc", asked) == ("没有房颤诊断，这个评分只用于房颤患者",)
    assert not CHA2DS2_VASC.is_asked(asked)


# ---------------------------------------------------------------- what every score has in common


def test_every_reason_is_told_at_once() -> None:
    asked = {
        **given(age=17),
        "is_acute": Unknown("医院系统没有传来急诊就诊记录"),
        "stay_days": Given(Decimal(5), NOON - timedelta(days=31)),
    }
    assert reasons("lace", asked) == (
        "年龄 17 岁，这个评分只适用于18 岁及以上",
        "住院天数是 31 天前的，超过 30 天不能再用",
        "医院系统没有传来急诊就诊记录",
        "缺少Charlson 合并症",
        "缺少入院前 6 个月急诊次数",
    )


def test_an_old_creatinine_is_no_creatinine() -> None:
    asked = given(age=50, gender="male") | {
        "creatinine": Given(Decimal(80), NOON - timedelta(days=366))
    }
    assert reasons("ckd-epi", asked) == ("血肌酐是 366 天前的，超过 365 天不能再用",)


def test_without_birthday_or_sex_nothing_is_guessed() -> None:
    assert reasons("ckd-epi", given(creatinine=80)) == ("缺少出生日期", "性别不明")
    assert reasons("ckd-epi", given(age=50, gender="other", creatinine=80)) == ("性别不明",)


@pytest.mark.parametrize("score", SCORES.values(), ids=lambda one: one.key)
def test_every_score_says_what_it_is(score: object) -> None:
    assert score.source  # type: ignore[attr-defined]
    assert score.version.isascii()  # type: ignore[attr-defined]
    assert score.compute({}, NOON) == score.compute({}, NOON)  # type: ignore[attr-defined]
    assert isinstance(score.compute({}, NOON), NotComputable)  # type: ignore[attr-defined]
    assert not score.is_asked({})  # type: ignore[attr-defined]


def test_shares_add_up_where_they_are_points() -> None:
    for key, asked in (
        ("cdrs", given(age=50, gender="male", systolic=145, body_mass=27, waist=92,
                       family_diabetes=True, has_diabetes=False)),
        ("lace", given(age=70, stay_days=8, is_acute=True, charlson=3, emergency_visits=1)),
        ("cha2ds2-vasc", fibrillating(age=80, stroke=True)),
    ):  # fmt: skip
        found = said(key, asked)
        assert sum(one.amount for one in found.contributions) == found.value


def test_an_event_wakes_only_what_it_can_change() -> None:
    woken = {score.key for score in woken_by({"observation:14682-9"})}
    assert woken == {"ckd-epi", "schwartz"}
    assert {score.key for score in woken_by({"encounter"})} == {"lace", "hospital"}
    assert len(woken_by({"patient"})) == len(SCORES)
    assert not woken_by({"follow-up"})


def test_scores_and_bands_have_names() -> None:
    assert score_words("follow-up-priority", "high") == ("失访优先级", "高")
    assert score_words("ckd-epi", "g3a") == ("估算肾小球滤过率", "G3a 期，轻中度下降")
    assert score_words("unheard-of", "odd") == ("unheard-of", "odd")
    assert list(bands_of("china-par")) == ["low", "mid", "high"]
    assert all(bands_of(key) for key in SCORES)


def test_the_scores_that_may_not_ship_do_not() -> None:
    assert not {"mmas", "arms", "cat", "act", "sf-36"} & set(SCORES)
    assert {CDRS.key, CHINA_PAR.key, CKD_EPI.key, FINDRISC.key, LACE.key, SCHWARTZ.key} <= set(
        SCORES
    )
    assert AGE != GENDER
