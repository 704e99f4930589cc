"""Linking a WeChat user to a patient, attacked and in good order."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from app.domain.errors import ConsentRequired, TooManyTries
from app.domain.outreach.messaging import Channel, Outlets
from app.domain.trust.access import Relation
from app.domain.trust.consenting import CURRENT_TEXTS, ConsentPurpose
from app.models import (
    BindingAttempt,
    Communication,
    Consent,
    Event,
    Patient,
    PatientIdentifier,
    PatientLink,
    RelatedPerson,
    WeChatAccount,
)
from app.services.trust.binding import (
    Claim,
    confirm_binding,
    end_link,
    issue_desk_code,
    start_binding,
)
from tests.conftest import NOON

OUTLETS = Outlets(sms=True)
PHONE = "12000000001"
AGREED = {ConsentPurpose.HEALTH_DATA: CURRENT_TEXTS[ConsentPurpose.HEALTH_DATA].version}
GUARDIAN = AGREED | {ConsentPurpose.GUARDIAN: CURRENT_TEXTS[ConsentPurpose.GUARDIAN].version}
TRUE = Claim("李测试", "MR0001", PHONE, Relation.SELF, AGREED)


@pytest.fixture
def patient(session: Session) -> Patient:
    return make_patient(session, "李测试", "MR0001", PHONE, date(1960, 2, 3))


@pytest.fixture
def account_id(session: Session) -> int:
    return make_account(session, "oUser")


def make_patient(session: Session, name: str, number: str, phone: str, birth_date: date) -> Patient:
    patient = Patient(
        name=name, phone=phone, birth_date=birth_date, created_at=NOON, updated_at=NOON
    )
    session.add(patient)
    session.flush()
    session.add(
        PatientIdentifier(
            patient_id=patient.id, issuer="HIS", type_code="MR", value=number, created_at=NOON
        )
    )
    session.flush()
    return patient


def make_account(session: Session, openid: str) -> int:
    account = WeChatAccount(app_key="patient", openid=openid, created_at=NOON, last_seen_at=NOON)
    session.add(account)
    session.flush()
    return account.id


def code_of(session: Session) -> str:
    """Return the code in the newest SMS."""
    message = session.scalars(
        select(Communication).filter_by(channel=Channel.SMS).order_by(Communication.id.desc())
    ).first()
    assert message is not None
    content = json.loads(message.content or "")
    code: str = content["params"]["code"]
    return code


def sent(session: Session) -> int:
    return len(session.scalars(select(Communication)).all())


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_true_facts_and_the_code_link_the_two(
    session: Session, patient: Patient, account_id: int
) -> None:
    attempt = start_binding(session, account_id, TRUE, OUTLETS, NOON)
    session.flush()
    message = session.scalars(select(Communication)).one()
    assert json.loads(message.content or "")["phone"] == PHONE
    assert message.expires_at - NOON == timedelta(minutes=5)

    link = confirm_binding(session, account_id, attempt.public_id, code_of(session), NOON)
    session.flush()

    assert link is not None
    assert (link.patient_id, link.relation, link.evidence) == (
        patient.id, Relation.SELF, "phone-code",
    )  # fmt: skip
    consent = session.scalars(select(Consent)).one()
    text = CURRENT_TEXTS[ConsentPurpose.HEALTH_DATA]
    assert (consent.purpose, consent.is_given, consent.text_hash) == (
        "health-data", True, text.digest,
    )  # fmt: skip
    happened = session.scalars(select(Event)).one()
    assert (happened.kind, happened.patient_id) == ("person.linked", patient.id)


def test_a_number_with_its_country_is_the_same_number(
    session: Session, patient: Patient, account_id: int
) -> None:
    start_binding(session, account_id, replace(TRUE, phone=f"+86{PHONE}"), OUTLETS, NOON)
    session.flush()

    message = session.scalars(select(Communication)).one()
    assert json.loads(message.content or "")["phone"] == PHONE


def test_the_code_is_kept_nowhere_but_in_the_sealed_message(
    session: Session, patient: Patient, account_id: int
) -> None:
    attempt = start_binding(session, account_id, TRUE, OUTLETS, NOON)
    session.flush()

    assert code_of(session).encode() not in attempt.code_hash
    message = session.scalars(select(Communication)).one()
    assert code_of(session).encode() not in message.content_sealed
    assert PHONE not in message.recipient_key


@pytest.mark.parametrize(
    "claim",
    [
        replace(TRUE, name="王测试"),
        replace(TRUE, identifier="MR0002"),
        replace(TRUE, phone="12000000002"),
        replace(TRUE, birth_date=date(1960, 2, 4)),
    ],
)
def test_one_wrong_fact_sends_nothing_and_no_code_is_right(
    session: Session, patient: Patient, account_id: int, claim: Claim
) -> None:
    attempt = start_binding(session, account_id, claim, OUTLETS, NOON)
    session.flush()

    assert sent(session) == 0
    assert confirm_binding(session, account_id, attempt.public_id, "000000", NOON) is None
    assert session.scalars(select(PatientLink)).all() == []


def test_a_right_and_a_wrong_claim_ask_the_database_the_same(
    session: Session, patient: Patient, account_id: int
) -> None:
    with statements(session) as true:
        start_binding(session, account_id, TRUE, OUTLETS, NOON)
        session.flush()
    with statements(session) as false:
        start_binding(session, account_id, replace(TRUE, name="王测试"), OUTLETS, NOON)
        session.flush()

    def reads(found: list[str]) -> list[str]:
        return [one for one in found if one.startswith("SELECT")]

    assert reads(true) == reads(false)
    # The one message that goes out; its sealing is done for both.
    assert len(true) == len(false) + 1


@contextmanager
def statements(session: Session) -> Iterator[list[str]]:
    found: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        found.append(statement)

    bind = session.connection()
    event.listen(bind, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(bind, "before_cursor_execute", note)


def test_a_code_works_once(session: Session, patient: Patient, account_id: int) -> None:
    attempt = start_binding(session, account_id, TRUE, OUTLETS, NOON)
    session.flush()
    code = code_of(session)
    assert confirm_binding(session, account_id, attempt.public_id, code, NOON) is not None

    assert confirm_binding(session, account_id, attempt.public_id, code, NOON) is None


def test_a_code_is_too_late_after_five_minutes(
    session: Session, patient: Patient, account_id: int
) -> None:
    attempt = start_binding(session, account_id, TRUE, OUTLETS, NOON)
    session.flush()
    code, soon = code_of(session), NOON + timedelta(minutes=5)

    assert confirm_binding(session, account_id, attempt.public_id, code, soon) is None
    in_time = soon - timedelta(seconds=1)
    assert confirm_binding(session, account_id, attempt.public_id, code, in_time) is not None


def test_a_code_dies_after_five_wrong_tries(
    session: Session, patient: Patient, account_id: int
) -> None:
    attempt = start_binding(session, account_id, TRUE, OUTLETS, NOON)
    session.flush()
    code = code_of(session)
    for _ in range(5):
        assert confirm_binding(session, account_id, attempt.public_id, wrong(code), NOON) is None

    assert confirm_binding(session, account_id, attempt.public_id, code, NOON) is None


def test_a_code_is_of_no_use_to_another_user(
    session: Session, patient: Patient, account_id: int
) -> None:
    attempt = start_binding(session, account_id, TRUE, OUTLETS, NOON)
    session.flush()
    thief = make_account(session, "oThief")

    assert confirm_binding(session, thief, attempt.public_id, code_of(session), NOON) is None


def test_a_user_has_five_tries_a_day_right_or_wrong(
    session: Session, patient: Patient, account_id: int
) -> None:
    for number in range(5):
        claim = replace(TRUE, identifier=f"MR9{number}")
        start_binding(session, account_id, claim, OUTLETS, NOON)
        session.flush()

    with pytest.raises(TooManyTries):
        start_binding(session, account_id, TRUE, OUTLETS, NOON)
    start_binding(session, account_id, TRUE, OUTLETS, NOON + timedelta(days=1))


def test_a_patients_sixth_code_of_a_day_is_not_sent_and_nobody_is_told(
    session: Session, patient: Patient
) -> None:
    for number in range(5):
        start_binding(session, make_account(session, f"o{number}"), TRUE, OUTLETS, NOON)
        session.flush()
    assert sent(session) == 5

    attempt = start_binding(session, make_account(session, "o6"), TRUE, OUTLETS, NOON)
    session.flush()

    assert sent(session) == 5
    assert attempt.patient_id is None


def test_without_consent_on_health_data_nothing_begins(
    session: Session, patient: Patient, account_id: int
) -> None:
    for consents in ({}, {ConsentPurpose.HEALTH_DATA: "2019-01"}):
        with pytest.raises(ConsentRequired):
            start_binding(session, account_id, replace(TRUE, consents=consents), OUTLETS, NOON)
    assert session.scalars(select(BindingAttempt)).all() == []


CHILD_BORN = date(2012, 5, 5)  # fourteen tomorrow


@pytest.mark.parametrize(
    ("relation", "consents", "moment", "is_linked"),
    [
        (Relation.CHILD, GUARDIAN, NOON, True),
        (Relation.CHILD, AGREED, NOON, False),
        (Relation.OTHER, GUARDIAN, NOON, False),
        (Relation.SELF, GUARDIAN, NOON, False),
        (Relation.CHILD, AGREED, NOON + timedelta(hours=11, minutes=59), False),
        (Relation.CHILD, AGREED, NOON + timedelta(hours=12), True),
    ],
)
def test_until_the_fourteenth_birthday_a_parent_agrees_as_guardian(
    session: Session,
    account_id: int,
    relation: Relation,
    consents: dict[ConsentPurpose, str],
    moment: datetime,
    is_linked: bool,
) -> None:
    child = make_patient(session, "演示宝", "MR0009", PHONE, CHILD_BORN)
    claim = Claim("演示宝", "MR0009", PHONE, relation, consents)
    attempt = start_binding(session, account_id, claim, OUTLETS, moment)
    session.flush()
    code = code_of(session)

    if is_linked:
        link = confirm_binding(session, account_id, attempt.public_id, code, moment)
        assert link is not None
        assert link.patient_id == child.id
    else:
        with pytest.raises(ConsentRequired):
            confirm_binding(session, account_id, attempt.public_id, code, moment)
        assert attempt.used_at is None


def test_the_phone_of_a_childs_guardian_on_file_counts_for_the_child_alone(
    session: Session, patient: Patient, account_id: int
) -> None:
    child = make_patient(session, "演示宝", "MR0009", "12000000009", CHILD_BORN)
    for whose in (child, patient):
        session.add(
            RelatedPerson(
                patient_id=whose.id, relationship_code="MTH", phone="+86 120-0000-0077",
                identity=bytes(32), created_at=NOON,
            )
        )  # fmt: skip
    session.flush()
    mother = Claim("演示宝", "MR0009", "12000000077", Relation.CHILD, GUARDIAN)

    start_binding(session, account_id, mother, OUTLETS, NOON)
    session.flush()
    assert sent(session) == 1
    for claim in (
        replace(mother, relation=Relation.OTHER),
        replace(TRUE, phone="12000000077", relation=Relation.PARENT),
    ):
        start_binding(session, account_id, claim, OUTLETS, NOON)
        session.flush()
    assert sent(session) == 1


def test_a_code_from_the_desk_stands_for_the_sms_once(
    session: Session, patient: Patient, account_id: int
) -> None:
    code = issue_desk_code(session, patient.id, NOON)
    session.flush()
    claim = replace(TRUE, phone="12000000055")  # a new number, not on file
    attempt = start_binding(session, account_id, claim, OUTLETS, NOON)
    session.flush()
    assert sent(session) == 0

    assert confirm_binding(session, account_id, attempt.public_id, wrong(code), NOON) is None
    link = confirm_binding(session, account_id, attempt.public_id, code, NOON)
    assert link is not None
    assert link.evidence == "desk-code"

    other = make_account(session, "oOther")
    again = start_binding(session, other, claim, OUTLETS, NOON)
    session.flush()
    assert confirm_binding(session, other, again.public_id, code, NOON) is None


def test_a_desk_code_is_for_one_patient_and_half_an_hour(
    session: Session, patient: Patient, account_id: int
) -> None:
    somebody = make_patient(session, "王测试", "MR0002", "12000000002", date(1950, 1, 1))
    foreign = issue_desk_code(session, somebody.id, NOON)
    late = issue_desk_code(session, patient.id, NOON - timedelta(minutes=30))
    session.flush()
    attempt = start_binding(session, account_id, TRUE, Outlets(), NOON)
    session.flush()

    assert sent(session) == 0  # no SMS outlet: only the desk
    for code in {foreign, late}:
        assert confirm_binding(session, account_id, attempt.public_id, code, NOON) is None


def test_the_dead_are_not_linked(session: Session, patient: Patient, account_id: int) -> None:
    patient.deceased_at = NOON
    session.flush()

    start_binding(session, account_id, TRUE, OUTLETS, NOON)
    session.flush()

    assert sent(session) == 0


def test_binding_again_with_another_relation_replaces_the_link(
    session: Session, patient: Patient, account_id: int
) -> None:
    for relation in (Relation.SELF, Relation.SELF, Relation.PARENT):
        claim = replace(TRUE, relation=relation)
        attempt = start_binding(session, account_id, claim, OUTLETS, NOON)
        session.flush()
        assert confirm_binding(session, account_id, attempt.public_id, code_of(session), NOON)
        session.flush()

    links = session.scalars(select(PatientLink).order_by(PatientLink.id)).all()
    assert [(link.relation, link.is_live) for link in links] == [
        (Relation.SELF, None), (Relation.PARENT, True),
    ]  # fmt: skip


def test_leaving_ends_the_link_and_withdraws_every_consent(
    session: Session, patient: Patient, account_id: int
) -> None:
    attempt = start_binding(session, account_id, TRUE, OUTLETS, NOON)
    session.flush()
    confirm_binding(session, account_id, attempt.public_id, code_of(session), NOON)
    session.flush()

    for _ in range(2):
        end_link(session, account_id, patient.id, NOON)
        session.flush()

    link = session.scalars(select(PatientLink)).one()
    assert (link.is_live, link.ends_at) == (None, NOON)
    words = session.scalars(select(Consent.is_given).order_by(Consent.id)).all()
    assert words == [True, False]
    kinds = session.scalars(select(Event.kind).order_by(Event.id)).all()
    assert kinds == ["person.linked", "person.unlinked"]
