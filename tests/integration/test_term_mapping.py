"""Staff give a word its meaning: what is decided, audited, read again; and who may not."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain.errors import NotATarget, NotFound
from app.domain.intake.terminology import Unmapped
from app.domain.trust.access import Actor, Permission, StaffRole, may
from app.integrations.term_files import InvalidTermFile, read_mappings, write_mappings
from app.models import (
    AuditEvent,
    ConceptMapping,
    Department,
    Event,
    InboundMessage,
    Observation,
    ObservationStatus,
    Origin,
    TermKind,
    TermRereading,
    TermStatus,
    UnmappedTerm,
)
from app.models.intake.vocabulary import note_unmapped, vocabulary
from app.services.staff.term_mapping import (
    ignore_term,
    load_mappings,
    reopen_term,
    resolve_term,
)
from app.services.staff.term_queue import count_open, find_term, list_terms
from jobs.term_rereading import reread_terms
from tests import factories
from tests.conftest import NOON, ROOT

OPERATOR = Actor("operator", None, "cli")
TODAY = date(2026, 5, 4)
SHIPPED = sorted((ROOT / "packs" / "terminology").glob("*.yaml"))


def note(
    session: Session,
    kind: TermKind = TermKind.OBSERVATION,
    code: str = "1001",
    display: str = "血清钾",
    unit: str = "mmol/L",
    source: str = "hl7:his",
    uses: int = 1,
) -> str:
    note_unmapped(session, source, [Unmapped(kind, code, display, unit)] * uses, NOON)
    return session.scalars(select(UnmappedTerm.public_id).filter_by(kind=kind, code=code)).one()


def keep_message(session: Session, inbound_id: int) -> None:
    if session.get(InboundMessage, inbound_id) is None:
        session.add(
            InboundMessage(
                id=inbound_id, source="hl7:his", kind="ORU^R01", body="MSH|", status="processed",
                dedupe_key=hashlib.sha256(str(inbound_id).encode()).digest(), received_at=NOON,
            )
        )  # fmt: skip


def results(session: Session, inbound_ids: Sequence[int], code: str = "1001") -> None:
    """Keep results of `his`, each written by the kept message of that id."""
    patient = factories.patient(session)
    for inbound_id in set(inbound_ids):
        keep_message(session, inbound_id)
    for number, inbound_id in enumerate(inbound_ids):
        session.add(
            Observation(
                patient_id=patient.id, origin=Origin.HOSPITAL, source="hl7:his",
                identity=hashlib.sha256(f"{code}{number}".encode()).digest(), is_current=True,
                status=ObservationStatus.FINAL, code=code, code_system="L", local_code=code,
                value=Decimal(5), unit="毫摩", inbound_id=inbound_id,
                effective_at=NOON, issued_at=NOON, received_at=NOON,
            )
        )  # fmt: skip
    session.flush()


def meaning(session: Session, code: str = "1001", on: date = TODAY) -> str | None:
    found = vocabulary(session).meaning("his", TermKind.OBSERVATION, code, on)
    return found.code if found else None


# Deciding


def test_a_resolved_term_is_known_audited_and_told(session: Session) -> None:
    nurse = factories.practitioner(session, role=StaffRole.HEAD_NURSE)
    term = note(session)
    results(session, [7, 7, 9])

    decision = resolve_term(session, term, "2823-3", Actor("practitioner", nurse.id, "test"), NOON)

    assert (decision.target_code, decision.messages) == ("2823-3", 2)
    assert meaning(session) == "2823-3"
    assert session.scalars(select(ConceptMapping)).one().practitioner_id == nurse.id
    audited = session.scalars(select(AuditEvent).filter_by(action="map", entity="term")).one()
    assert audited.detail["target"] == "2823-3"
    assert audited.detail["before"] == []
    event = session.scalars(select(Event).filter_by(kind="term.mapped")).one()
    assert set(event.payload) == {"term_id"}
    line = find_term(session, term)
    assert line.status is TermStatus.MAPPED
    assert line.target_display == "钾"
    assert line.progress is not None
    assert line.progress.left == 2


def test_a_second_decision_replaces_the_first_and_the_trail_keeps_both(session: Session) -> None:
    term = note(session)
    resolve_term(session, term, "2951-2", OPERATOR, NOON)
    resolve_term(session, term, "2823-3", OPERATOR, NOON)

    assert meaning(session) == "2823-3"
    assert [row.target_code for row in session.scalars(select(ConceptMapping))] == ["2823-3"]
    trail = session.scalars(select(AuditEvent).filter_by(entity="term").order_by(AuditEvent.id))
    assert [entry.detail["before"] for entry in trail] == [[], ["2951-2"]]


def test_a_decision_from_a_day_on_leaves_what_was_before(session: Session) -> None:
    term = note(session)
    resolve_term(session, term, "2951-2", OPERATOR, NOON)
    resolve_term(session, term, "2823-3", OPERATOR, NOON, starts_on=TODAY)

    assert meaning(session, on=date(2026, 5, 3)) == "2951-2"
    assert meaning(session, on=TODAY) == "2823-3"


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (TermKind.OBSERVATION, "2823-4"),  # wrong check digit
        (TermKind.OBSERVATION, "血钾"),
        (TermKind.UNIT, "毫摩"),
        (TermKind.DEPARTMENT, "nowhere"),
        (TermKind.CONDITION, "糖尿病"),
        (TermKind.MEDICATION, "二甲双胍"),
        (TermKind.OBSERVATION, ""),
    ],
)
def test_a_code_that_cannot_stand_for_it_is_refused(
    session: Session, kind: TermKind, target: str
) -> None:
    term = note(session, kind)

    with pytest.raises(NotATarget):
        resolve_term(session, term, target, OPERATOR, NOON)

    assert find_term(session, term).status is TermStatus.OPEN


@pytest.mark.parametrize(
    ("kind", "typed", "kept"),
    [
        (TermKind.UNIT, "mmol/l", "mmol/L"),
        (TermKind.DEPARTMENT, "endo", "endo"),
        (TermKind.CONDITION, "E11.9", "E11.9"),
        (TermKind.MEDICATION, "A10BA02", "A10BA02"),
        (TermKind.MEDICATION, "国药准字H20023370", "H20023370"),
        (TermKind.OBSERVATION, " 8302-2 ", "8302-2"),
    ],
)
def test_every_kind_has_its_standard(
    session: Session, kind: TermKind, typed: str, kept: str
) -> None:
    session.add(Department(code="endo", name="内分泌科"))
    session.flush()
    term = note(session, kind)

    assert resolve_term(session, term, typed, OPERATOR, NOON).target_code == kept


def test_what_does_not_exist_is_not_found(session: Session) -> None:
    for deed in (
        lambda: resolve_term(session, "nothing", "2823-3", OPERATOR, NOON),
        lambda: ignore_term(session, "nothing", OPERATOR, NOON),
        lambda: find_term(session, "nothing"),
    ):
        with pytest.raises(NotFound):
            deed()


def test_an_ignored_term_leaves_the_queue_until_it_is_opened_again(session: Session) -> None:
    term = note(session)

    ignore_term(session, term, OPERATOR, NOON)
    assert count_open(session) == 0
    note(session)
    assert count_open(session) == 0

    reopen_term(session, term, OPERATOR, NOON)
    assert count_open(session) == 1
    actions = session.scalars(select(AuditEvent.action).filter_by(entity="term")).all()
    assert sorted(actions) == ["ignore", "reopen"]


def test_operators_and_head_nurses_may_map_and_nobody_else() -> None:
    allowed = {role for role in StaffRole if may(role, Permission.MAP_TERMS)}

    assert allowed == {StaffRole.OPERATOR, StaffRole.HEAD_NURSE}


# The queue


def test_the_most_used_comes_first_with_suggestions(session: Session) -> None:
    note(session, code="A", display="没有人知道", uses=2)
    note(session, code="B", display="血清钾", uses=5)
    note(session, TermKind.UNIT, "Mmol/l", "", "", source="fhir:emr")

    queue = list_terms(session)

    assert [(line.code, line.uses) for line in queue.lines] == [("B", 5), ("A", 2), ("Mmol/l", 1)]
    assert queue.lines[0].suggestions[0].target.code == "2823-3"
    assert queue.lines[1].suggestions == ()
    assert queue.sources == ("emr", "his")
    assert [line.code for line in list_terms(session, kind=TermKind.UNIT).lines] == ["Mmol/l"]
    assert list_terms(session, source="his").total == 2
    assert [line.code for line in list_terms(session, page=1, size=2).lines] == ["Mmol/l"]


# Reading again


def worked(reread: Callable[[Sequence[int]], object]) -> int:
    return reread_terms(reread, lambda: NOON)


def prepared(database: Engine, inbound_ids: Sequence[int]) -> str:
    with unit_of_work.begin() as session:
        term = note(session)
        results(session, inbound_ids)
        resolve_term(session, term, "2823-3", OPERATOR, NOON)
    return term


def left(term: str) -> int | None:
    with unit_of_work.begin() as session:
        progress = find_term(session, term).progress
        return progress.left if progress else None


def test_every_affected_message_is_read_again_in_order_and_once(database: Engine) -> None:
    term = prepared(database, [*range(45, 0, -1), 30, 31])
    read: list[int] = []

    assert worked(read.extend) == 20
    assert left(term) == 25
    while worked(read.extend):
        pass

    assert read == list(range(1, 46))
    assert left(term) == 0


def test_a_crash_between_reading_and_noting_repeats_one_portion(database: Engine) -> None:
    term = prepared(database, range(1, 31))
    read: list[int] = []

    def break_down(message_ids: Sequence[int]) -> None:
        read.extend(message_ids)
        raise RuntimeError("the process dies")

    with pytest.raises(RuntimeError):
        worked(break_down)
    assert left(term) == 30
    while worked(read.extend):
        pass

    assert read == [*range(1, 21), *range(1, 31)]
    assert left(term) == 0


def test_a_new_decision_begins_again_and_ends_the_reading_before(database: Engine) -> None:
    term = prepared(database, range(1, 31))
    read: list[int] = []
    worked(read.extend)
    with unit_of_work.begin() as session:
        resolve_term(session, term, "2951-2", OPERATOR, NOON)

    while worked(read.extend):
        pass

    assert read == [*range(1, 21), *range(1, 31)]
    with unit_of_work.begin() as session:
        rows = session.scalars(select(TermRereading)).all()
        assert all(row.finished_at for row in rows)


def test_rows_without_a_kept_message_and_of_other_sources_are_left_alone(
    session: Session,
) -> None:
    term = note(session)
    results(session, [3])
    results(session, [4])
    row = session.scalars(select(Observation).filter_by(inbound_id=3)).one()
    row.source = "hl7:lis"
    session.flush()

    session.delete(session.get_one(InboundMessage, 4))
    session.flush()

    assert resolve_term(session, term, "2823-3", OPERATOR, NOON).messages == 0
    assert session.scalars(select(TermRereading)).all() == []


def test_units_and_departments_find_their_rows_too(session: Session) -> None:
    session.add(Department(code="endo", name="内分泌科"))
    results(session, [3, 4])
    keep_message(session, 9)
    visit = factories.encounter(session, factories.patient(session), department_code="NFM")
    visit.source, visit.inbound_id = "hl7:his", 9
    session.flush()
    unit = note(session, TermKind.UNIT, "毫摩")
    department = note(session, TermKind.DEPARTMENT, "NFM", "内分泌代谢")

    assert resolve_term(session, unit, "mmol/L", OPERATOR, NOON).messages == 2
    assert resolve_term(session, department, "endo", OPERATOR, NOON).messages == 1


# Files


def test_the_shipped_files_are_good_and_name_tests_as_the_catalogue_does(
    session: Session,
) -> None:
    assert [file.name for file in SHIPPED] == ["bedside.yaml", "laboratory.yaml"]
    for file in SHIPPED:
        mappings = read_mappings(file, {})
        loaded = load_mappings(session, mappings, OPERATOR, NOON)
        assert (loaded.new, loaded.known) == (len(mappings), 0)
    again = load_mappings(session, read_mappings(SHIPPED[1], {}), OPERATOR, NOON)
    assert again.new == 0


def test_a_file_settles_open_terms_it_explains_and_overrules_nobody(session: Session) -> None:
    ours = note(session, code="K", display="钾")
    other = note(session, code="PCT", display="血小板压积", unit="%")
    decided = note(session, code="WBC", display="白细胞")
    resolve_term(session, decided, "26499-4", OPERATOR, NOON)

    loaded = load_mappings(session, read_mappings(SHIPPED[1], {}), OPERATOR, NOON)

    assert loaded.settled == 1
    assert find_term(session, ours).status is TermStatus.MAPPED
    assert find_term(session, other).status is TermStatus.OPEN
    assert meaning(session, "WBC") == "26499-4"


def test_what_is_exported_can_be_loaded(session: Session, tmp_path: Path) -> None:
    load_mappings(session, read_mappings(SHIPPED[1], {}), OPERATOR, NOON)
    resolve_term(session, note(session), "2823-3", OPERATOR, NOON, starts_on=TODAY)
    rows = session.scalars(select(ConceptMapping)).all()
    before = {(r.source, r.kind, r.code, r.target_code, r.starts_on) for r in rows}
    file = tmp_path / "all.yaml"
    file.write_text(write_mappings(rows), "utf-8")

    found = read_mappings(file, {})

    assert {(m.source, m.kind, m.code, m.target.code, m.starts_on) for m in found} == before


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "must be a mapping"),
        ("a: [", "not the YAML"),
        ("source: his\nkind: tests\nterms: []", "kind must be one of"),
        ("source: his\nkind: unit\nterms: []", "terms must be a list"),
        ("source: his\nkind: unit\nsurprise: 1\nterms: []", "surprise is not known"),
        ("kind: unit\nterms: [{code: a, target: g/L}]", "source must be text"),
        ("source: his\nkind: unit\nterms: [{code: 1, target: g/L}]", "term 1: code must be text"),
        ("source: his\nkind: unit\nterms: [{code: a, target: 升}]", "term 1 (a): 单位表里没有"),
        ("source: his\nkind: unit\nterms: [a]", "term 1 must have"),
        (
            "source: his\nkind: unit\nterms: [{code: a, target: g/L}, {code: a, target: g}]",
            "the code a is there twice",
        ),
        (
            "source: his\nkind: unit\nstarts_on: soon\nterms: [{code: a, target: g}]",
            "must be a day",
        ),
    ],
)
def test_a_file_with_a_fault_is_refused_with_the_place(
    tmp_path: Path, content: str, told: str
) -> None:
    file = tmp_path / "terms.yaml"
    file.write_text(content, "utf-8")

    with pytest.raises(InvalidTermFile) as problem:
        read_mappings(file, {})

    assert told in str(problem.value)
