"""A severe reading: who is told, when it climbs, what one card tells of, and how it may end."""

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock
from app.clock import HOSPITAL
from app.database import make_engine
from app.domain.errors import NotFound
from app.domain.outreach.messaging import Channel, Lane
from app.domain.plans.rules import Grade
from app.domain.staff.alert_card import CardButton
from app.domain.staff.alert_clock import Responder
from app.domain.staff.alerting import AlertStatus, Outcome
from app.domain.trust.access import Actor, StaffRole
from app.integrations.pack_files import read_pack
from app.models import Alert, AlertStep, CareTeam, Communication, DutyShift, Event, Practitioner
from app.services.plans.plan_library import install_pack
from app.services.plans.questionnaire_answers import Author, Sheet, save_draft
from app.services.staff import alert_handling, duty_roster
from jobs import timetable
from jobs.clockwork import slots_between
from tests import factories, settling
from tests.conftest import NOON, ROOT, migrate
from tests.integration.ward import WORK, Ward, build, discharge, grant, measure

MINUTE = timedelta(minutes=1)
OPERATOR = Actor("operator", None, "test")


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """A clock that stands at noon until a test moves it."""
    hands = [NOON]
    monkeypatch.setattr(clock, "now", lambda: hands[0])
    return hands


@pytest.fixture
def ward(session: Session, hands: list[datetime]) -> Ward:
    """The ward with a second doctor and a head, and a patient on the plan."""
    ward = build(session)
    member(session, ward.team, "deputy-wu", Responder.DEPUTY_DOCTOR)
    member(session, ward.team, "head-zhou", Responder.HEAD_NURSE)
    discharge(session, ward)
    settling.settle(session, WORK)
    return ward


def member(session: Session, team: CareTeam, userid: str, responder: Responder) -> Practitioner:
    return factories.practitioner(
        session, userid, name=userid, role=StaffRole.DOCTOR, teams=[team], responder=responder
    )


def settle(session: Session) -> None:
    settling.settle(session, WORK)


def cards(session: Session) -> list[tuple[float, list[str]]]:
    """Return after how many seconds each card was due, and to whom."""
    found = session.scalars(
        select(Communication).filter_by(channel=Channel.WECOM_CARD).order_by(Communication.id)
    )
    return [
        ((card.due_at - NOON).total_seconds(), json.loads(card.content or "")["userids"])
        for card in found
    ]


def run_the_clock(session: Session, hands: list[datetime], until: datetime) -> None:
    """Let the climbing job run at each of its slots, as the timetable says, and react."""
    job = next(one for one in timetable.TIMETABLE if one.key == "climb-alerts")
    for slot in slots_between(job.trigger, hands[0], until):
        hands[0] = slot
        if alert_handling.climb(session, slot, HOSPITAL):
            settle(session)
    hands[0] = until


def test_a_severe_reading_climbs_from_attending_to_deputy_to_head(
    session: Session, ward: Ward, hands: list[datetime]
) -> None:
    measure(session, ward, "2.8", NOON, "LL")
    settle(session)

    [(at_once, first)] = cards(session)
    assert at_once <= 60
    assert first == ["doctor-lin", "nurse-chen"]
    lane = session.scalars(select(Communication.lane).filter_by(kind="alert-card")).one()
    assert lane is Lane.CLINICAL

    run_the_clock(session, hands, NOON + 30 * MINUTE)

    (_, _), (deputy_at, deputy), (head_at, head), *more = cards(session)
    assert (deputy, head, more) == (["deputy-wu"], ["head-zhou"], [])
    assert 300 <= deputy_at <= 330
    assert 600 <= head_at <= 630
    alert = session.scalars(select(Alert)).one()
    assert (alert.level, alert.acknowledge_by) == (3, None)
    assert alert.status is AlertStatus.ACTIVE


def test_what_grows_severe_goes_back_to_the_doctor_however_high_it_had_climbed(
    session: Session, ward: Ward, hands: list[datetime]
) -> None:
    measure(session, ward, "3.5", NOON, "L")
    settle(session)
    alert = session.scalars(select(Alert)).one()
    while alert.level < 3:
        assert alert.acknowledge_by is not None
        hands[0] = alert.acknowledge_by
        assert alert_handling.climb(session, hands[0], HOSPITAL) == 1
        settle(session)
    worse_at = hands[0] = hands[0] + timedelta(hours=9)
    told = len(cards(session))

    measure(session, ward, "2.7", worse_at, "LL")
    settle(session)
    run_the_clock(session, hands, worse_at + 15 * MINUTE)

    assert alert.grade is Grade.SEVERE
    assert [userids for _, userids in cards(session)[told:]] == [
        ["doctor-lin", "nurse-chen"], ["deputy-wu"], ["head-zhou"],
    ]  # fmt: skip


