"""Records that look like one person: found, shown masked, decided by a person, never twice."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.domain.profile.matching import LIKELY
from app.models import (
    AuditEvent,
    CandidateStatus,
    MatchCandidate,
    Patient,
    PatientIdentifier,
    RecordLink,
)
from app.services.intake import patient_index
from app.services.intake.patient_index import MergeHeld, deciding
from app.services.intake.patient_index.deciding import DismissReason, DoubleDecided, MergeReason
from app.services.intake.patient_index.doubles import MOST
from tests import factories
from tests.conftest import NOON
from tests.integration import records
from tests.integration.records import at, version

BORN = date(1961, 3, 9)
NUMBER = "990101196103094425"


def number(session: Session, patient: Patient, value: str, issuer: str = "NI", kind: str = "NI"):
    session.add(
        PatientIdentifier(
            patient=patient, issuer=issuer, type_code=kind, value=value, created_at=NOON
        )
    )
    session.flush()


def candidates(session: Session) -> list[MatchCandidate]:
    return list(session.scalars(select(MatchCandidate)))


def test_the_same_citizens_number_from_two_issuers_is_found(session: Session) -> None:
    one, other = records.someone(session, phone=None), records.someone(session, phone=None)
    number(session, one, NUMBER, "HIS")
    number(session, other, NUMBER.lower(), "LIS")

    patient_index.find_doubles(session, other.id, NOON)

    [found] = candidates(session)
    assert (found.patient_id, found.other_id) == (one.id, other.id)
    assert found.status is CandidateStatus.OPEN
    assert found.score >= LIKELY
    assert "national-id:same" in found.reasons
    assert (one.merged_into_id, other.merged_into_id) == (None, None)


@pytest.mark.parametrize(
    ("changes", "is_found"),
    [
        ({}, True),
        ({"phone": "13900005678"}, True),
        ({"birth_date": None}, True),
        ({"name": "李大双"}, False),
        ({"birth_date": date(1990, 1, 1), "phone": None}, False),
    ],
)
def test_who_shares_enough_is_proposed(
    session: Session, changes: dict[str, Any], is_found: bool
) -> None:
    records.someone(session)
    other = records.someone(session, **changes)

    patient_index.find_doubles(session, other.id, NOON)

    assert len(candidates(session)) == is_found


def test_a_pair_is_kept_once_whichever_is_asked(session: Session) -> None:
    one, other = records.someone(session), records.someone(session)

    for patient in (one, other, one):
        patient_index.find_doubles(session, patient.id, NOON)

    assert len(candidates(session)) == 1


def test_a_pair_that_no_longer_looks_alike_is_dropped(session: Session) -> None:
    one, other = records.someone(session), records.someone(session)
    patient_index.find_doubles(session, one.id, NOON)
    other.name, other.phone = "王另人", "13900005678"
    session.flush()

    patient_index.find_doubles(session, other.id, NOON)

    assert candidates(session) == []


def test_a_family_of_forty_on_one_phone_costs_twenty_comparisons(session: Session) -> None:
    for place in range(40):
        records.someone(session, name=f"李{place}")
    one = records.someone(session)
    statements: list[str] = []
    engine = session.get_bind().engine
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

    patient_index.find_doubles(session, one.id, NOON)

    numbers_read = [text for text in statements if "value_sealed" in text]
    assert 0 < len(numbers_read) <= MOST + 1


def test_two_records_of_one_person_are_not_proposed(session: Session) -> None:
    one, other = records.someone(session), records.someone(session)
    patient_index.merge(session, one, other, version=version(1), now=NOON)

    for patient in (one, other):
        patient_index.find_doubles(session, patient.id, NOON)

    assert candidates(session) == []


def test_a_dismissed_pair_is_not_proposed_again(session: Session) -> None:
    one, other = records.someone(session), records.someone(session)
    doctor = factories.practitioner(session)
    patient_index.find_doubles(session, one.id, NOON)
    [found] = candidates(session)

    deciding.dismiss_double(session, found.public_id, DismissReason.TWINS, doctor.id, NOON)
    patient_index.find_doubles(session, other.id, NOON)

    # Nor when the two have meanwhile looked different.
    for name in ("王另人", "李测试"):
        other.name = name
        patient_index.find_doubles(session, other.id, NOON)
    assert deciding.list_doubles(session) == []
    assert (found.status, found.practitioner_id) == (CandidateStatus.DISMISSED, doctor.id)
    trail = session.scalars(select(AuditEvent).filter_by(action="dismiss")).one()
    assert trail.detail["reason"] == "twins-or-siblings"


def test_a_double_is_shown_masked(session: Session) -> None:
    one, other = records.someone(session), records.someone(session)
    number(session, one, NUMBER)
    number(session, one, "MR00012345", "HIS", "MR")
    factories.encounter(session, one)
    patient_index.find_doubles(session, one.id, NOON)

    [double] = deciding.list_doubles(session)

    assert (double.first.name, double.first.phone) == ("李*", "138****1234")
    assert double.first.citizen_numbers == ("…4425",)
    assert double.first.numbers == (("HIS", "…2345"),)
    assert (double.first.encounters, double.second.encounters) == (1, 0)
    assert ("name", "same") in double.findings
    assert double.second.id == other.public_id


@pytest.mark.parametrize("place", [0, 1])
def test_a_person_says_which_record_stays(session: Session, place: int) -> None:
    pair = [records.someone(session), records.someone(session)]
    doctor = factories.practitioner(session)
    patient_index.find_doubles(session, pair[0].id, NOON)
    [double] = deciding.list_doubles(session)

    deciding.merge_double(
        session, double.id, pair[place].public_id, MergeReason.ASKED, doctor.id, NOON
    )

    assert pair[1 - place].merged_into_id == pair[place].id
    [done] = deciding.list_merges(session)
    assert (done.who, done.reason) == ("演示护士", "patient-confirmed")
    assert deciding.list_doubles(session) == []
    deciding.undo_merge(session, done.id, doctor.id, NOON)
    assert pair[1 - place].merged_into_id is None
    assert deciding.list_merges(session) == []
    actions = session.scalars(
        select(AuditEvent.action).filter_by(actor_kind="practitioner", actor_id=doctor.id)
    ).all()
    assert actions == ["merge", "unmerge"]


def test_only_one_of_two_people_decides(session: Session) -> None:
    one = records.someone(session)
    records.someone(session)
    doctor = factories.practitioner(session)
    patient_index.find_doubles(session, one.id, NOON)
    [double] = deciding.list_doubles(session)
    deciding.link_double(session, double.id, doctor.id, NOON)

    with pytest.raises(DoubleDecided):
        deciding.merge_double(session, double.id, one.public_id, MergeReason.ASKED, doctor.id, NOON)

    link = session.scalars(select(RecordLink)).one()
    assert (link.kind, link.is_live) == ("seealso", True)


def test_a_record_that_is_not_of_the_pair_cannot_be_kept(session: Session) -> None:
    one = records.someone(session)
    records.someone(session)
    stranger = records.someone(session, name="王另人", phone=None)
    doctor = factories.practitioner(session)
    patient_index.find_doubles(session, one.id, NOON)
    [double] = deciding.list_doubles(session)

    with pytest.raises(NotFound):
        deciding.merge_double(
            session, double.id, stranger.public_id, MergeReason.ASKED, doctor.id, NOON
        )


def test_a_merge_that_a_message_may_not_do_is_put_before_a_person(session: Session) -> None:
    survivor = records.someone(session)
    retired = records.someone(session, name="王另人", birth_date=None)
    doctor = factories.practitioner(session)
    records.link(session, survivor, records.account(session, "A"))
    records.link(session, retired, records.account(session, "B"))

    with pytest.raises(MergeHeld) as held, session.begin_nested():
        patient_index.merge(session, survivor, retired, version=version(1), now=NOON)
    patient_index.propose(session, held.value, 7, NOON)
    patient_index.propose(session, held.value, 7, NOON)
    patient_index.find_doubles(session, survivor.id, NOON)

    [double] = deciding.list_doubles(session)
    assert double.is_asked_by_message
    assert double.first.is_bound
    deciding.merge_double(
        session, double.id, survivor.public_id, MergeReason.DOCUMENTS, doctor.id, at(1)
    )
    assert retired.merged_into_id == survivor.id
    # The message may now be read again: what it asks for has been done.
    again = patient_index.merge(session, survivor, retired, version=version(0.5), now=at(2))
    assert again.is_live


def test_what_would_move_is_counted(session: Session) -> None:
    one = records.someone(session)
    factories.encounter(session, one)
    for order in ("O1", "O2"):
        records.result(session, one, order, "4.1", 1)

    assert deciding.what_moves(session, one.public_id) == {"encounter": 1, "observation": 2}
    assert session.scalar(select(func.count()).select_from(MatchCandidate)) == 0
