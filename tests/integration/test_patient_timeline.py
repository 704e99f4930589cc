"""One timeline of everything: what staff see, what the patient sees, and what it costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from app.domain.profile.record_views import RULES
from app.models import AlertStep, CareTeam, Observation, Origin, Patient, Practitioner
from app.services.profile.patient_timeline import EntryKind, Timeline, View, read_timeline
from app.web import patient_words
from tests import factories
from tests.conftest import NOON
from tests.integration import rich_record

DAY = timedelta(days=1)


@contextmanager
def statements(session: Session) -> Iterator[list[str]]:
    """Collect what is sent to the database."""
    seen: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        seen.append(statement)

    session.flush()
    engine = session.get_bind()
    engine = engine if isinstance(engine, Engine) else engine.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def team(session: Session) -> CareTeam:
    return factories.care_team(session)


@pytest.fixture
def nurse(session: Session, team: CareTeam) -> Practitioner:
    return factories.practitioner(session, teams=[team])


@pytest.fixture
def patient(session: Session, team: CareTeam) -> Patient:
    row = factories.patient(session)
    rich_record.fill(session, row, team, NOON)
    session.expunge_all()
    return row


def whole(session: Session, patient: Patient, view: View, nurse: Practitioner) -> Timeline:
    pages = []
    before = None
    while True:
        page = read_timeline(session, patient.id, NOON, before, view=view, practitioner_id=nurse.id)
        pages += page.entries
        before = page.before
        if before is None:
            return Timeline(tuple(pages), None)


def test_staff_see_every_kind_in_words(
    session: Session, patient: Patient, nurse: Practitioner
) -> None:
    entries = whole(session, patient, View.STAFF, nurse).entries

    assert {one.kind for one in entries} == set(EntryKind)
    assert [one.at for one in entries] == sorted((one.at for one in entries), reverse=True)
    lines = {patient_words.entry(one) for one in entries}
    assert {
        "胸部CT：正式报告", "二甲双胍片 每次 0.5 片 BID：执行中", "心脏彩超：执行中",
        "流感疫苗：已接种", "青霉素", "2型糖尿病", "胰腺占位（疑似）", "内分泌科：已就诊",
        "抑郁自评：已填写，12 分（中度）", "阅读 3 次", "加上“糖尿病”", "去掉“糖尿病”",
        "LACE 再入院评分：11（高）", "China-PAR 心血管风险：暂不能计算", "出院后随访：开始",
        "出院后随访：提前结束", "吸烟：已戒烟", "健康信息处理：同意",
    } <= lines  # fmt: skip


@pytest.mark.parametrize("kind", list(EntryKind))
def test_the_patient_sees_of_each_kind_what_its_rule_says(
    session: Session, patient: Patient, nurse: Practitioner, kind: EntryKind
) -> None:
    staff = [one for one in whole(session, patient, View.STAFF, nurse).entries if one.kind is kind]
    own = [one for one in whole(session, patient, View.PATIENT, nurse).entries if one.kind is kind]

    rule = RULES[kind]
    assert staff
    assert bool(own) == rule.for_patient
    if not rule.note:
        assert not [one.note for one in own if one.note]
    if not rule.who:
        assert not [one.who for one in own if one.who]
    # Asked for by name it stays as closed.
    asked = read_timeline(session, patient.id, NOON, view=View.PATIENT, kinds=[kind])
    assert bool(asked.entries) == rule.for_patient


def test_the_patient_sees_no_suspicion_no_channel_and_no_task_of_staff(
    session: Session, patient: Patient, nurse: Practitioner
) -> None:
    factories.task(
        session, patient, owner="staff", title="内部讨论", status="completed",
        finished_at=NOON - DAY,
    )  # fmt: skip
    own = whole(session, patient, View.PATIENT, nurse).entries

    whats = [one.what for one in own]
    assert "2型糖尿病" in whats
    assert "胰腺占位" not in whats
    assert "内部讨论" not in whats
    assert [one.what for one in own if one.kind is EntryKind.MESSAGE] == ["inbox"]


def test_a_result_waits_for_the_clinicians_word_and_for_its_grading(
    session: Session, patient: Patient, team: CareTeam
) -> None:
    def seen() -> set[str]:
        page = read_timeline(
            session, patient.id, NOON, view=View.PATIENT, kinds=[EntryKind.OBSERVATION]
        )
        return {one.public_id for one in page.entries}

    def result(minutes: int) -> Observation:
        return factories.observation(
            session, patient, "2.1", NOON - DAY, origin=Origin.HOSPITAL,
            received_at=NOON - timedelta(minutes=minutes),
        )  # fmt: skip

    new, old, critical = result(5), result(60), result(60)
    alert = factories.alert(session, patient, team, tells_patient=False)
    session.add(AlertStep(alert_id=alert.id, kind="opened", observation_id=critical.id, at=NOON))
    session.flush()

    assert seen() & {new.public_id, old.public_id, critical.public_id} == {old.public_id}
    alert.tells_patient = True
    session.flush()
    assert critical.public_id in seen()


def test_tags_of_another_team_are_not_shown(
    session: Session, patient: Patient, nurse: Practitioner
) -> None:
    def names(practitioner_id: int | None) -> set[str]:
        page = read_timeline(
            session, patient.id, NOON, kinds=[EntryKind.TAG], practitioner_id=practitioner_id
        )
        return {one.what for one in page.entries}

    assert names(nurse.id) == {"糖尿病", "本组重点"}
    assert names(None) == {"糖尿病"}


def test_the_days_in_the_mini_program_are_one_entry_each(
    session: Session, patient: Patient
) -> None:
    page = read_timeline(session, patient.id, NOON, kinds=[EntryKind.INTERACTION])

    assert [(one.public_id, one.counts) for one in page.entries] == [
        ("2026-05-03", (("read", 3),)),
        ("2026-05-02", (("read", 3),)),
    ]
    older = read_timeline(
        session, patient.id, NOON, "interaction.2026-05-03", kinds=[EntryKind.INTERACTION]
    )
    assert [one.public_id for one in older.entries] == ["2026-05-02"]


@pytest.mark.parametrize("before", ["interaction.yesterday", "nothing.x", "tag.nobody", "x"])
def test_a_place_that_is_none_begins_at_the_newest(
    session: Session, patient: Patient, before: str
) -> None:
    first = read_timeline(session, patient.id, NOON)

    assert read_timeline(session, patient.id, NOON, before) == first


def test_a_page_costs_two_statements_and_one_for_each_kind_on_it(
    session: Session, patient: Patient
) -> None:
    with statements(session) as seen:
        page = read_timeline(session, patient.id, NOON)
    sorts = {(one.kind, one.state if one.kind in (EntryKind.TAG,) else "") for one in page.entries}

    assert len(seen) <= 1 + len(sorts) + 1
    for _ in range(50):
        factories.observation(session, patient, "7", NOON)
    with statements(session) as seen:
        read_timeline(session, patient.id, NOON, f"observation.{first_observation(page)}")
        assert len(seen) <= 2 + len(EntryKind)
    with statements(session) as seen:
        read_timeline(session, patient.id, NOON, kinds=[EntryKind.OBSERVATION])
        assert len(seen) == 2


def first_observation(page: Timeline) -> str:
    return next(one.public_id for one in page.entries if one.kind is EntryKind.OBSERVATION)


def test_what_stays_inside_is_decided_here_too() -> None:
    # Opening one of these to patients is a decision: change it in both places.
    assert {kind for kind, rule in RULES.items() if not rule.for_patient} == {
        EntryKind.ALERT_STEP, EntryKind.TAG, EntryKind.RISK,
    }  # fmt: skip
    assert {kind for kind, rule in RULES.items() if rule.for_patient and rule.note} == {
        EntryKind.PRESCRIPTION
    }
