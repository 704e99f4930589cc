"""人群 over HTTP: the list, the builder as a plain form, and its JSON."""

import html
import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from app import clock
from app.database import unit_of_work
from app.domain.trust.access import StaffRole
from app.models import Audience, AuditEvent, Segment
from tests import factories
from tests.integration.segment_ward import DIABETIC, HIGH, OVER_60, fill
from tests.staff_browser import WeCom, csrf_of, make_app, sign_in


@pytest.fixture
def wecom() -> WeCom:
    return WeCom(signs_in="head-nurse")


@pytest.fixture
def ids(database: Engine) -> dict[str, str]:
    """Public ids of the ward's people and teams."""
    with unit_of_work.begin() as session:
        ward = fill(session, clock.now())
        for role in (StaffRole.NURSE, StaffRole.OPERATOR, StaffRole.AUDITOR):
            factories.practitioner(session, role.value, role=role)
        return {
            name: getattr(ward, name).public_id
            for name in ("own", "elderly", "foreign", "team", "other_team")
        }


@pytest.fixture
def browser(ids: dict[str, str], wecom: WeCom) -> FlaskClient:
    client = make_app(wecom).test_client()
    sign_in(client, wecom, "/console")
    return client


def as_other(browser: FlaskClient, wecom: WeCom, who: str) -> FlaskClient:
    other = browser.application.test_client()
    wecom.signs_in = who
    sign_in(other, wecom, "/console")
    return other


def fields_of(page: TestResponse) -> MultiDict[str, str]:
    """Return what the builder's form would send, as a browser without a script does."""
    found: MultiDict[str, str] = MultiDict()
    form = page.text[page.text.index('id="builder"') :]
    tag = re.compile(r"<input([^>]*)>|<select([^>]*)>(.*?)</select>", re.DOTALL)
    for match in tag.finditer(form[: form.index("</form>")]):
        attributes = match[1] or match[2]
        name = re.search(r'name="([^"]*)"', attributes)
        if name is None:
            continue
        if match[1]:
            value = re.search(r'value="([^"]*)"', attributes)
            text = value[1] if value else ""
        else:
            options = re.findall(r'<option value="([^"]*)"( selected)?>', match[3])
            text = next((one for one, on in options if on), options[0][0] if options else "")
        found.add(name[1], html.unescape(text))
    return found


def press(
    browser: FlaskClient, page: TestResponse, do: str, path: str = "/console/segments/new",
    **changed: str,
) -> TestResponse:  # fmt: skip
    form = fields_of(page)
    for name, value in {**changed, "do": do}.items():
        form[name.replace("_", "-")] = value
    return browser.post(path, data=form)


def built(browser: FlaskClient, *, age: str = "60") -> TestResponse:
    """Return the builder with one condition: at least so old."""
    page = press(browser, browser.get("/console/segments/new"), "add:1", g1_kind="age")
    return press(browser, page, "count", n2_years=age)


def saved(browser: FlaskClient, name: str = "高龄", **changed: str) -> str:
    answer = press(browser, built(browser), "save", name=name, **changed)
    assert answer.status_code == 303
    return answer.headers["Location"].split("?")[0]


def api(browser: FlaskClient, what: str, body: Any, **headers: str) -> TestResponse:
    token = csrf_of(browser.get("/console/segments/new"))
    return browser.post(
        f"/console/segments/api/{what}",
        data=body if isinstance(body, str) else json.dumps(body),
        content_type=headers.pop("content_type", "application/json"),
        headers={"X-CSRF-Token": token, **headers},
    )


def entities() -> list[str]:
    with unit_of_work.begin() as session:
        return list(session.scalars(select(AuditEvent.entity).order_by(AuditEvent.id)))


# ------------------------------------------------------------------------------ who may


@pytest.mark.parametrize("who", ["doctor", "head-nurse", "nurse", "operator", "auditor"])
def test_only_doctors_and_head_nurses_come_in(browser: FlaskClient, wecom: WeCom, who: str) -> None:
    answer = as_other(browser, wecom, who).get("/console/segments")

    assert answer.status_code == (200 if who in ("doctor", "head-nurse") else 403)


def test_a_form_without_its_word_does_nothing(browser: FlaskClient) -> None:
    answer = browser.post("/console/segments/new", data={"do": "save", "name": "x"})

    assert answer.status_code == 403
    token = {"X-CSRF-Token": "0" * 64}
    for what in ("count", "sample", "why", "draft"):
        path = f"/console/segments/api/{what}"
        assert browser.post(path, json={"tree": OVER_60}, headers=token).status_code == 403


