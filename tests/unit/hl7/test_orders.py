"""Orders: examinations, medicines, vaccinations."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from app.domain.intake.clinical_records import (
    ImmunizationRecord,
    ImmunizationStatus,
    MedicationRecord,
    RequestStatus,
    ServiceRequestRecord,
)
from app.domain.intake.hospital_message import EventKind
from app.domain.intake.hospital_records import Coded, Identifier
from app.integrations.hl7.interpret import interpret
from tests.unit.hl7.messages import HIS, PID, PV1, message
from tests.unit.hl7.reading import read

VISIT = Identifier("YSYY", "VN", "ZY900001")
NINE = datetime(2026, 5, 4, 1, tzinfo=UTC)
ORC = "ORC|NW|P1|F1||||||20260504090000|||D7^演示医生"
OBR = "OBR|1|P1|F1|CT01^头颅CT^L" + "|" * 20 + "RAD"
TQ1 = "TQ1|1||||||20260505080000||S"


@pytest.mark.parametrize("kind", ["ORM^O01", "OMG^O19", "OML^O21"])
def test_an_examination_that_was_ordered(kind: str) -> None:
    told = read(PID, PV1, ORC, TQ1, OBR, "NTE|1||空腹", kind=kind)

    assert told.event is EventKind.ORDER
    assert told.service_requests == (
        ServiceRequestRecord(
            number="P1",
            code=Coded("CT01", "头颅CT", "L"),
            status=RequestStatus.ACTIVE,
            category="RAD",
            priority="stat",
            authored_at=NINE,
            occurs_at=datetime(2026, 5, 5, tzinfo=UTC),
            requester=Coded("D7", "演示医生"),
            note="空腹",
            visit=VISIT,
            filler="F1",
        ),
    )
    assert told.reports == ()


@pytest.mark.parametrize(
    ("control", "status", "ordered", "prescribed"),
    [
        ("NW", "", "active", "active"),
        ("XO", "", "active", "active"),
        ("CA", "", "revoked", "cancelled"),
        ("OC", "", "revoked", "cancelled"),
        ("DC", "", "revoked", "stopped"),
        ("HD", "", "on-hold", "on-hold"),
        ("RP", "", "revoked", "stopped"),
        ("SC", "CM", "completed", "completed"),
        ("SC", "IP", "active", "active"),
        ("SC", "CA", "revoked", "cancelled"),
        # What was done to the order stands whatever the status field still says.
        ("CA", "IP", "revoked", "cancelled"),
    ],
)
def test_order_control_and_status_say_where_an_order_stands(
    control: str, status: str, ordered: str, prescribed: str
) -> None:
    orc = f"ORC|{control}|P1|||{status}"

    (request,) = read(PID, orc, "OBR|1|||GLU^血糖", kind="ORM^O01").service_requests
    (medication,) = read(PID, orc, "RXE||M1^演示片", kind="RDE^O11").medications

    assert (request.status, medication.status) == (ordered, prescribed)


@pytest.mark.parametrize(
    ("segments", "priority"),
    [
        (("ORC|NW|P1|||||1^^^^^A", "OBR|1|||G^g"), "asap"),
        (("ORC|NW|P1", "OBR|1|||G^g" + "|" * 23 + "^^^^^S"), "stat"),
        (("ORC|NW|P1", "OBR|1|||G^g|R"), "routine"),
        (("ORC|NW|P1", "OBR|1|||G^g|?"), ""),
    ],
)
def test_the_priority_stands_in_one_of_many_places(
    segments: tuple[str, ...], priority: str
) -> None:
    (request,) = read(PID, *segments, kind="ORM^O01").service_requests

    assert request.priority == priority


def test_each_order_of_a_message_has_its_own_segments() -> None:
    told = read(
        PID, "ORC|NW|P1", "OBR|1|||A^a", "NTE|1||甲", "ORC|CA|P2", "OBR|2|||B^b", "NTE|1||乙",
        kind="OML^O21",
    )  # fmt: skip

    assert [(o.number, o.status, o.note) for o in told.service_requests] == [
        ("P1", "active", "甲"),
        ("P2", "revoked", "乙"),
    ]


def test_an_order_without_a_number_is_left_out_and_noted() -> None:
    told = read(PID, "ORC|NW", "OBR|1|||A^a", "ORC|NW|P2", "OBR|2", kind="ORM^O01")

    assert told.service_requests == ()
    assert {"order-without-number", "order-without-code"} <= set(told.issues)


def test_results_inside_an_order_are_results() -> None:
    told = read(PID, ORC, OBR, "OBX|1|NM|WT^体重^L||61.5|kg|||||F", kind="OMG^O19")

    assert [(o.code.code, o.value) for o in told.observations] == [("WT", Decimal("61.5"))]


def test_a_prescription_says_what_how_and_how_long() -> None:
    told = read(
        PID, PV1, "ORC|NW|RX1||||||||", "TQ1|1||BID^^^^||||20260504080000|20260511080000",
        "RXO|M0^申请的药|1||片", "RXE||M1^演示片 5mg^L|1.50||mg||饭后服|||14|片",
        "RXR|PO^口服", kind="RDE^O11",
    )  # fmt: skip

    assert told.event is EventKind.PRESCRIPTION
    assert told.medications == (
        MedicationRecord(
            number="RX1",
            code=Coded("M1", "演示片 5mg", "L"),
            status=RequestStatus.ACTIVE,
            dosage_text="饭后服",
            dose=Decimal("1.50"),
            dose_unit="mg",
            route=Coded("PO", "口服"),
            frequency="BID",
            quantity=Decimal(14),
            quantity_unit="片",
            starts_at=datetime(2026, 5, 4, tzinfo=UTC),
            ends_at=datetime(2026, 5, 11, tzinfo=UTC),
            visit=VISIT,
        ),
    )


def test_the_timing_of_older_versions_stands_in_the_segment_itself() -> None:
    (medication,) = read(
        PID, "ORC|NW|RX1", "RXE|1^TID^D7^20260504080000^20260511080000|M1^m|2||1^片", kind="RDE^O01"
    ).medications

    assert medication.frequency == "TID"
    assert medication.starts_at == datetime(2026, 5, 4, tzinfo=UTC)
    assert medication.ends_at == datetime(2026, 5, 11, tzinfo=UTC)
    # A number out of the sender's list is no unit.
    assert medication.dose_unit == "片"


def test_what_was_dispensed_counts_before_what_was_asked_for() -> None:
    (medication,) = read(
        PID, "ORC|RE|RX1||||CM", "RXE||M1^m|1||片|||||14|片",
        "RXD|1|M2^替代药|20260504100000|28|粒", kind="RDS^O13",
    ).medications  # fmt: skip

    assert medication.code == Coded("M2", "替代药")
    assert (medication.dose, medication.quantity) == (Decimal(1), Decimal(28))
    assert medication.dispensed_at == datetime(2026, 5, 4, 2, tzinfo=UTC)


def test_a_pharmacy_order_may_come_as_a_general_one() -> None:
    told = read(PID, "ORC|NW|RX1", "RXO|M1^m|约半||片", kind="ORM^O01")

    assert told.service_requests == ()
    assert [(m.number, m.dose) for m in told.medications] == [("RX1", None)]
    assert "medication-amount-unreadable" in told.issues


VACCINE = "RXA|0|2|20260301110000||HEPB^乙肝疫苗^CN-VAC|10|ug||||||||LOT7|||||CP|A"


def test_a_vaccination_says_which_dose_of_what() -> None:
    told = read(PID, "ORC|RE||YM1", VACCINE, "RXR|IM^肌内注射", kind="VXU^V04")

    assert told.event is EventKind.VACCINATION
    assert told.immunizations == (
        ImmunizationRecord(
            number="YM1",
            vaccine=Coded("HEPB", "乙肝疫苗", "CN-VAC"),
            status=ImmunizationStatus.COMPLETED,
            occurred_on=date(2026, 3, 1),
            dose_number=2,
            lot_number="LOT7",
        ),
    )


def test_what_an_observation_says_of_the_dose_counts_first_and_is_no_result() -> None:
    told = read(PID, "ORC|RE||YM1", VACCINE, "OBX|1|NM|30973-2^剂次^LN||3||||||F", kind="VXU^V04")

    assert told.immunizations[0].dose_number == 3
    assert told.observations == ()


@pytest.mark.parametrize(
    ("completion", "action", "status"),
    [
        ("CP", "A", ImmunizationStatus.COMPLETED),
        ("PA", "", ImmunizationStatus.COMPLETED),
        ("RE", "A", ImmunizationStatus.NOT_DONE),
        ("NA", "A", ImmunizationStatus.NOT_DONE),
        ("CP", "D", ImmunizationStatus.ENTERED_IN_ERROR),
    ],
)
def test_a_vaccination_may_be_refused_or_taken_back(
    completion: str, action: str, status: ImmunizationStatus
) -> None:
    rxa = VACCINE.replace("CP|A", f"{completion}|{action}")

    assert read(PID, "ORC|RE||YM1", rxa, kind="VXU^V04").immunizations[0].status is status


def test_vaccinations_without_an_order_are_told_apart_by_vaccine_and_day() -> None:
    told = read(
        PID, VACCINE, VACCINE.replace("HEPB", "BCG"), "RXA|0|1|20260301||998^无", kind="VXU^V04"
    )

    assert [i.number for i in told.immunizations] == ["HEPB@20260301", "BCG@20260301"]


def test_a_profile_that_always_counts_one_counts_nothing() -> None:
    body = message(PID, "ORC|RE||YM1", VACCINE.replace("|0|2|", "|0|1|"), kind="VXU^V04")
    head, rest = body.split(b"\r", 1)

    (immunization,) = interpret(head + b"|||Z22^CDCPHINVS\r" + rest, HIS).immunizations

    assert immunization.dose_number is None
