"""From a record's rows to scores: inputs, reasons, events, and the priority of following up."""

from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.intake.clinical_records import RequestStatus
from app.domain.intake.hospital_records import AppointmentStatus, EncounterClass, EncounterStatus
from app.domain.intake.terminology import ATC, ICD_10
from app.domain.outreach.messaging import Channel, CommunicationState, Lane, dedupe_key
from app.domain.plans.plan_schedule import TaskStatus
from app.models import (
    Appointment,
    Communication,
    Condition,
    Event,
    Gender,
    MedicationRequest,
    Patient,
    RiskAssessment,
    SocialHistory,
    StatedBy,
    WeChatAccount,
)
from app.models.profile.risk_lines import RiskLine, read_risk
from app.services.intake.patient_index import merge, unmerge
from app.services.profile.risk_assessing import EVERYTHING, assess
from app.services.reacting import react
from jobs.reactions import REACTIONS
from tests import factories
from tests.conftest import NOON
from tests.integration.ward import WORK


def observed(session: Session, who: Patient, code: str, value: str, unit: str, **more: Any) -> Any:
    at = more.pop("at", NOON - timedelta(days=2))
    return factories.observation(session, who, value, at, code=code, unit=unit, **more)


def diagnosed(session: Session, who: Patient, *codes: str) -> None:
    session.add_all(
        Condition(
            patient_id=who.id, code_system=ICD_10, code=code, recorded_at=NOON, created_at=NOON
        )
        for code in codes
    )
    session.flush()


def ask(session: Session, who: Patient, *words: str, days: int = 0) -> int:
    now = NOON + timedelta(days=days)
    return assess(session, who.id, words or EVERYTHING, now, HOSPITAL, home="浙江省宁波市")


def line(session: Session, who: Patient, key: str) -> RiskLine:
    session.flush()
    return next(one for one in read_risk(session, who.id) if one.key == key)


def told(session: Session) -> list[tuple[str, int]]:
    rows = session.scalars(select(Event).filter_by(kind="risk.assessed").order_by(Event.id))
    return [(row.payload["score"], row.payload["assessment_id"]) for row in rows]


@pytest.fixture
def man(session: Session) -> Patient:
    return factories.patient(
        session, gender=Gender.MALE, birth_date=date(1976, 1, 1), region="浙江省宁波市",
        address="浙江省宁波市海曙区南门街道示例路1号",
    )  # fmt: skip


# ----------------------------------------------------------------------------------- inputs


def test_creatinine_in_any_unit_of_the_table_becomes_an_egfr(
    session: Session, man: Patient
) -> None:
    row = observed(session, man, "2160-0", "1.0", "mg/dL")
    ask(session, man, "observation:2160-0")
    found = line(session, man, "ckd-epi")
    assert (found.value, found.band, found.version) == (92, "g1", "2021")
    creatinine = next(one for one in found.inputs if one.key == "creatinine")
    assert (creatinine.value, creatinine.unit) == ("88.4", "umol/L")
    assert creatinine.row == f"observation:{row.id}"
    assert creatinine.at == row.effective_at
    assert creatinine.share == "×0.881"
    assert "92 mL/min" in found.sentence


def test_a_unit_that_nothing_converts_is_a_reason_and_no_number(
    session: Session, man: Patient
) -> None:
    observed(session, man, "14682-9", "1.0", "furlong")
    ask(session, man)
    assert not read_risk(session, man.id)  # nobody would ask: nothing usable is known
    observed(session, man, "8302-2", "1.75", "m")
    observed(session, man, "29463-7", "80", "stone")
    ask(session, man)
    assert line(session, man, "body-surface").missing == ("体重的单位（stone）不能换算",)


def test_what_was_withdrawn_or_is_impossible_is_passed_over(session: Session, man: Patient) -> None:
    observed(session, man, "14682-9", "88.4", "umol/L", at=NOON - timedelta(days=9))
    observed(session, man, "14682-9", "500", "umol/L", is_current=None)
    observed(session, man, "14682-9", "0.001", "umol/L")
    ask(session, man)
    assert line(session, man, "ckd-epi").value == 92


def test_china_par_from_a_record(session: Session, man: Patient) -> None:
    observed(session, man, "8480-6", "150", "mmHg")
    observed(session, man, "14647-2", "5.43", "mmol/L")
    observed(session, man, "14646-4", "1.42", "mmol/L")
    observed(session, man, "8280-0", "95", "cm")
    diagnosed(session, man, "I10.x00", "E11.9")
    ask(session, man)
    assert line(session, man, "china-par").missing == (
        "有高血压诊断，但没有可识别的用药记录，无法判断是否在服降压药",
        "缺少吸烟",
    )
    session.add(
        MedicationRequest(
            patient_id=man.id, identity=dedupe_key("m1"), status=RequestStatus.ACTIVE,
            code="C09AA05", code_system=ATC, authored_at=NOON, source="hl7:his", version="1",
            created_at=NOON,
        )
    )  # fmt: skip
    session.add_all(
        SocialHistory(
            patient_id=man.id, code=code, value=value, stated_by=StatedBy.PATIENT, at=NOON
        )
        for code, value in (("72166-2", "every-day"), ("family-ascvd", "no"))
    )
    session.flush()
    ask(session, man)
    found = line(session, man, "china-par")
    assert found.value is not None
    assert found.band in ("low", "mid", "high")
    notes = {one.key: one for one in found.inputs}
    assert notes["is_treated"].note == "C09AA05"
    assert notes["is_north"].value == "否"
    assert notes["is_urban"].value == "是"
    assert notes["waist"].share is None  # a man's waist is in the equation and is no advice
    assert notes["smokes"].share is not None