# ------------------------------------------------------------------------------ the builder


def test_a_condition_is_added_filled_in_and_counted(browser: FlaskClient) -> None:
    page = press(browser, browser.get("/console/segments/new"), "add:1", g1_kind="age")
    assert page.status_code == 200
    assert "autofocus" in page.text
    assert "还没有填" not in page.text

    page = press(browser, page, "count", n2_years="60")

    assert "年龄≥60岁" in page.text
    assert '<strong class="count">2</strong>' in page.text


def test_conditions_nest_move_and_go(browser: FlaskClient) -> None:
    page = press(browser, built(browser), "group:1")
    page = press(browser, page, "add:3", g3_kind="tag")
    page = press(browser, page, "add:3", g3_kind="latest")
    page = press(
        browser, page, "count",
        g3_mode="none", n4_key="糖尿病", n5_code="血糖", n5_op=">", n5_value="10",
    )  # fmt: skip
    assert "任何一项都不满足（有标签“糖尿病”" in page.text
    assert fields_of(page)["n5-code"] == "血糖（mmol/L）"
    assert '<strong class="count">1</strong>' in page.text  # the foreign one alone

    page = press(browser, page, "up:3")
    form = fields_of(page)
    assert form.getlist("node") == ["3:1:group", "4:3:tag", "5:3:latest", "2:1:age"]
    page = press(browser, page, "remove:3")
    assert fields_of(page).getlist("node") == ["2:1:age"]
    assert '<strong class="count">2</strong>' in page.text


def test_every_wrong_field_is_told_at_once_and_kept(browser: FlaskClient) -> None:
    page = press(browser, built(browser), "add:1", g1_kind="condition")
    page = press(browser, page, "add:1", g1_kind="tag")
    page = press(
        browser, page, "save", name="x", n2_years="<b>老</b>", n3_code="糖", n4_key="没有的标签",
    )  # fmt: skip

    assert page.status_code == 422
    for told in (
        '<a href="#n2-years">年龄的“岁数”：请填 0 到 130 的整数</a>',
        '<a href="#n3-code">诊断的“ICD-10 编码”：请填 ICD-10 编码，例如 E11 或 E11.9</a>',
        '<a href="#n4-key">标签的“标签”：没有“没有的标签”，请从列表里选</a>',
    ):
        assert told in page.text
    form = fields_of(page)
    assert (form["n2-years"], form["n3-code"], form["n4-key"]) == (
        "<b>老</b>", "糖", "没有的标签",
    )  # fmt: skip
    assert "<b>老</b>" not in page.text


LEAVES: list[tuple[str, dict[str, str], dict[str, Any]]] = [
    ("tag", {"key": "糖尿病"}, {"tag": {"key": "diabetes"}}),
    ("condition", {"code": "E11"}, {"condition": {"code": "E11"}}),
    ("medication", {"code": "A10BA02"}, {"medication": {"code": "A10BA02"}}),
    ("gender", {"gender": "male"}, {"gender": {"gender": "male"}}),
    ("department", {"code": "endo"}, {"department": {"code": "endo"}}),
    ("region", {"region": "浙江省"}, {"region": {"region": "浙江省"}}),
    ("latest", {"code": "血糖", "value": "7.0", "within": "2", "within-unit": "W",
                "context": "fasting"},
     {"latest": {"code": "15074-8", "op": ">=", "value": "7.0", "unit": "mmol/L",
                 "within": "P14D", "context": "fasting"}}),
    ("count", {"code": "8480-6", "op": "<", "value": "９0", "at_least": "3"},
     {"count": {"code": "8480-6", "op": "<", "value": "90", "unit": "mm[Hg]", "within": "P90D",
                "at_least": 3}}),
    ("of_last", {"code": "体重（kg）", "value": "70"},
     {"of_last": {"code": "29463-7", "op": ">=", "value": "70", "unit": "kg", "of": 3,
                  "at_least": 2, "within": "P90D"}}),
    ("mean", {"code": "收缩压（mmHg）", "value": "135", "within": "7"},
     {"mean": {"code": "8480-6", "op": ">=", "value": "135", "unit": "mm[Hg]", "at_least": 3,
               "within": "P7D"}}),
    ("rise", {"code": "体重（kg）", "by": "2"},
     {"rise": {"code": "29463-7", "unit": "kg", "by": "2", "over": "P3D"}}),
    ("change", {"code": "体重（kg）", "direction": "down", "by": "5"},
     {"change": {"code": "29463-7", "unit": "kg", "by": "-5", "over": "P90D"}}),
    ("measured", {"code": "血糖", "within": "36", "within-unit": "H"},
     {"measured": {"code": "15074-8", "within": "PT36H"}}),
    ("visited", {"class": "ambulatory", "department": "endo", "at_least": "2"},
     {"visited": {"class": "AMB", "department": "endo", "at_least": 2, "within": "P90D"}}),
    ("plan", {"key": "demo-plan", "state": "over"},
     {"plan": {"key": "demo-plan", "state": "over"}}),
    ("missed", {}, {"missed": {"kind": "measurement", "of": 5, "at_least": 3}}),
    ("reachable", {"by": "phone"}, {"reachable": {"by": "phone"}}),
    ("interaction", {"kind": "read"},
     {"interaction": {"kind": "read", "at_least": 1, "within": "P90D"}}),
    ("preference", {"kind": "reach-hour", "value": "08"},
     {"preference": {"kind": "reach-hour", "value": "08"}}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "typed", "leaf"), LEAVES, ids=[one[0] for one in LEAVES])
