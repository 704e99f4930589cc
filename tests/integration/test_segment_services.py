"""What staff do with segments: keep, find, sample, explain, freeze, compare."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.criteria.for_segments import NotForSegments
from app.domain.criteria.tree import Criterion
from app.domain.errors import NotFound
from app.domain.segments.errors import (
    InvalidSegment,
    NotYourSegment,
    SegmentChanged,
    SegmentNameTaken,
    TooSlow,
)
from app.domain.segments.trees import read_tree
from app.domain.segments.why import Reason
from app.models import AudienceChunk, AuditEvent, Segment, SegmentScope
from app.models.segments.evaluating import IndexFirst, SqlEvaluator
from app.models.segments.names import names
from app.models.segments.time_limit import limited
from app.services.segments import comparing, explaining, freezing, sampling
from app.services.segments.segment_library import (
    Draft,
    change_segment,
    list_segments,
    list_segments_for,
    read_segment,
    retire_segment,
    save_segment,
)
from tests import factories
from tests.conftest import NOON
from tests.integration.segment_ward import DIABETIC, HIGH, OVER_60, Ward, fill

ZONE = ZoneInfo("Asia/Shanghai")
TODAY = NOON.astimezone(ZONE).date()
SQL = SqlEvaluator(ZONE)


@pytest.fixture
def ward(session: Session) -> Ward:
    return fill(session, NOON)


def tree(data: dict[str, Any]) -> Criterion:
    return read_tree(data)


def kept(session: Session, ward: Ward, name: str = "高龄", **more: Any) -> Segment:
    data = more.pop("tree", OVER_60)
    return save_segment(session, Draft(name, data, **more), ward.doctor, NOON)


def audited(session: Session, entity: str) -> list[AuditEvent]:
    return list(session.scalars(select(AuditEvent).filter_by(entity=entity)))


# ------------------------------------------------------------------------------ the library


def test_a_segment_is_saved_with_its_owner_and_listed(session: Session, ward: Ward) -> None:
    segment = kept(session, ward, "  65岁以上 ")

    (line,) = list_segments(session, ward.outsider.id)
    assert (line.name, line.owner_name, line.version) == ("65岁以上", "演示医生", 1)
    assert line.criterion == tree(OVER_60)
    assert not line.may_change
    assert [one.detail["segment"] for one in audited(session, "segment")] == [segment.public_id]


@pytest.mark.parametrize(
    ("data", "told", "path"),
    [
        ({"age": {"op": ">=", "years": 300}}, "年龄的“岁数”：请填 0 到 130 的整数",
         "condition.age.years"),
        ({"all": [OVER_60, {"not": {"condition": {"code": "糖"}}}]},
         "第2条（诊断）的“ICD-10 编码”：请填 ICD-10 编码，例如 E11 或 E11.9",
         "condition.all[1].not.condition.code"),
        ({"any": [{"all": []}]}, "第1条：这一组里还没有条件", "condition.any[0].all"),
        ({"latest": {**HIGH["latest"], "value": "1000"}},
         "最近一次结果的“数值”：这个数值不合理，单位是 mmol/L", "condition.latest.value"),
        ("drop table", "这里的写法不对", "condition"),
    ],
)  # fmt: skip
def test_a_wrong_tree_is_refused_with_the_part_that_is_wrong(
    session: Session, ward: Ward, data: object, told: str, path: str
) -> None:
    with pytest.raises(InvalidSegment) as refused:
        save_segment(session, Draft("人群", data), ward.doctor, NOON)

    assert (refused.value.title, refused.value.path) == (told, path)
    assert list_segments(session, None) == ()


def test_what_no_query_can_answer_is_refused(session: Session, ward: Ward) -> None:
    with pytest.raises(NotForSegments):
        kept(session, ward, tree={"absent": {"code": "15074-8", "days": 3}})


@pytest.mark.parametrize("name", ["", "  ", "长" * 61])
def test_a_segment_needs_a_name_of_some_length(session: Session, ward: Ward, name: str) -> None:
    with pytest.raises(InvalidSegment) as refused:
        kept(session, ward, name)

    assert refused.value.path == "name"


def test_a_name_is_given_once(session: Session, ward: Ward) -> None:
    first = kept(session, ward, "高龄")
    other = kept(session, ward, "其他")

    with pytest.raises(SegmentNameTaken):
        kept(session, ward, "高龄")
    with pytest.raises(SegmentNameTaken):
        change_segment(session, other.public_id, 1, Draft("高龄", OVER_60), ward.doctor, NOON)
    retire_segment(session, first.public_id, 1, ward.doctor, NOON)
    with pytest.raises(SegmentNameTaken):
        kept(session, ward, "高龄")


def test_a_stale_version_changes_nothing(session: Session, ward: Ward) -> None:
    segment = kept(session, ward)
    change_segment(session, segment.public_id, 1, Draft("新", DIABETIC), ward.doctor, NOON)

    with pytest.raises(SegmentChanged):
        change_segment(session, segment.public_id, 1, Draft("旧", HIGH), ward.head_nurse, NOON)
    with pytest.raises(SegmentChanged):
        retire_segment(session, segment.public_id, 1, ward.doctor, NOON)

    line = read_segment(session, segment.public_id, ward.doctor.id)
    assert (line.name, line.version, line.tree) == ("新", 2, DIABETIC)


def test_the_hospitals_segments_are_changed_by_owner_or_head_nurse(
    session: Session, ward: Ward
) -> None:
    segment = kept(session, ward)

    with pytest.raises(NotYourSegment):
        change_segment(session, segment.public_id, 1, Draft("甲", HIGH), ward.outsider, NOON)
    change_segment(session, segment.public_id, 1, Draft("乙", HIGH), ward.head_nurse, NOON)

    assert read_segment(session, segment.public_id, ward.outsider.id).name == "乙"


def test_a_teams_segment_is_its_members_alone(session: Session, ward: Ward) -> None:
    segment = kept(session, ward, team_id=ward.team.public_id)
    assert segment.scope is SegmentScope.TEAM

    assert [one.team_name for one in list_segments(session, ward.head_nurse.id)] == ["糖尿病随访组"]
    assert list_segments_for(session, ward.outsider.id or 0) == ()
    for missing in (segment.public_id, "nothing"):
        with pytest.raises(NotFound):
            read_segment(session, missing, ward.outsider.id)
        with pytest.raises(NotFound):
            change_segment(session, missing, 1, Draft("甲", HIGH), ward.outsider, NOON)
        with pytest.raises(NotFound):
            freezing.freeze_segment(session, missing, SQL, ward.outsider, NOON)
    with pytest.raises(NotFound):
        kept(session, ward, "别队", team_id=ward.other_team.public_id)


def test_a_retired_segment_is_gone_from_everywhere(session: Session, ward: Ward) -> None:
    segment = kept(session, ward)

    retire_segment(session, segment.public_id, 1, ward.doctor, NOON)

    assert list_segments(session, ward.doctor.id) == ()
    with pytest.raises(NotFound):
        read_segment(session, segment.public_id, ward.doctor.id)


def test_a_tree_that_can_no_longer_be_read_does_not_hide_the_others(
    session: Session, ward: Ward
) -> None:
    kept(session, ward, "好")
    broken = kept(session, ward, "坏")
    broken.tree = {"latest": {"code": "gone"}}
    session.flush()

    lines = {one.name: one.criterion for one in list_segments(session, ward.doctor.id)}
    assert lines["坏"] is None
    assert lines["好"] is not None
    assert [one.name for one in list_segments_for(session, ward.doctor.id or 0)] == ["好"]


# ------------------------------------------------------------------------------ who is meant


def test_a_sample_names_the_askers_own_and_counts_the_others(session: Session, ward: Ward) -> None:
    ids = SQL.ids(session, tree(OVER_60), NOON)

    sample = sampling.read_sample(session, ids, ward.doctor, NOON, TODAY)

    assert (sample.size, sample.cared_for, sample.others) == (2, 1, 1)
    (line,) = sample.lines
    assert (line.masked_name, line.age) == ("欧**示", 76)
    (event,) = audited(session, "segment-sample")
    assert event.detail == {"patients": [ward.elderly.id], "size": 2}


def test_a_sample_is_bounded_and_spread(session: Session, ward: Ward) -> None:
    for _ in range(40):
        patient = factories.patient(session, birth_date=ward.elderly.birth_date)
        factories.care_plan(session, patient, ward.team)
    ids = SQL.ids(session, tree(OVER_60), NOON)

    sample = sampling.read_sample(session, ids, ward.doctor, NOON, TODAY)

    assert len(sample.lines) == 20
    assert sample.cared_for == 41
    last = sampling.spread(ids, 20)
    assert (last[0], last[-1]) == (int(ids[0]), int(ids[-1]))


def said(reason: Reason) -> list[tuple[str, bool, str]]:
    """Return told, yes or no, and what is known, of the leaves."""
    if not reason.items:
        return [(reason.told, reason.holds, reason.seen)]
    return [one for item in reason.items for one in said(item)]


def test_why_tells_each_condition_with_what_is_known(session: Session, ward: Ward) -> None:
    criterion = tree({"all": [OVER_60, DIABETIC, HIGH]})
    called = names(session)

    inside = explaining.explain(
        session, criterion, called, ward.elderly.public_id, ward.doctor, NOON, ZONE
    )
    outside = explaining.explain(
        session, criterion, called, ward.own.public_id, ward.doctor, NOON, ZONE
    )

    assert inside.is_in
    assert not outside.is_in
    assert [(holds, seen) for _, holds, seen in said(inside.reason)] == [
        (True, "76岁"),
        (True, "2026-05-01 按规则得到“2型糖尿病”：有诊断E11.900"),
        (True, "最近一次血糖 12 mmol/L（2026-05-02 12:00）"),
    ]
    assert [(holds, seen) for _, holds, seen in said(outside.reason)] == [
        (False, "36岁"),
        (True, "2026-05-01 按规则得到“2型糖尿病”：有诊断E11.900"),
        (False, "一年内没有血糖记录"),
    ]
    read = audited(session, "segment-why")
    assert [one.patient_id for one in read] == [ward.elderly.id, ward.own.id]


@pytest.mark.parametrize(
    "data",
    [
        {"not": {"any": [OVER_60, HIGH]}},
        {"not": {"all": [OVER_60, HIGH]}},
        {"any": [{"not": OVER_60}, HIGH]},
        {"not": {"not": DIABETIC}},
        {"not": {"measured": {"code": "4548-4", "within": "P90D"}}},
    ],
)
def test_why_agrees_with_who_is_meant(session: Session, ward: Ward, data: dict[str, Any]) -> None:
    criterion = tree(data)
    meant = SQL.ids(session, criterion, NOON).tolist()

    for patient in (ward.own, ward.elderly):
        found = explaining.explain(
            session, criterion, names(session), patient.public_id, ward.doctor, NOON, ZONE
        )
        assert found.is_in == (patient.id in meant)


def test_why_tells_what_is_too_old_to_count(session: Session, ward: Ward) -> None:
    factories.observation(session, ward.own, "15", NOON - timedelta(days=200))

    found = explaining.explain(
        session, tree(HIGH), names(session), ward.own.public_id, ward.doctor, NOON, ZONE
    )

    assert said(found.reason)[0][1:] == (False, "最近一次血糖 15 mmol/L（2025-10-16 12:00）")


def test_why_is_told_of_the_askers_own_alone(session: Session, ward: Ward) -> None:
    for unknown in (ward.foreign.public_id, "nobody"):
        with pytest.raises(NotFound):
            explaining.explain(
                session, tree(OVER_60), names(session), unknown, ward.doctor, NOON, ZONE
            )
    assert audited(session, "segment-why") == []


def test_the_dead_are_in_no_segment_and_why_says_so(session: Session, ward: Ward) -> None:
    ward.elderly.deceased_at = NOON - timedelta(days=1)
    session.flush()

    found = explaining.explain(
        session, tree(OVER_60), names(session), ward.elderly.public_id, ward.doctor, NOON, ZONE
    )

    assert (found.reason.holds, found.is_deceased, found.is_in) == (True, True, False)


def test_a_record_number_finds_the_askers_own(session: Session, ward: Ward) -> None:
    assert explaining.find_by_number(session, " a0012345 ", ward.doctor, NOON) == (
        ward.elderly.public_id
    )
    for number, who in (("A0012345", ward.outsider), ("A9", ward.doctor), ("", ward.doctor)):
        with pytest.raises(NotFound):
            explaining.find_by_number(session, number, who, NOON)


def test_a_record_number_of_a_retired_record_finds_the_survivor(
    session: Session, ward: Ward
) -> None:
    ward.elderly.merged_into_id = ward.own.id
    session.flush()

    assert explaining.find_by_number(session, "A0012345", ward.doctor, NOON) == (ward.own.public_id)


# ------------------------------------------------------------------------------ audiences


def test_a_frozen_audience_stays_while_the_segment_goes_on(session: Session, ward: Ward) -> None:
    segment = kept(session, ward)
    audience = freezing.freeze_segment(session, segment.public_id, SQL, ward.doctor, NOON)

    change_segment(session, segment.public_id, 1, Draft("高龄", HIGH), ward.doctor, NOON)
    factories.patient(session, birth_date=ward.elderly.birth_date)

    assert audience.tree == OVER_60
    (line,) = freezing.list_audiences(session, segment.id)
    assert (line.size, line.who) == (2, "演示医生")
    read = freezing.read_audience(session, audience.public_id, ward.head_nurse, NOON)
    assert [chunk.tolist() for chunk in read] == [sorted([ward.elderly.id, ward.foreign.id])]
    assert [one.action for one in audited(session, "audience")] == ["create", "read"]


def test_two_frozen_records_of_one_person_are_read_once(
    session: Session, ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.models.segments.audiences.CHUNK", 1)
    segment = kept(session, ward)
    late = factories.patient(session, birth_date=ward.elderly.birth_date)
    audience = freezing.freeze_segment(session, segment.public_id, SQL, ward.doctor, NOON)

    # One merged into an earlier chunk, one into a patient who was not meant.
    late.merged_into_id = ward.elderly.id
    ward.foreign.merged_into_id = ward.own.id
    session.flush()

    read = freezing.read_audience(session, audience.public_id, ward.doctor, NOON)
    assert sorted(int(one) for chunk in read for one in chunk) == sorted(
        [ward.elderly.id, ward.own.id]
    )


def test_a_damaged_audience_is_not_read(session: Session, ward: Ward) -> None:
    segment = kept(session, ward)
    audience = freezing.freeze_segment(session, segment.public_id, SQL, ward.doctor, NOON)
    chunk = session.scalars(select(AudienceChunk)).one()
    chunk.patient_ids = chunk.patient_ids[:8]
    session.flush()

    with pytest.raises(freezing.AudienceDamaged):
        freezing.read_audience(session, audience.public_id, ward.doctor, NOON)


def test_a_teams_audience_is_read_by_its_members_alone(session: Session, ward: Ward) -> None:
    segment = kept(session, ward, team_id=ward.team.public_id)
    audience = freezing.freeze_segment(session, segment.public_id, SQL, ward.doctor, NOON)

    for missing in (audience.public_id, "nothing"):
        with pytest.raises(NotFound):
            freezing.read_audience(session, missing, ward.outsider, NOON)


# ------------------------------------------------------------------------------ two compared


def test_two_segments_are_compared_by_who_and_by_how_they_differ(
    session: Session, ward: Ward
) -> None:
    first, second = (SQL.ids(session, tree(one), NOON) for one in (OVER_60, DIABETIC))

    found = comparing.compare(session, first, second, ward.doctor.id, TODAY)

    assert found.only_first.tolist() == [ward.foreign.id]
    assert found.both.tolist() == [ward.elderly.id]
    assert found.only_second.tolist() == [ward.own.id]
    ages = {one.name: (one.first, one.second) for one in found.ages if one.first or one.second}
    assert ages == {"18–44岁": (0.0, 0.5), "75岁及以上": (1.0, 0.5)}
    assert [(one.name, one.first, one.second) for one in found.tags] == [("2型糖尿病", 0.5, 1.0)]
    assert not found.is_estimated


def test_large_segments_are_estimated_from_an_even_part(
    session: Session, ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "LOOKED_AT", 1)
    first, second = (SQL.ids(session, tree(one), NOON) for one in (OVER_60, DIABETIC))

    found = comparing.compare(session, first, second, ward.doctor.id, TODAY)

    assert found.is_estimated
    assert (found.only_first.size, found.both.size, found.only_second.size) == (1, 1, 1)


# ------------------------------------------------------------------------------ the evaluators


class Index:
    """A live index that is ready, or not."""

    def __init__(self, ids: list[int] | None) -> None:
        self.found = ids

    def count(self, criterion: Criterion, now: object) -> int | None:
        return None if self.found is None else len(self.found)

    def ids(self, criterion: Criterion, now: object) -> list[int] | None:
        return self.found


def test_the_index_answers_where_it_can_and_the_database_else(session: Session, ward: Ward) -> None:
    ready, starting = IndexFirst(Index([7, 9]), SQL), IndexFirst(Index(None), SQL)

    assert ready.count(session, tree(OVER_60), NOON) == 2
    assert ready.ids(session, tree(OVER_60), NOON).tolist() == [7, 9]
    assert starting.count(session, tree(OVER_60), NOON) == 2
    assert starting.ids(session, tree(OVER_60), NOON).tolist() == [
        ward.elderly.id, ward.foreign.id,
    ]  # fmt: skip


def test_a_statement_that_takes_too_long_is_ended_and_the_session_goes_on(
    session: Session,
) -> None:
    if session.get_bind().dialect.name == "sqlite":
        endless = (
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
        )
    else:
        endless = "SELECT SLEEP(20)"
    from sqlalchemy import text

    with pytest.raises(TooSlow), limited(session, 0.2):
        session.execute(text(endless)).all()

    with limited(session, 5):
        assert session.scalar(text("SELECT 1")) == 1


def test_ids_are_as_the_counts_say(session: Session, ward: Ward) -> None:
    for data in (OVER_60, DIABETIC, HIGH, {"not": OVER_60}):
        ids = SQL.ids(session, tree(data), NOON)
        assert ids.size == SQL.count(session, tree(data), NOON)
        assert np.all(ids[1:] > ids[:-1])


def test_the_operator_sees_all_and_changes_all(session: Session, ward: Ward) -> None:
    segment = kept(session, ward, team_id=ward.team.public_id)
    operator = replace(ward.doctor, kind="operator", id=None)

    (line,) = list_segments(session, None)
    assert line.public_id == segment.public_id
    audience = freezing.freeze_segment(session, segment.public_id, SQL, operator, NOON)
    assert audience.practitioner_id is None
