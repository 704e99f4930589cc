"""Whoever asks for a retired record gets the one that speaks for the person, by the same rules."""

from dataclasses import replace
from datetime import datetime
from threading import Barrier, Thread

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import clock
from app.database import unit_of_work
from app.domain.errors import NotFound
from app.domain.outreach.messaging import Channel, CommunicationState, Outlets
from app.domain.trust.access import Relation
from app.models import (
    AccessSession,
    Alert,
    AlertStep,
    CarePlan,
    Communication,
    Event,
    Patient,
    PatientIdentifier,
    PatientLink,
    SessionKind,
    TagAssignment,
)
from app.models.profile.patient_index import cluster_of, head_id_of
from app.models.trust.account import find_open_patient
from app.services.intake import patient_index
from app.services.profile.patient_snapshot import read_phones, read_snapshot
from app.services.trust.binding import start_binding
from tests import factories
from tests.conftest import NOON
from tests.integration import postbox, records
from tests.integration.records import at, version
from tests.integration.test_binding import TRUE
from tests.integration.test_the_loop import settle
from tests.integration.ward import build, discharge, measure


@pytest.fixture(autouse=True)
def hospital_clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    hands = [NOON]
    monkeypatch.setattr(clock, "now", lambda: hands[0])
    return hands


def join(session: Session, survivor: Patient, retired: Patient, days: float = 10) -> None:
    patient_index.merge(session, survivor, retired, version=version(days), now=at(days))


def test_a_phone_that_knows_the_retired_id_opens_the_person(session: Session) -> None:
    survivor, retired = records.someone(session), records.someone(session)
    who, stranger = records.account(session, "A"), records.account(session, "B")
    records.link(session, retired, who)

    join(session, survivor, retired)

    for name in (survivor.public_id, retired.public_id):
        assert find_open_patient(session, who.id, name) == survivor.id
        with pytest.raises(NotFound):
            find_open_patient(session, stranger.id, name)


def test_a_signed_in_phone_goes_on_showing_the_person(session: Session) -> None:
    survivor, retired = records.someone(session), records.someone(session)
    who = records.account(session, "A")
    phone = AccessSession(
        kind=SessionKind.PATIENT, token_hash=bytes(32), account_id=who.id,
        current_patient_id=retired.id, created_at=NOON, last_seen_at=NOON, expires_at=at(90),
    )  # fmt: skip
    session.add(phone)
    session.flush()

    join(session, survivor, retired)

    assert phone.current_patient_id == survivor.id


def test_staff_open_the_person_by_either_id_under_the_same_rules(session: Session) -> None:
    team, other_team = factories.care_team(session), factories.care_team(session)
    nurse = factories.practitioner(session, teams=[team])
    stranger = factories.practitioner(session, teams=[other_team])
    survivor, retired = records.someone(session), records.someone(session, name="李旧名")
    factories.care_plan(session, retired, team)

    join(session, survivor, retired)

    found = read_snapshot(session, retired.public_id, nurse.id, NOON, NOON.date())
    assert (found.id, found.name) == (survivor.id, "李测试")
    assert read_phones(session, retired.public_id, nurse.id, NOON)[0].id == survivor.id
    with pytest.raises(NotFound):
        read_snapshot(session, retired.public_id, stranger.id, NOON, NOON.date())


def test_a_claim_with_the_retired_number_is_about_the_person(session: Session) -> None:
    survivor = records.someone(session, phone=TRUE.phone)
    retired = records.someone(session, phone="13999999999")
    session.add(
        PatientIdentifier(
            patient=retired, issuer="HIS", type_code="MR", value=TRUE.identifier, created_at=NOON
        )
    )
    join(session, survivor, retired)

    attempt = start_binding(
        session, records.account(session, "A").id, TRUE, Outlets(sms=True), NOON
    )

    assert attempt.patient_id == survivor.id
    sms = session.scalars(select(Communication).filter_by(channel=Channel.SMS)).one()
    assert TRUE.phone in (sms.content or "")


def test_messages_queued_before_a_merge_still_go_to_the_right_phone(session: Session) -> None:
    survivor, retired = records.someone(session), records.someone(session)
    who = postbox.account(session)
    link = records.link(session, retired, who)
    letter = postbox.letter(session, patient_id=retired.id, account_id=who.id, link_id=link.id)

    join(session, survivor, retired)
    postbox.call(session)

    assert (letter.patient_id, letter.account_id) == (survivor.id, who.id)
    assert letter.state is CommunicationState.CALLING