def test_each_kind_of_condition_is_built_saved_and_opened_again(
    browser: FlaskClient, kind: str, typed: dict[str, str], leaf: dict[str, Any]
) -> None:
    page = press(browser, browser.get("/console/segments/new"), "add:1", g1_kind=kind)
    if typed.get("class"):
        typed, leaf = {**typed, "class": leaf[kind]["class"]}, leaf
    changed = {f"n2-{name}": value for name, value in typed.items()}
    answer = browser.post(
        "/console/segments/new",
        data={**fields_of(page).to_dict(), **changed, "name": "试", "do": "save"},
    )
    assert answer.status_code == 303, re.findall(r'<a href="#[^>]*>(.*?)</a>', answer.text)
    with unit_of_work.begin() as session:
        assert session.scalars(select(Segment.tree)).one() == {"all": [leaf]}

    # Opened and saved unchanged, it is the same.
    path = answer.headers["Location"].split("?")[0] + "/edit"
    again = press(browser, browser.get(path), "save", path)
    assert again.status_code == 303
    with unit_of_work.begin() as session:
        assert session.scalars(select(Segment.tree)).one() == {"all": [leaf]}
        assert session.scalars(select(Segment.version)).one() == 2


@pytest.mark.parametrize("key", ["away", "glucose", "pressure"])
def test_an_example_fills_the_form_and_can_be_saved(browser: FlaskClient, key: str) -> None:
    assert f"/console/segments/new?example={key}" in browser.get("/console/segments/new").text

    page = browser.get(f"/console/segments/new?example={key}")

    assert '<strong class="count">' in page.text
    assert press(browser, page, "save", name="例").status_code == 303
    assert browser.get("/console/segments/new?example=x").status_code == 200


def test_a_tampered_form_is_read_as_far_as_it_makes_sense(browser: FlaskClient) -> None:
    form = fields_of(built(browser))
    for text in ("2:1:age", "3:99:age", "4:2:age", "0:1:age", "5:1:nonsense", "x", "6:1:group"):
        form.add("node", text)
    for order in ("count", "add:9999", "remove:1", "up:2", "nonsense:x", "why:../x"):
        form["do"] = order
        answer = browser.post("/console/segments/new", data=form)
        assert answer.status_code in (200, 404, 422)


def test_a_form_holds_two_hundred_nodes_and_no_more(browser: FlaskClient) -> None:
    form = fields_of(built(browser))
    form.setlist("node", [f"{number}:1:gender" for number in range(2, 260)])
    form["do"] = "count"
    page = browser.post("/console/segments/new", data=form)

    assert len(fields_of(page).getlist("node")) == 200
    assert browser.post("/console/segments/new", data={"x": "x" * 70_000}).status_code == 413


# ------------------------------------------------------------------------------ saving


def test_a_segment_is_saved_listed_and_shown(browser: FlaskClient, ids: dict[str, str]) -> None:
    path = saved(browser, "高龄患者", team=ids["team"])

    listed = browser.get("/console/segments").text
    assert "高龄患者" in listed
    assert "年龄≥60岁" in listed
    assert "2 人" in listed
    assert "糖尿病随访组" in listed
    assert browser.get(path).status_code == 200