def test_who_takes_it_stops_the_climb_and_only_an_outcome_ends_it(
    session: Session, ward: Ward, hands: list[datetime]
) -> None:
    measure(session, ward, "2.8", NOON, "LL")
    settle(session)
    alert = session.scalars(select(Alert)).one()
    hands[0] = NOON + 3 * MINUTE
    alert_handling.act(
        session, alert.public_id, ward.doctor.id, CardButton.TAKE, hands[0], HOSPITAL
    )

    run_the_clock(session, hands, NOON + 30 * MINUTE)
    assert len(cards(session)) == 1

    # The button that closes milder ones only says that the patient was reached.
    alert_handling.act(
        session, alert.public_id, ward.doctor.id, CardButton.CONTACTED, hands[0], HOSPITAL
    )
    assert (alert.status, alert.is_open) == (AlertStatus.ACKNOWLEDGED, True)
    session.flush()
    with pytest.raises(DBAPIError, match="ck_alert_outcome"), session.begin_nested():
        session.execute(update(Alert).values(status=AlertStatus.RESOLVED, outcome=None))
    alert_handling.close(
        session, alert.public_id, ward.doctor.id, Outcome.NO_ANSWER, None, hands[0]
    )
    assert alert.is_open
    alert_handling.close(session, alert.public_id, ward.doctor.id, Outcome.REFERRED, None, hands[0])
    assert (alert.status, alert.outcome) == (AlertStatus.RESOLVED, Outcome.REFERRED)


@pytest.mark.parametrize(
    ("form", "answers", "readings"),
    [
        ("phq-9", {"phq9-9": "nearly-every-day"}, 0),
        ("low-glucose-check", {"confused": True}, 1),
    ],
    ids=["a danger of the form", "what a severe rule waits for"],
)
def test_a_severe_answer_climbs_like_a_severe_reading_though_it_is_never_sent(
    session: Session, ward: Ward, hands: list[datetime], form: str,
    answers: dict[str, object], readings: int,
) -> None:  # fmt: skip
    instruments = read_pack(ROOT / "packs" / "instruments")
    install_pack(session, instruments, NOON, approved_by="演示主任")
    for _ in range(readings):
        measure(session, ward, "3.5", NOON, "L")
        settle(session)
    save_draft(session, ward.patient.id, Author(), Sheet(form, answers, "one"), NOON)
    settle(session)
    alert = session.scalars(select(Alert).order_by(Alert.id.desc())).first()
    assert alert is not None
    assert (alert.grade, alert.level) == (Grade.SEVERE, 1)
    assert alert.acknowledge_by == NOON + 5 * MINUTE

    run_the_clock(session, hands, NOON + 30 * MINUTE)

    told = cards(session)[readings:]
    assert [who for _, who in told] == [["doctor-lin", "nurse-chen"], ["deputy-wu"], ["head-zhou"]]
    for (at, _), due in zip(told, (0, 300, 600), strict=True):
        assert due <= at <= due + 30