def test_readmission_scores_look_at_the_last_stay(session: Session, man: Patient) -> None:
    stay = factories.encounter(
        session, man, started_at=NOON - timedelta(days=7), ended_at=NOON - timedelta(days=1),
        department_name="心内科",
    )  # fmt: skip
    for days, hours in ((7, 3), (60, 5), (400, 2)):
        at = NOON - timedelta(days=days, hours=hours)
        factories.encounter(
            session, man, encounter_class=EncounterClass.EMERGENCY, started_at=at,
            ended_at=at + timedelta(hours=2),
        )  # fmt: skip
    factories.encounter(session, man, started_at=NOON - timedelta(days=100))
    diagnosed(session, man, "I50.900", "N18.300", "E11.200x001")
    ask(session, man, "encounter")
    lace = line(session, man, "lace")
    shares = {one.key: (one.value, one.share) for one in lace.inputs}
    assert shares["stay_days"] == ("6", "+4 分")
    assert shares["is_acute"] == ("是", "+3 分")
    assert shares["emergency_visits"] == ("1", "+1 分")  # the one that led here counts once
    assert shares["charlson"] == ("6", "+5 分")
    assert (lace.value, lace.band) == (13, "high")
    observed(session, man, "718-7", "110", "g/L")
    observed(session, man, "2951-2", "133", "mmol/L", at=NOON - timedelta(days=40))
    ask(session, man, "encounter")
    assert line(session, man, "hospital").missing == (
        "这次住院没有出院时血钠",
        "没有收到这次住院的手术或操作记录",
    )
    stay.status, stay.ended_at = EncounterStatus.IN_PROGRESS, None
    session.flush()
    ask(session, man, "encounter")
    assert not read_risk(session, man.id)  # in hospital nobody is about to be readmitted


def test_a_stay_long_over_foretells_nothing(session: Session, man: Patient) -> None:
    factories.encounter(session, man, ended_at=NOON - timedelta(days=1))
    factories.encounter(session, man, encounter_class=EncounterClass.EMERGENCY)
    diagnosed(session, man, "I50.9")
    assert ask(session, man, "encounter") == 1
    assert ask(session, man, "encounter", days=31) == 1
    assert not read_risk(session, man.id)
    assert [score for score, _ in told(session)] == ["lace", "lace"]


def test_a_hospital_that_tells_of_no_emergencies_cannot_be_asked_for_them(
    session: Session, man: Patient
) -> None:
    factories.encounter(session, man)
    diagnosed(session, man, "I50.9")
    ask(session, man, "encounter")
    assert any("没有传来急诊" in one for one in line(session, man, "lace").missing)


def test_the_rate_of_a_tracing_is_that_of_the_same_minutes(session: Session, man: Patient) -> None:
    observed(session, man, "8634-8", "360", "ms")
    observed(session, man, "8867-4", "60", "/min", at=NOON - timedelta(days=1))
    ask(session, man)
    assert line(session, man, "qtcf").missing == ("缺少同一份心电图的 RR 间期",)
    observed(session, man, "8867-4", "100", "/min", at=NOON - timedelta(days=2, minutes=5))
    ask(session, man)
    assert line(session, man, "qtcf").value == 427  # 360 / 0.6^(1/3)


# ------------------------------------------------------------------------ rows and events


def test_only_news_are_events(session: Session, man: Patient) -> None:
    observed(session, man, "14682-9", "88.4", "umol/L")
    assert ask(session, man) == 1
    assert ask(session, man) == 0
    first = session.scalars(select(RiskAssessment)).one()
    observed(session, man, "14682-9", "88.4", "umol/L", at=NOON)
    assert ask(session, man, "observation:14682-9", days=1) == 0
    assert first.computed_at == NOON + timedelta(days=1)
    assert first.inputs[-1]["at"] == NOON.isoformat()
    observed(session, man, "14682-9", "200", "umol/L", at=NOON + timedelta(days=1))
    assert ask(session, man, "observation:14682-9", days=1) == 1
    rows = session.scalars(select(RiskAssessment).order_by(RiskAssessment.id)).all()
    assert [(row.band, row.is_current) for row in rows] == [("g1", None), ("g3b", True)]
    assert told(session) == [("ckd-epi", rows[0].id), ("ckd-epi", rows[1].id)]