def test_another_teams_segment_looks_like_none(
    browser: FlaskClient, wecom: WeCom, ids: dict[str, str]
) -> None:
    path = saved(browser, team=ids["team"])
    other = as_other(browser, wecom, "outsider")

    assert "高龄" not in other.get("/console/segments").text
    for address in (path, f"{path}/edit", f"{path}/why/{ids['foreign']}"):
        assert other.get(address).status_code == 404
    page = press(other, built(other), "save", name="别队", team=ids["team"])
    assert page.status_code == 422


def test_two_who_save_lose_nothing(browser: FlaskClient, wecom: WeCom) -> None:
    path = saved(browser) + "/edit"
    page = browser.get(path)
    first = press(browser, browser.get(path), "save", path, n2_years="70")
    assert first.status_code == 303

    second = press(browser, page, "save", path, n2_years="80")

    assert second.status_code == 422
    assert "别人改过这个人群" in second.text
    assert "年龄≥70岁" in second.text  # what they saved
    assert fields_of(second)["n2-years"] == "80"  # what is not lost
    again = press(browser, second, "save", path)
    assert again.status_code == 303
    with unit_of_work.begin() as session:
        segment = session.scalars(select(Segment)).one()
        assert (segment.version, segment.tree["all"][0]["age"]["years"]) == (3, 80)


def test_what_is_anothers_is_kept_as_a_new_one(browser: FlaskClient, wecom: WeCom) -> None:
    path = saved(browser) + "/edit"
    other = as_other(browser, wecom, "outsider")
    page = other.get(path)
    assert "由演示护士长维护" in page.text

    assert press(other, page, "save", path).status_code == 422
    assert press(other, page, "save-new", path, name="外科的").status_code == 303
    assert "外科的" in browser.get("/console/segments").text


def test_a_taken_name_is_told_at_the_name(browser: FlaskClient) -> None:
    saved(browser)

    page = press(browser, built(browser), "save", name="高龄")

    assert page.status_code == 422
    assert '<a href="#name">这个名称已经用过，请换一个</a>' in page.text


def test_a_segment_is_retired(browser: FlaskClient) -> None:
    path = saved(browser)
    token = csrf_of(browser.get(path))

    stale = browser.post(f"{path}/retire", data={"csrf_token": token, "version": "9"})
    assert stale.status_code == 409
    answer = browser.post(f"{path}/retire", data={"csrf_token": token, "version": "1"})

    assert answer.status_code == 303
    assert browser.get(path).status_code == 404


# ------------------------------------------------------------------------------ patients


def test_a_sample_shows_masked_names_and_is_in_the_trail(browser: FlaskClient) -> None:
    path = saved(browser)
    assert "欧**示" not in browser.get(path).text

    page = browser.get(f"{path}?show=sample").text

    assert "欧**示" in page
    assert "王*例" not in page
    assert "另外 1 人由其他团队负责" in page
    assert "欧阳演示" not in page
    assert entities().count("segment-sample") == 1


def test_why_is_found_by_record_number_which_no_address_holds(
    browser: FlaskClient, ids: dict[str, str]
) -> None:
    path = saved(browser)
    token = csrf_of(browser.get(path))

    answer = browser.post(f"{path}/why", data={"csrf_token": token, "number": "a0012345"})

    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{path}/why/{ids['elderly']}"
    page = browser.get(answer.headers["Location"]).text
    assert "欧**示为什么在“高龄”里" in page
    for number in ("A999", ids["foreign"]):
        missing = browser.post(f"{path}/why", data={"csrf_token": token, "number": number})
        assert missing.status_code == 422
        assert "没有找到这个病历号" in missing.text
    assert browser.get(f"{path}/why/{ids['foreign']}").status_code == 404
    assert entities().count("segment-why") == 1


def test_why_is_told_in_the_builder_before_anything_is_saved(
    browser: FlaskClient, ids: dict[str, str]
) -> None:
    page = press(browser, built(browser), "sample")
    assert f'value="why:{ids["elderly"]}"' in page.text

    page = press(browser, page, f"why:{ids['elderly']}")
    assert "欧**示在这个人群里" in page.text
    page = press(browser, page, "why", number="A0012345", n2_years="100")
    assert "欧**示不在这个人群里" in page.text
    page = press(browser, page, "why", number="nobody")
    assert "没有找到这个病历号" in page.text