def test_an_alert_of_a_team_with_nobody_goes_to_the_department_then_to_the_house(
    session: Session, ward: Ward, hands: list[datetime]
) -> None:
    for who in session.scalars(select(Practitioner)):
        who.is_active = False
    house = factories.care_team(session, "全院值班", department_code=None)
    stranger = factories.care_team(session, "骨科随访组", department_code="ORTHO")
    member(session, stranger, "nurse-ortho", Responder.ON_DUTY_NURSE)
    night = member(session, house, "doctor-night", Responder.DEPUTY_DOCTOR)
    duty_roster.plan_shift(
        session, house.public_id, night.public_id, Responder.ATTENDING_DOCTOR, NOON - MINUTE,
        NOON + timedelta(hours=8), NOON - MINUTE, OPERATOR,
    )  # fmt: skip
    (of_team,) = [one for one in duty_roster.duties(session, NOON) if one.team == ward.team]
    assert (of_team.is_manned, of_team.stands_in) == (False, house)

    measure(session, ward, "2.8", NOON, "LL")
    settle(session)

    assert cards(session) == [(0, ["doctor-night"])]
    alert = session.scalars(select(Alert)).one()
    assert (alert.care_team_id, alert.level) == (house.id, 1)
    step = session.scalars(select(AlertStep).filter_by(kind="passed-on")).one()
    assert step.note == "内分泌随访组没有人能接，交给全院值班"
    alert_handling.act(session, alert.public_id, night.id, CardButton.TAKE, NOON, HOSPITAL)
    assert alert.owner_id == night.id

    # A team of the same department comes before the house.
    near = factories.care_team(session, "内分泌病房", department_code="ENDO")
    member(session, near, "nurse-near", Responder.ON_DUTY_NURSE)
    (of_team,) = [one for one in duty_roster.duties(session, NOON) if one.team == ward.team]
    assert of_team.stands_in == near


def test_an_alert_that_climbed_past_everybody_is_told_to_who_is_there(
    session: Session, ward: Ward, hands: list[datetime]
) -> None:
    measure(session, ward, "2.8", NOON, "LL")
    settle(session)
    for who in session.scalars(select(Practitioner).where(Practitioner.id != ward.doctor.id)):
        who.is_active = False
    run_the_clock(session, hands, NOON + 30 * MINUTE)

    assert [who for _, who in cards(session)[1:]] == [["doctor-lin"], ["doctor-lin"]]


def test_the_roster_says_who_is_attending_now(
    session: Session, ward: Ward, hands: list[datetime]
) -> None:
    night = member(session, ward.team, "doctor-he", Responder.DEPUTY_DOCTOR)
    role, other = Responder.ATTENDING_DOCTOR, factories.care_team(session, "别的组")
    for starts, ends in ((-60, 60), (-120, -60), (60, 120)):
        duty_roster.plan_shift(
            session, ward.team.public_id, night.public_id, role,
            NOON + starts * MINUTE, NOON + ends * MINUTE, NOON - 180 * MINUTE, OPERATOR,
        )  # fmt: skip
    measure(session, ward, "2.8", NOON, "LL")
    settle(session)
    assert cards(session)[0][1] == ["doctor-he", "nurse-chen"]

    shift = session.scalars(select(DutyShift).where(DutyShift.starts_at < NOON)).first()
    assert shift is not None
    ours = next(one for one in duty_roster.duties(session, NOON) if one.team is ward.team)
    assert [who.wecom_userid for who in ours.answering[role]] == ["doctor-he"]
    assert len(duty_roster.shifts_ahead(session, NOON)) == 2
    duty_roster.cancel_shift(session, shift.public_id, NOON, OPERATOR)
    duty_roster.cancel_shift(session, shift.public_id, NOON, OPERATOR)
    ours = next(one for one in duty_roster.duties(session, NOON) if one.team is ward.team)
    assert [who.wecom_userid for who in ours.answering[role]] == ["doctor-lin"]

    def refused(team: CareTeam, starts: datetime, ends: datetime) -> None:
        with pytest.raises(duty_roster.ShiftRefused):
            duty_roster.plan_shift(
                session, team.public_id, night.public_id, role, starts, ends, NOON, OPERATOR
            )

    refused(other, NOON, NOON + 60 * MINUTE)  # not of the team
    refused(ward.team, NOON, NOON)
    refused(ward.team, NOON - 60 * MINUTE, NOON)
    refused(ward.team, NOON, NOON + timedelta(days=32))
    with pytest.raises(NotFound):
        duty_roster.cancel_shift(session, "nobody", NOON, OPERATOR)