def test_messages_of_the_second_link_of_one_account_go_out_by_the_first(session: Session) -> None:
    survivor, retired = records.someone(session), records.someone(session)
    who = postbox.account(session)
    kept = records.link(session, survivor, who)
    ended = records.link(session, retired, who, Relation.OTHER)
    letter = postbox.letter(session, patient_id=retired.id, account_id=who.id, link_id=ended.id)

    join(session, survivor, retired)
    postbox.call(session)

    assert ended.is_live is None
    assert letter.link_id == kept.id
    assert letter.state is CommunicationState.CALLING


def test_nothing_goes_out_where_the_retired_record_says_that_the_patient_died(
    session: Session,
) -> None:
    survivor, retired = records.someone(session), records.someone(session, deceased_at=NOON)
    who = postbox.account(session)
    link = records.link(session, survivor, who)
    letter = postbox.letter(session, patient_id=survivor.id, account_id=who.id, link_id=link.id)

    join(session, survivor, retired)
    postbox.call(session)

    assert letter.state is CommunicationState.CANCELLED


def test_events_that_waited_during_a_merge_act_on_the_person(session: Session) -> None:
    ward = build(session)
    discharge(session, ward)
    settle(session)
    survivor = records.someone(session)
    # A reading that nobody has judged yet when its record is merged.
    measure(session, ward, "2.8", NOON, "LL")

    join(session, survivor, ward.patient)
    settle(session)

    alert = session.scalars(select(Alert)).one()
    assert alert.patient_id == survivor.id
    waited = session.scalars(select(Event).filter_by(kind="observation.recorded")).one()
    assert waited.patient_id == ward.patient.id


def test_a_reading_written_while_its_record_was_merged_is_brought_over_and_judged(
    session: Session,
) -> None:
    ward = build(session)
    discharge(session, ward)
    settle(session)
    survivor = records.someone(session)
    join(session, survivor, ward.patient)
    settle(session)

    reading = measure(session, ward, "2.8", NOON, "LL")
    settle(session)

    assert reading.patient_id == survivor.id
    assert session.scalars(select(Alert)).one().patient_id == survivor.id


def test_the_facts_of_both_records_together_begin_a_plan(session: Session) -> None:
    ward = build(session)
    survivor = records.someone(session)
    stay = discharge(session, ward)
    join(session, survivor, ward.patient)

    settle(session)

    plan = session.scalars(select(CarePlan)).one()
    assert (plan.patient_id, plan.encounter_id) == (survivor.id, stay.id)
    tags = session.scalars(select(TagAssignment).filter_by(is_live=True)).all()
    assert {tag.patient_id for tag in tags} == {survivor.id}


def test_a_result_of_the_wrong_person_takes_its_alert_along(session: Session) -> None:
    ward = build(session)
    stay = discharge(session, ward)
    settle(session)
    reading = measure(session, ward, "2.8", NOON, "LL", encounter_id=stay.id)
    right = records.someone(session)
    discharge(session, replace(ward, patient=right))
    settle(session)

    patient_index.move_visit(session, stay, right, version=version(3), now=NOON)
    settle(session)

    alerts = {alert.patient_id: alert for alert in session.scalars(select(Alert))}
    assert reading.patient_id == right.id
    assert alerts[ward.patient.id].status == "withdrawn"
    assert alerts[right.id].is_open
    assert session.scalars(select(AlertStep.kind).filter_by(alert_id=alerts[right.id].id)).all()


@pytest.mark.mariadb
def test_merges_of_overlapping_pairs_at_once_end_in_one_person(mariadb: Engine) -> None:
    with unit_of_work.begin() as session:
        people = [records.someone(session) for _ in range(6)]
        for one in people:
            for number in range(20):
                records.result(session, one, f"{one.id}-{number}", "4.1", 1)
        ids = [one.id for one in people]
    pairs = [(ids[place + 1], ids[place]) for place in range(5)]
    barrier = Barrier(len(pairs))

    def work(survivor: int, retired: int) -> None:
        barrier.wait()
        for _ in range(20):
            try:
                with unit_of_work.begin() as session:
                    both = [session.get_one(Patient, one) for one in (survivor, retired)]
                    join(session, *both)
                return
            except OperationalError:
                continue  # a deadlock: as the pipeline does, once more

    threads = [Thread(target=work, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with unit_of_work() as session:
        assert {head_id_of(session, one) for one in ids} == {ids[-1]}
        assert cluster_of(session, ids[-1]) == ids
        assert set(records.owners(session, "observation").values()) == {ids[-1]}


def test_an_ended_link_is_not_found_by_the_retired_id(session: Session) -> None:
    survivor, retired = records.someone(session), records.someone(session)
    who = records.account(session, "A")
    link = records.link(session, retired, who)
    join(session, survivor, retired)
    session.get_one(PatientLink, link.id).is_live = None
    session.flush()

    with pytest.raises(NotFound):
        find_open_patient(session, who.id, retired.public_id)