def test_a_reaction_asks_what_the_event_can_change(session: Session, man: Patient) -> None:
    row = observed(session, man, "14682-9", "88.4", "umol/L")
    observed(session, man, "8302-2", "180", "cm")
    observed(session, man, "29463-7", "80", "kg")
    session.add(Event.of("observation.recorded", NOON, patient_id=man.id, observation_id=row.id))
    session.flush()
    reaction = next(one for one in REACTIONS if one.key == "assess-risk")
    assert "risk.assessed" not in reaction.kinds  # or it would wake itself
    for _ in range(3):
        react(session, reaction.key, reaction.kinds, partial(reaction.handle, WORK), NOON)
    assert {one.key for one in read_risk(session, man.id)} == {"ckd-epi"}


def test_merging_assesses_each_record_anew(session: Session, man: Patient) -> None:
    other = factories.patient(session, gender=Gender.MALE, birth_date=date(1976, 1, 1))
    observed(session, man, "14682-9", "88.4", "umol/L", at=NOON - timedelta(days=9))
    observed(session, other, "14682-9", "200", "umol/L")
    ask(session, man)
    ask(session, other)
    link = merge(session, survivor=man, retired=other, version="1", now=NOON)
    ask(session, man)
    assert line(session, man, "ckd-epi").band == "g3b"
    unmerge(session, link, version="2", now=NOON)
    ask(session, man)
    ask(session, other)
    assert line(session, man, "ckd-epi").band == "g1"
    assert line(session, other, "ckd-epi").band == "g3b"


def test_the_dead_are_not_assessed(session: Session, man: Patient) -> None:
    observed(session, man, "14682-9", "88.4", "umol/L")
    man.deceased_at = NOON
    session.flush()
    assert ask(session, man) == 0


# ---------------------------------------------------------------------------- following up


def missed(session: Session, who: Patient, plan: Any, *states: TaskStatus) -> None:
    for number, state in enumerate(states):
        factories.task(
            session, who, plan, starts_at=NOON - timedelta(days=10 - number), status=state,
            finished_at=NOON - timedelta(days=9 - number),
        )  # fmt: skip


def test_the_priority_tells_each_point_and_why(session: Session) -> None:
    who = factories.patient(session, birth_date=date(1940, 1, 1), phone=None, region="贵州省遵义市")
    plan = factories.care_plan(session, who, factories.care_team(session))
    missed(session, who, plan, TaskStatus.COMPLETED, TaskStatus.MISSED, TaskStatus.MISSED)
    factories.encounter(session, who)
    session.add(
        Appointment(
            patient_id=who.id, issuer="his", number="A1", number_hash=dedupe_key("A1"),
            status=AppointmentStatus.NO_SHOW, starts_at=NOON - timedelta(days=1),
            created_at=NOON - timedelta(days=5),
        )
    )  # fmt: skip
    session.flush()
    ask(session, who, "follow-up")
    found = line(session, who, "follow-up-priority")
    assert {one.key: one.share for one in found.inputs} == {
        "missed_tasks": "+3 分", "no_show": "+2 分", "never_opened": "+2 分", "distance": "+1 分",
        "age_alone": "+1 分", "just_discharged": "+1 分",
    }  # fmt: skip
    assert (found.value, found.band) == (10, "high")
    assert found.inputs[0].value == "最近 3 次随访任务中有 2 次没有完成"
    assert "不是概率" in found.sentence


def test_a_message_unread_for_a_week_counts_and_one_of_yesterday_does_not(
    session: Session, man: Patient
) -> None:
    factories.care_plan(session, man, factories.care_team(session))
    account = WeChatAccount(app_key="patient", openid="o1", created_at=NOON, last_seen_at=NOON)
    session.add(account)
    session.flush()
    message = Communication(
        dedupe_key=dedupe_key("c1"), patient_id=man.id, account_id=account.id, kind="task-reminder",
        channel=Channel.SUBSCRIPTION, lane=Lane.TRANSACTIONAL, state=CommunicationState.SENT,
        content="{}", recipient_key="o1", planned_at=NOON, due_at=NOON, expires_at=NOON,
        sent_at=NOON - timedelta(days=6),
    )  # fmt: skip
    session.add(message)
    session.flush()
    ask(session, man, "follow-up")
    assert "silence" not in {one.key for one in line(session, man, "follow-up-priority").inputs}
    ask(session, man, "follow-up", days=1)
    unread = line(session, man, "follow-up-priority").inputs
    assert "7 天没有打开" in next(one.value for one in unread if one.key == "silence")
    message.opened_at = NOON
    session.flush()
    ask(session, man, "follow-up", days=1)
    assert "silence" not in {one.key for one in line(session, man, "follow-up-priority").inputs}


def test_without_a_plan_nobody_is_followed_up(session: Session, man: Patient) -> None:
    plan = factories.care_plan(session, man, factories.care_team(session))
    ask(session, man, "follow-up")
    assert line(session, man, "follow-up-priority").value == 2
    plan.ended_at, plan.is_open = NOON, None
    session.flush()
    ask(session, man, "follow-up")
    assert not read_risk(session, man.id)