def test_alerts_of_one_patient_that_come_together_are_told_by_one_card(
    session: Session, ward: Ward, hands: list[datetime]
) -> None:
    grant(session, ward, 9)
    texts = factories.rule(
        session, "texts",
        definition={"actions": [{"alert": {"staff_text": "问", "patient_text": "请看，120"}}]},
    )  # fmt: skip

    def raised(grade: Grade, level: int) -> Alert:
        alert = factories.alert(
            session, ward.patient, ward.team, rule=texts, grade=grade, level=level,
            opened_at=hands[0],
        )  # fmt: skip
        session.add(
            Event.of("alert.opened", hands[0], patient_id=ward.patient.id, alert_id=alert.id)
        )
        session.flush()
        return alert

    first = raised(Grade.SEVERE, 1)
    others = [raised(Grade.SEVERE, 1), raised(Grade.MODERATE, 0)]
    settle(session)

    assert len(cards(session)) == 1
    # The patient is called for each severe one alone, and finds the words of all three.
    assert calls(session) == (2, 3)
    assert [one.told_with_id for one in others] == [first.id, first.id]
    kinds = session.scalars(select(AlertStep.kind).where(AlertStep.kind == "told-together")).all()
    assert len(kinds) == 2

    alert_handling.act(
        session, others[0].public_id, ward.doctor.id, CardButton.TAKE, NOON, HOSPITAL
    )
    assert {one.status for one in (first, *others)} == {AlertStatus.ACKNOWLEDGED}
    assert all(one.is_open for one in (first, *others))

    # What comes after somebody took them is told again, and so is what is worse.
    hands[0] = NOON + MINUTE
    raised(Grade.MODERATE, 1)
    raised(Grade.SEVERE, 1)
    settle(session)
    assert len(cards(session)) == 3
    assert calls(session)[0] == 3
    # Who has read what they were called to is called again.
    session.execute(
        update(Communication).where(Communication.channel == Channel.INBOX).values(opened_at=NOON)
    )
    hands[0] = NOON + 2 * MINUTE
    raised(Grade.MODERATE, 0)
    settle(session)
    assert calls(session)[0] == 4


def calls(session: Session) -> tuple[int, int]:
    """Return how often the patient was called about new alerts, and how many the inbox holds."""
    found = session.scalars(select(Communication).filter_by(kind="alert-notice")).all()
    told = [one for one in found if "健康提醒" in (one.content or "")]
    pushed = [one for one in told if one.channel is not Channel.INBOX]
    return len(pushed), len(told) - len(pushed)


def test_words_that_cannot_wait_raise_an_alert_with_fixed_texts(
    session: Session, ward: Ward, hands: list[datetime]
) -> None:
    for row in ("response:abc", "response:abd", "report:abe"):
        session.add(
            Event.of("text.flagged", NOON, patient_id=ward.patient.id, flag="suicide", row=row)
        )
    session.flush()
    settle(session)

    alert = session.scalars(select(Alert)).one()
    assert (alert.grade, alert.hits, alert.level) == (Grade.SEVERE, 2, 1)
    assert alert.name == "患者写下了可能想伤害自己的话"
    staff_text, patient_text = alert.texts
    assert "联系患者本人" in (staff_text or "")
    assert "12356" in (patient_text or "")
    assert "120" in (patient_text or "")
    assert cards(session)[0][1] == ["doctor-lin", "nurse-chen"]
    told = session.scalars(
        select(Communication).filter_by(channel=Channel.INBOX, kind="alert-notice")
    ).one()
    assert "12356" in (told.content or "")


def test_alerts_come_through_the_upgrade_and_back(sqlite_template: Path, tmp_path: Path) -> None:
    """The release before had no deputy, and merges that ended alerts without a word."""
    file = tmp_path / "old.sqlite3"
    shutil.copy(sqlite_template, file)
    engine = make_engine(f"sqlite:///{file}")
    with Session(engine) as session:
        team = factories.care_team(session, "旧组")
        member(session, team, "deputy-wu", Responder.DEPUTY_DOCTOR)
        patient = factories.patient(session)
        for status, level, is_open in (
            (AlertStatus.ACTIVE, 3, True),
            (AlertStatus.RESOLVED, 1, None),
        ):
            factories.alert(
                session, patient, team, status=status, level=level, is_open=is_open,
                outcome=None if is_open else Outcome.MERGED,
            )  # fmt: skip
        session.commit()
    seen = text("SELECT level, outcome FROM alert ORDER BY id")
    roles = text("SELECT responder FROM care_team_member")

    migrate(engine, "2026_11_22_0611", down=True)
    with engine.connect() as connection:
        assert connection.execute(seen).all() == [(2, None), (1, None)]
        assert connection.scalars(roles).all() == ["attending-doctor"]
    migrate(engine)
    with engine.connect() as connection:
        assert connection.execute(seen).all() == [(3, None), (1, "merged")]
    engine.dispose()