def test_a_list_is_frozen(browser: FlaskClient) -> None:
    path = saved(browser)

    answer = browser.post(f"{path}/freeze", data={"csrf_token": csrf_of(browser.get(path))})

    assert answer.status_code == 303
    assert "已生成名单" in browser.get(answer.headers["Location"]).text
    with unit_of_work.begin() as session:
        assert session.scalars(select(Audience.size)).one() == 2


def test_two_segments_are_compared(browser: FlaskClient) -> None:
    first = saved(browser).rpartition("/")[2]
    page = press(browser, browser.get("/console/segments/new"), "add:1", g1_kind="tag")
    answer = press(browser, page, "save", name="糖尿病患者", n2_key="糖尿病")
    second = answer.headers["Location"].split("?")[0].rpartition("/")[2]

    page = browser.get(f"/console/segments/compare?first={first}&second={second}")

    assert page.status_code == 200
    assert re.search(r"只在 A：<strong class=.count.>1<", page.text)
    assert "2型糖尿病" in page.text
    for query in (f"first={first}&second={first}", f"first={first}&second=nothing", "first=x"):
        assert browser.get(f"/console/segments/compare?{query}").status_code == 422


# ------------------------------------------------------------------------------ JSON


def test_json_counts_samples_and_explains(browser: FlaskClient, ids: dict[str, str]) -> None:
    counted = api(browser, "count", {"tree": {"all": [OVER_60, {"not": DIABETIC}]}})
    assert counted.get_json()["count"] == 1
    assert "年龄≥60岁" in counted.get_json()["sentence"]

    sampled = api(browser, "sample", {"tree": OVER_60}).get_json()
    assert (sampled["count"], sampled["others"]) == (2, 1)
    assert [one["name"] for one in sampled["patients"]] == ["欧**示"]

    why = api(browser, "why", {"tree": {"all": [OVER_60]}, "patient": ids["elderly"]}).get_json()
    assert why["is_in"]
    assert [one["holds"] for one in why["reason"]["items"]] == [True]


def problem_of(answer: TestResponse, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    return json.loads(answer.text)


def test_json_names_the_part_that_is_wrong(browser: FlaskClient, ids: dict[str, str]) -> None:
    wrong = {"tree": {"any": [OVER_60, {"latest": {**HIGH["latest"], "unit": "mg/dL"}}]}}
    problem = problem_of(api(browser, "count", wrong), 422)
    assert problem["path"] == "condition.any[1].latest.unit"
    assert problem["title"] == "第2条（最近一次结果）的“单位”：应为 mmol/L"

    wide = {"tree": {"all": [OVER_60] * 200}}
    assert "最多 200 个" in problem_of(api(browser, "count", wide), 422)["title"]
    assert problem_of(api(browser, "why", {"tree": OVER_60}), 422)["path"] == "patient"
    assert problem_of(api(browser, "count", {"tree": OVER_60, "x": 1}), 422)["path"] == "x"
    foreign = {"tree": OVER_60, "patient": ids["foreign"]}
    assert problem_of(api(browser, "why", foreign), 404)["type"] == "/problems/not-found"
    absent = {"tree": {"absent": {"code": "15074-8", "days": 3}}}
    problem_of(api(browser, "count", absent), 422)


@pytest.mark.parametrize(
    ("body", "more", "status"),
    [
        ("{", {}, 400),
        ('{"tree": {"age": {"op": ">=", "years": NaN}}}', {}, 400),
        ("[]", {}, 422),
        ('"x"', {}, 422),
        ("{}", {"content_type": "text/plain"}, 415),
        ('{"tree": "' + "x" * 70_000 + '"}', {}, 413),
        ('{"tree": ' + '{"not": ' * 40 + "1" + "}" * 41, {}, 400),
    ],
)
def test_json_that_is_none_is_refused_as_a_problem(
    browser: FlaskClient, body: str, more: dict[str, str], status: int
) -> None:
    problem_of(api(browser, "count", body, **more), status)


def test_the_script_asks_with_the_form_as_it_stands(browser: FlaskClient) -> None:
    form = fields_of(built(browser))

    told = browser.post("/console/segments/api/draft", data=form).get_json()
    assert told == {"sentence": "年龄≥60岁", "count": 2, "problem": None}
    form["n2-years"] = ""
    unfinished = browser.post("/console/segments/api/draft", data=form).get_json()
    assert (unfinished["sentence"], unfinished["problem"]) == (None, "年龄的“岁数”：还没有填")
