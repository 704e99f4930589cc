"""Messages become a record that neither repeats nor late comers can spoil."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from itertools import permutations
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app.cli.import_hl7 import ImportReport, import_files
from app.database import Base, unit_of_work
from app.domain.intake.rejections import Rejected, RejectionReason
from app.integrations.feeds import Feeds
from app.integrations.hl7.envelope import glimpse_header, identify, split_messages
from app.integrations.hl7.interpret import Reader
from app.integrations.hl7.source import Source
from app.models import (
    Appointment,
    Condition,
    Encounter,
    Event,
    InboundMessage,
    Observation,
    Patient,
    PatientIdentifier,
)
from app.services.intake import Arrival, interpret_message, interpret_pending, receive
from tests.conftest import NOON, empty
from tests.unit.hl7.messages import OBR, PID, PV1, admission, message, result

READ = Feeds({"hl7": Reader([Source("his")])})


def arrive(session: Session, body: bytes) -> InboundMessage:
    header, _ = glimpse_header(body, None)
    arrival = Arrival("hl7:his", identify(body, header), header.kind, header.control_id, "10.0.0.7")
    return receive(session, arrival, body, NOON)


def take(session: Session, *bodies: bytes) -> list[InboundMessage]:
    kept = []
    for body in bodies:
        kept.append(arrive(session, body))
        interpret_message(session, kept[-1], READ("hl7:his", body), NOON)
    session.flush()
    return kept


def patient(session: Session) -> Patient:
    return session.scalars(select(Patient)).one()


def kinds(session: Session) -> list[str]:
    return list(session.scalars(select(Event.kind).order_by(Event.id)))


def count(session: Session, model: type[Base]) -> int:
    return session.scalar(select(func.count()).select_from(model)) or 0


def update(pid: str, at: str, control_id: str = "U1", event: str = "A08") -> bytes:
    return message(f"EVN|{event}|{at}", pid, kind=f"ADT^{event}", control_id=control_id)


def glucose(value: str, status: str, reported: str, control_id: str) -> bytes:
    return result(
        f"OBX|1|NM|GLU^葡萄糖^L^14749-6^^LN||{value}|mmol/L|3.9-6.1||||{status}|||20260504070000",
        control_id=control_id,
        sent=reported,
    ).replace(b"20260504083000", reported.encode())


# ------------------------------------------------------------------------------- keeping


def test_a_message_is_kept_byte_for_byte_and_sealed(session: Session) -> None:
    body = admission().replace("李测试".encode(), "李测试".encode("gb18030"))

    kept = arrive(session, body)

    assert (kept.body or "").encode("latin-1") == body
    assert body[:40] not in kept.body_sealed
    assert (kept.kind, kept.control_id, kept.status) == ("ADT^A01", "C1", "received")


def test_a_repeat_finds_the_first_and_is_counted(session: Session) -> None:
    first, second = arrive(session, admission()), arrive(session, admission())

    assert second is first
    assert first.repeats == 1


def test_one_control_id_with_two_bodies_is_two_messages(session: Session) -> None:
    arrive(session, admission())
    arrive(session, result("OBX|1|NM|G^g^L||5|mmol/L"))

    assert count(session, InboundMessage) == 2


# ------------------------------------------------------------------------------- patients


def test_an_admission_registers_the_patient_and_starts_the_stay(session: Session) -> None:
    (kept,) = take(session, admission())

    person = patient(session)
    assert (person.name, person.phone, person.gender) == ("李测试", "12100000001", "male")
    assert person.birth_date == date(1970, 1, 1)
    assert person.department_code == "NEI"
    assert {(i.issuer, i.type_code, i.value) for i in person.identifiers} == {
        ("HIS", "MR", "80001"),
        ("GA", "NI", "99010119700101001X"),
    }
    stay = session.scalars(select(Encounter)).one()
    assert (stay.visit_number, stay.encounter_class, stay.status) == (
        "ZY900001",
        "IMP",
        "in-progress",
    )
    assert kinds(session) == ["patient.registered", "encounter.started"]
    assert kept.status == "processed"


def test_equal_names_are_not_one_person(session: Session) -> None:
    take(session, update("PID|1||1^^^HIS^MR||演示甲||19800101", "20260504", "1"))
    take(session, update("PID|1||2^^^HIS^MR||演示甲||19800101", "20260504", "2"))

    assert count(session, Patient) == 2


def test_one_number_of_two_issuers_is_two_people(session: Session) -> None:
    take(session, update("PID|1||1^^^HIS^MR||演示甲", "20260504", "1"))
    take(session, update("PID|1||1^^^YQ^MR||演示甲", "20260504", "2"))

    assert count(session, Patient) == 2


def test_a_child_with_a_parents_citizen_number_is_its_own_patient(session: Session) -> None:
    take(session, update("PID|1||1^^^HIS^MR~99X^^^GA^NI||演示母||19900101", "20260504", "1"))

    (kept,) = take(
        session, update("PID|1||2^^^HIS^MR~99X^^^GA^NI||演示子||20240101", "20260504", "2")
    )

    assert count(session, Patient) == 2
    assert count(session, PatientIdentifier) == 3
    assert kept.status == "processed"
    assert "identifier-of-another-patient" in (kept.reason or "")


@pytest.mark.parametrize(("issuer", "records"), [("YQ", 1), ("HIS", 2)])
def test_an_equal_person_is_the_same_patient_unless_one_hospital_numbers_them_twice(
    session: Session, issuer: str, records: int
) -> None:
    for number, whose in (("1", "HIS"), ("2", issuer)):
        pid = f"PID|1||{number}^^^{whose}^MR~99X^^^GA^NI||演示甲||19900101"
        take(session, update(pid, "20260504", number))

    assert count(session, Patient) == records
    assert count(session, PatientIdentifier) == 3


def test_numbers_of_two_patients_in_one_message_wait_for_a_person(session: Session) -> None:
    take(session, update("PID|1||1^^^HIS^MR||演示甲", "20260504", "1"))
    take(session, update("PID|1||2^^^HIS^MR||演示乙", "20260504", "2"))

    (kept,) = take(session, update("PID|1||1^^^HIS^MR~2^^^HIS^MR||演示丙", "20260505", "3"))

    assert (kept.status, kept.reason) == ("held", "identifiers-of-several-patients")
    assert {p.name for p in session.scalars(select(Patient))} == {"演示甲", "演示乙"}


def test_null_deletes_and_empty_keeps(session: Session) -> None:
    take(session, admission())
    take(session, update('PID|1||80001^^^HIS^MR||李测试||||||||""', "20260504100000"))

    person = patient(session)
    assert person.phone is None
    assert person.address == "演示路1号演示市"
    assert kinds(session)[-1] == "patient.updated"


def test_older_news_of_a_patient_changes_nothing(session: Session) -> None:
    take(session, admission())
    take(session, update('PID|1||80001^^^HIS^MR||李测试||||||||""', "20260504100000", "U1"))

    (late,) = take(
        session, update("PID|1||80001^^^HIS^MR||李旧名||||||||12100000009", "20260504093000", "U2")
    )

    person = patient(session)
    assert (person.name, person.phone) == ("李测试", None)
    assert (late.status, late.reason) == ("processed", "stale;charset-guessed")


def test_a_laboratorys_copy_of_the_person_changes_nothing(session: Session) -> None:
    take(session, admission())
    pid = PID.replace("12100000001", "12100000009")
    take(session, message(pid, OBR, kind="ORU^R01", sent="20260505090000", control_id="L1"))

    assert patient(session).phone == "12100000001"


def test_a_patient_first_heard_of_by_a_laboratory_is_completed_by_an_older_admission(
    session: Session,
) -> None:
    take(session, message("PID|1||80001^^^HIS^MR", PV1, OBR, kind="ORU^R01", sent="20260505"))
    take(session, admission())

    assert patient(session).name == "李测试"
    assert session.scalars(select(Encounter)).one().started_at is not None


def test_a_senders_fast_clock_does_not_make_later_news_old(session: Session) -> None:
    take(session, update("PID|1||80001^^^HIS^MR||李一", "20290101", "1"))
    take(session, update("PID|1||80001^^^HIS^MR||李二", "20260504120000", "2"))

    assert patient(session).name == "李二"


def test_a_change_without_news_is_no_event(session: Session) -> None:
    take(session, admission(), admission(control_id="C2", sent="20260504100000"))

    assert kinds(session) == ["patient.registered", "encounter.started"]


# ------------------------------------------------------------------------------- visits


def stay(event: str, at: str, control_id: str) -> bytes:
    return message(f"EVN|{event}|{at}", PID, PV1, kind=f"ADT^{event}", control_id=control_id)


def test_a_discharge_finishes_the_stay_once(session: Session) -> None:
    take(
        session, admission(), stay("A03", "20260505100000", "2"), stay("A03", "20260505100000", "3")
    )

    encounter = session.scalars(select(Encounter)).one()
    assert encounter.status == "finished"
    assert encounter.ended_at is not None
    assert kinds(session) == ["patient.registered", "encounter.started", "encounter.finished"]


def test_a_discharge_may_overtake_its_admission(session: Session) -> None:
    take(session, stay("A03", "20260505100000", "2"), admission())

    encounter = session.scalars(select(Encounter)).one()
    assert encounter.status == "finished"
    assert encounter.started_at is not None


def test_an_admission_of_the_same_second_does_not_reopen_the_stay(session: Session) -> None:
    at = "20260505100000"

    take(session, stay("A03", at, "2"), stay("A01", at, "1"))

    assert session.scalars(select(Encounter)).one().status == "finished"
    assert "encounter.reopened" not in kinds(session)


def test_a_cancelled_discharge_reopens_the_stay(session: Session) -> None:
    take(
        session,
        admission(),
        stay("A03", "20260505100000", "2"),
        stay("A13", "20260505110000", "3"),
    )

    encounter = session.scalars(select(Encounter)).one()
    assert (encounter.status, encounter.ended_at) == ("in-progress", None)
    assert kinds(session)[-1] == "encounter.reopened"


def test_a_visit_of_another_patient_waits_for_a_person(session: Session) -> None:
    take(session, admission())
    other = PID.replace("80001", "80002").replace("99010119700101001X", "99010119700101002X")

    (kept,) = take(session, message("EVN|A08|20260504", other, PV1, kind="ADT^A08"))

    assert (kept.status, kept.reason) == ("held", "visit-of-another-patient")
    assert count(session, Patient) == 1


def test_a_diagnosis_is_recorded_once_and_can_be_withdrawn(session: Session) -> None:
    def diagnosed(control_id: str, action: str) -> bytes:
        dg1 = f"DG1|1||E11.900^2型糖尿病^ICD10||20260504|F{'|' * 15}{action}"
        return message("EVN|A08|20260504", PID, PV1, dg1, kind="ADT^A08", control_id=control_id)

    take(session, diagnosed("1", "A"), diagnosed("2", "U"))
    condition = session.scalars(select(Condition)).one()
    assert (condition.code, condition.display, condition.is_active) == (
        "E11.900",
        "2型糖尿病",
        True,
    )

    take(session, diagnosed("3", "D"))
    assert not condition.is_active
    assert [k for k in kinds(session) if "condition" in k] == [
        "condition.recorded",
        "condition.withdrawn",
    ]


# ------------------------------------------------------------------------------- results

PRELIMINARY = glucose("16.9", "P", "20260504073000", "R1")
FINAL = glucose("16.9", "F", "20260504074500", "R2")
CORRECTED = glucose("5.1", "C", "20260504091000", "R3")
WITHDRAWN = glucose('""', "W", "20260504100000", "R4")


def current(session: Session) -> Observation:
    return session.scalars(select(Observation).filter_by(is_current=True)).one()


@pytest.mark.parametrize("order", list(permutations([PRELIMINARY, FINAL, CORRECTED])))
def test_the_corrected_result_stands_whatever_the_order(
    session: Session, order: tuple[bytes, ...]
) -> None:
    take(session, *order)

    assert (current(session).value, current(session).status) == (Decimal("5.1"), "corrected")
    assert count(session, Observation) == 3


def test_versions_tell_what_they_are(session: Session) -> None:
    take(session, PRELIMINARY, FINAL, CORRECTED)

    assert [k for k in kinds(session) if "observation" in k] == [
        "observation.recorded",
        "observation.recorded",
        "observation.corrected",
    ]
    result_of = current(session)
    assert (result_of.code, result_of.code_system) == ("14749-6", "http://loinc.org")
    assert (result_of.display, result_of.unit, result_of.reference_range) == (
        "葡萄糖",
        "mmol/L",
        "3.9-6.1",
    )
    assert result_of.encounter_id == session.scalars(select(Encounter.id)).one()


def test_an_old_final_with_a_new_control_id_is_history(session: Session) -> None:
    take(session, FINAL, CORRECTED)
    take(session, glucose("16.9", "F", "20260504080000", "R9"))

    assert current(session).value == Decimal("5.1")
    assert count(session, Observation) == 3
    assert kinds(session).count("observation.recorded") == 1


@pytest.mark.parametrize(("status", "reported"), [("P", "20260504110000"), ("C", "20260504090000")])
def test_a_version_less_final_or_older_is_history(
    session: Session, status: str, reported: str
) -> None:
    take(session, CORRECTED)
    take(session, glucose("9.9", status, reported, "R8"))

    assert current(session).value == Decimal("5.1")
    assert count(session, Observation) == 2


def test_a_result_of_a_wrong_patient_is_withdrawn(session: Session) -> None:
    take(session, FINAL, WITHDRAWN)

    assert (current(session).status, current(session).value) == ("entered-in-error", None)
    assert kinds(session)[-1] == "observation.corrected"


def test_the_same_version_under_another_control_id_leaves_nothing(session: Session) -> None:
    take(session, FINAL, FINAL.replace(b"|R2|", b"|R2b|"))

    assert count(session, Observation) == 1
    assert count(session, InboundMessage) == 2


def test_words_and_odd_codes_are_kept(session: Session) -> None:
    take(
        session,
        result(
            "OBX|1|ST|乙肝 抗原^乙肝表面抗原^L||阳性(+)||阴性|A|||F",
            "OBX|2|NM|HB^血红蛋白^L||---|g/L",
            "OBX|3|NM|CRP^C反应蛋白^L||<0.50|mg/L",
            f"OBX|4|TX|S^结论^L||{'长' * 3000}",
        ),
    )

    antigen, haemoglobin, crp, words = session.scalars(select(Observation).order_by(Observation.id))
    assert (antigen.text, antigen.interpretation, antigen.display) == (
        "阳性(+)",
        "A",
        "乙肝表面抗原",
    )
    assert antigen.code.startswith("x-")
    assert (haemoglobin.value, haemoglobin.text) == (None, "---")
    assert (crp.comparator, crp.value, crp.text) == ("<", Decimal("0.5"), None)
    assert words.text == "长" * 3000


def test_texts_longer_than_a_column_break_nothing(session: Session) -> None:
    pv1 = PV1.replace("ZY900001", "Z" * 400).replace("NEI", "N" * 400)
    kept = take(
        session,
        message("EVN|A01|20260504", PID.replace("HIS", "H" * 400), pv1, kind="ADT^A01"),
        result(f"OBX|1|NM|{'G' * 300}^{'g' * 300}^{'L' * 300}||1|{'u' * 300}|{'r' * 300}"),
    )

    assert [m.status for m in kept] == ["processed", "processed"]


# ------------------------------------------------------------------------------- appointments


def appointment(trigger: str, sent: str, starts: str) -> bytes:
    return message(
        f"SCH|Y1|Y1F||||||FZ^复诊|30|min|^^30^{starts}",
        PID,
        "AIL|1||NEI^^^YSYY^^^^^内分泌科",
        "AIP|1||D7^演示医生",
        kind=f"SIU^{trigger}",
        sent=sent,
        control_id=f"S{trigger}{sent}",
    )


BOOKED = appointment("S12", "20260501090000", "202605100900")
MOVED = appointment("S14", "20260502090000", "202605101000")
CANCELLED = appointment("S15", "20260503090000", "202605101000")


def test_an_appointment_is_booked_moved_and_cancelled(session: Session) -> None:
    take(session, BOOKED, MOVED, CANCELLED)

    kept = session.scalars(select(Appointment)).one()
    assert (kept.status, kept.department_name, kept.practitioner_name) == (
        "cancelled",
        "内分泌科",
        "演示医生",
    )
    assert kept.starts_at is not None
    assert kept.starts_at.hour == 2
    assert [k for k in kinds(session) if "appointment" in k] == [
        "appointment.booked",
        "appointment.booked",
        "appointment.cancelled",
    ]


@pytest.mark.parametrize("order", list(permutations([BOOKED, MOVED, CANCELLED])))
def test_the_newest_word_on_an_appointment_stands(
    session: Session, order: tuple[bytes, ...]
) -> None:
    take(session, *order)

    assert session.scalars(select(Appointment)).one().status == "cancelled"


# ------------------------------------------------------------------------------- what waits


def test_a_merge_that_runs_the_other_way_round_waits_for_a_person(session: Session) -> None:
    take(session, admission())
    other = PID.replace("80001^^^HIS^MR", "80777^^^HIS^MR")

    first, inverse = take(
        session,
        message(PID, "MRG|80777^^^HIS^MR", kind="ADT^A40", control_id="M1"),
        message(
            other, "MRG|80001^^^HIS^MR", kind="ADT^A40", control_id="M2", sent="20260504100000"
        ),
    )

    assert first.status == "processed"
    assert (inverse.status, inverse.reason) == ("held", "merge-inverse")


def test_a_rejected_message_is_kept_with_its_reason_and_read_anew_when_it_repeats(
    session: Session,
) -> None:
    kept = arrive(session, admission())
    interpret_message(session, kept, Rejected(RejectionReason.UNDECODABLE), NOON)
    assert (kept.status, kept.reason) == ("rejected", "undecodable")

    take(session, admission())

    assert kept.status == "processed"
    assert count(session, Patient) == 1


def test_a_processed_message_is_not_interpreted_again(session: Session) -> None:
    (kept,) = take(session, admission())

    interpret_message(session, kept, READ("hl7:his", FINAL), NOON)

    assert count(session, Observation) == 0


# ------------------------------------------------------------------------------- the sweep


def test_the_sweep_takes_up_what_was_left_in_order(database: Engine) -> None:
    with unit_of_work.begin() as session:
        for body in (admission(), FINAL, CORRECTED):
            arrive(session, body)

    assert interpret_pending(unit_of_work, READ, NOON, limit=10) == 0, "its connection may be at it"
    assert interpret_pending(unit_of_work, READ, NOON + timedelta(minutes=1), limit=2) == 2
    assert interpret_pending(unit_of_work, READ, NOON + timedelta(minutes=1), limit=10) == 1

    with unit_of_work() as session:
        assert current(session).value == Decimal("5.1")
        assert set(session.scalars(select(InboundMessage.status))) == {"processed"}


def test_a_message_that_breaks_the_interpreter_is_held_and_the_next_is_read(
    database: Engine,
) -> None:
    with unit_of_work.begin() as session:
        arrive(session, admission())
        arrive(session, FINAL)

    def read(source: str, body: bytes) -> object:
        if b"ADT" in body:
            raise ZeroDivisionError("李测试")
        return READ(source, body)

    for _ in range(3):
        interpret_pending(unit_of_work, read, NOON + timedelta(minutes=1), limit=10)  # type: ignore[arg-type]

    with unit_of_work() as session:
        broken, fine = session.scalars(select(InboundMessage).order_by(InboundMessage.id))
        assert (broken.status, broken.reason) == ("held", "error:ZeroDivisionError")
        assert fine.status == "processed"


# ------------------------------------------------------------------------------- files


def snapshot(engine: Engine) -> dict[str, int]:
    with Session(engine) as session:
        return {
            model.__tablename__: count(session, model)
            for model in (Patient, PatientIdentifier, Encounter, Observation, Event, InboundMessage)
        }


def bring(paths: list[Path], charset: str | None = None) -> ImportReport:
    return import_files(unit_of_work, paths, "his", charset, lambda: NOON)


def test_a_file_imported_twice_leaves_one_record(database: Engine, tmp_path: Path) -> None:
    path = tmp_path / "feed.hl7"
    path.write_bytes(b"\n".join([admission(), FINAL, CORRECTED, b"junk", admission()]))
    steps: list[tuple[int, int]] = []

    first = import_files(
        unit_of_work, [path, tmp_path / "none"], "his", None, lambda: NOON,
        lambda done, total: steps.append((done, total)),
    )  # fmt: skip
    before = snapshot(database)
    second = bring([path])

    assert (first.messages, first.stored, first.duplicates) == (4, 3, 1)
    assert first.unreadable_files == [str(tmp_path / "none")]
    assert not first.is_clean
    assert steps[-1] == (path.stat().st_size, path.stat().st_size)
    assert (second.stored, second.duplicates) == (0, 4)
    assert snapshot(database) == before


def test_what_is_no_message_is_listed_with_its_reason(database: Engine, tmp_path: Path) -> None:
    path = tmp_path / "feed.hl7"
    path.write_bytes(b"%PDF-1.7 " + b"x" * 7_100_000 + b"\n" + admission())

    report = bring([path])

    assert report.rejected == {"too-large: 7000000 bytes": 1}
    assert report.processed == 1


@pytest.mark.shared
def test_five_hundred_messages_import_twice_with_one_end_state(
    database: Engine, shared_data: Path
) -> None:
    path = shared_data / "clinical/hl7v2/simhospital/messages.hl7"

    first = bring([path])
    before = snapshot(database)
    second = bring([path])

    assert (first.messages, first.stored, first.processed) == (500, 500, 500)
    assert first.is_clean
    assert before["patient"] == 195
    assert before["encounter"] == 193
    assert before["observation"] == 1675
    assert (second.stored, second.duplicates) == (0, 500)
    assert snapshot(database) == before


@pytest.mark.shared
def test_the_chinese_cases_end_as_their_specification_says(
    database: Engine, shared_data: Path
) -> None:
    folder = shared_data / "clinical/hl7v2/zh-own"
    utf8 = sorted(p for p in folder.glob("*.hl7") if p.name[:2] not in ("02", "18"))
    bring([p for p in utf8 if p.name < "03"])
    bring([next(folder.glob("02*")), next(folder.glob("18*"))], "gb18030")
    report = bring([p for p in utf8 if p.name > "03"])

    assert report.duplicates == 1
    assert report.held == {"merge-inverse": 1}
    assert set(report.rejected) == {"self-merge"}
    with unit_of_work() as session:
        people = {p.name: p for p in session.scalars(select(Patient))}
        assert set(people) >= {"张三丰", "沈珅", "郑一", "龚䶮", "欧阳娜", "买买提·艾合买提"}
        assert people["沈珅"].phone is None
        assert people["沈珅"].address is not None
        now = {
            o.display: o
            for o in session.scalars(
                select(Observation).filter_by(patient_id=people["张三丰"].id, is_current=True)
            )
        }
        assert (now["钾"].value, now["钾"].status) == (Decimal("4.1"), "corrected")
        assert now["钠"].status == "entered-in-error"
        assert session.scalars(select(Appointment)).one().status == "noshow"


def state(engine: Engine) -> set[tuple[object, ...]]:
    with Session(engine) as session:
        numbers = {i.patient_id: i.value for i in session.scalars(select(PatientIdentifier))}
        people = {
            (numbers[p.id], p.name, p.phone, p.birth_date, p.gender)
            for p in session.scalars(select(Patient))
        }
        stays = {
            (numbers[e.patient_id], e.visit_number, e.status, e.location, e.started_at)
            for e in session.scalars(select(Encounter))
        }
        results = {
            (numbers[o.patient_id], o.identity, o.value, o.text, o.status, o.is_current)
            for o in session.scalars(select(Observation))
        }
    return people | stays | results


@pytest.mark.shared
def test_shuffled_and_repeated_messages_end_like_the_clean_run(
    database: Engine, shared_data: Path, tmp_path: Path
) -> None:
    data = (shared_data / "clinical/hl7v2/simhospital/messages.hl7").read_bytes()
    bodies = split_messages(data)[:150]
    path = tmp_path / "feed.hl7"
    path.write_bytes(b"\r".join([*bodies[::-1], *bodies[::7]]))
    assert bring([path]).duplicates == len(bodies[::7])
    mixed = state(database)
    empty(database)

    path.write_bytes(b"\r".join(bodies))
    bring([path])

    assert mixed == state(database)
    assert len(mixed) > 500


def test_an_import_beside_a_live_feed_makes_no_patient_twice(
    mariadb: Engine, tmp_path: Path
) -> None:
    paths = []
    for feed in range(4):
        bodies = [
            message(f"PID|1||{n}^^^HIS^MR||演示{n}", kind="ADT^A28", control_id=f"{feed}-{n}")
            for n in (range(30) if feed % 2 else reversed(range(30)))
        ]
        paths.append(tmp_path / f"{feed}.hl7")
        paths[-1].write_bytes(b"\r".join(bodies))

    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda path: bring([path]), paths))

    assert [r.processed for r in reports] == [30] * 4
    assert snapshot(mariadb)["patient"] == 30
