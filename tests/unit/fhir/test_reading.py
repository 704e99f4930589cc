"""What FHIR resources say, in the shape that every way into the record shares."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.domain.exchange.answers import Verdict, answers_in
from app.domain.intake.clinical_records import RequestStatus
from app.domain.intake.hospital_message import EventKind
from app.domain.intake.hospital_records import (
    UNCHANGED,
    WHEN_TOLD,
    AppointmentStatus,
    Coded,
    ConditionStatus,
    EncounterClass,
    EncounterStatus,
    Identifier,
    ObservationKey,
    ObservationStatus,
    ResultFlag,
)
from app.domain.intake.rejections import Rejected, RejectionReason
from tests.unit.fhir.resources import (
    UUID_VISIT,
    all_of,
    bundle,
    patient,
    read,
    result,
    said,
    visit,
)

HIS_NUMBER = Identifier("HIS", "MR", "MR0001")
SUBJECT = {"identifier": patient()["identifier"][0]}


def test_a_patient_is_known_by_number_and_said_as_it_stands() -> None:
    (message,) = said(
        patient(
            telecom=[
                {"system": "phone", "value": "010-1", "use": "home"},
                {"system": "phone", "value": "13800138000", "use": "mobile"},
            ],
            address=[{"state": "北京市", "district": "海淀区", "line": ["学院路 1 号"]}],
            deceasedDateTime="2026-05-01T10:00:00+08:00",
            meta={"lastUpdated": "2026-05-02T00:00:00Z"},
        )
    )

    person = message.patient
    assert message.event is EventKind.SNAPSHOT
    assert person.identifiers == (HIS_NUMBER,)
    assert (person.name, person.birth_date) == ("张小明", date(1960, 2, 29))
    assert (person.phone, person.address) == ("13800138000", "北京市海淀区学院路 1 号")
    assert person.region == "北京市"
    assert person.deceased_at == datetime(2026, 5, 1, 2, tzinfo=UTC)
    assert message.recorded_at == datetime(2026, 5, 2, tzinfo=UTC)


def test_what_a_patient_leaves_out_is_unchanged() -> None:
    (message,) = said({"resourceType": "Patient", "id": "7", "birthDate": "1960"})

    assert message.patient.identifiers == (Identifier("emr/Patient", "PI", "7"),)
    assert message.patient.names is UNCHANGED
    assert message.patient.birth_date is UNCHANGED
    assert message.issues == ("birth-date-incomplete",)


def test_a_citizen_number_is_one_whatever_its_type_says() -> None:
    number = {"system": "urn:oid:2.16.156.10011.1.3", "value": "110101196002290019"}

    (message,) = said(patient(identifier=[number]))

    assert message.patient.national_id == "110101196002290019"


def test_a_number_of_a_foreign_kind_is_no_record_number() -> None:
    licence = {"type": {"text": "驾驶证"}, "system": "http://police.example", "value": "X1"}

    (message,) = said(patient(identifier=[licence]))

    assert message.patient.identifiers == (Identifier("http://police.example", "U", "X1"),)


def test_a_death_without_any_time_counts_from_when_it_was_told() -> None:
    (message,) = said(patient(deceasedBoolean=True))
    (dated,) = said(patient(deceasedBoolean=True, meta={"lastUpdated": "2026-05-02T00:00:00Z"}))

    assert message.patient.deceased_at == WHEN_TOLD
    assert dated.patient.deceased_at == datetime(2026, 5, 2, tzinfo=UTC)


def test_references_inside_a_bundle_are_followed() -> None:
    messages = said(
        bundle(patient(), visit(), result(encounter={"reference": UUID_VISIT}), kind="transaction")
    )

    assert {message.patient.identifiers for message in messages} == {(HIS_NUMBER,)}
    (encounter,) = [m.encounter for m in messages if m.encounter]
    assert encounter.visit == Identifier("HIS", "VN", "V1")
    assert encounter.encounter_class is EncounterClass.INPATIENT
    assert encounter.status is EncounterStatus.FINISHED
    assert encounter.started_at == datetime(2026, 4, 1, tzinfo=UTC)
    (observation,) = all_of(messages, "observations")
    assert observation.visit == Identifier("HIS", "VN", "V1")
    assert observation.value == Decimal("4.1")
    assert observation.loinc == "2823-3"


@pytest.mark.parametrize(
    ("reference", "number"),
    [
        ({"reference": "Patient/77"}, Identifier("emr/Patient", "PI", "77")),
        ({"reference": "Patient/77/_history/2"}, Identifier("emr/Patient", "PI", "77")),
        (
            {"reference": "http://other.example/fhir/Patient/77"},
            Identifier("http://other.example/fhir/Patient", "PI", "77"),
        ),
        (SUBJECT, HIS_NUMBER),
        ({"reference": "Patient/77", **SUBJECT}, HIS_NUMBER),
    ],
)
def test_a_resource_alone_names_its_patient_by_number(
    reference: dict[str, Any], number: Identifier
) -> None:
    (message,) = said(result(subject=reference))

    assert message.patient.identifiers == (number,)


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Group/1"},
        {"reference": "urn:uuid:00000000-0000-0000-0000-000000000000"},
        {"display": "张小明"},
    ],
)
def test_a_resource_of_nobody_is_told_to_the_sender(reference: dict[str, Any]) -> None:
    told = read(result(subject=reference))

    assert isinstance(told, Rejected)
    assert told.reason is RejectionReason.NO_PATIENT_IDENTIFIER


def test_the_same_body_says_the_same() -> None:
    body = bundle(patient(), visit(), result("a"), result("b"))

    assert said(body) == said(body)


def test_blood_pressure_is_two_results() -> None:
    def part(code: str, value: int) -> dict[str, Any]:
        return {
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "valueQuantity": {"value": value, "unit": "mmHg", "code": "mm[Hg]"}
            | {"system": "http://unitsofmeasure.org"},
        }

    panel = result(component=[part("8480-6", 128), part("8462-4", 79)])
    panel["code"] = {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]}
    del panel["valueQuantity"]

    found = all_of(said(bundle(patient(), panel)), "observations")

    assert [(one.loinc, one.value, one.unit) for one in found] == [
        ("8480-6", Decimal(128), "mm[Hg]"),
        ("8462-4", Decimal(79), "mm[Hg]"),
    ]
    assert [one.key for one in found] == [
        ObservationKey("o-1", "8480-6", "85354-9"),
        ObservationKey("o-1", "8462-4", "85354-9"),
    ]
    assert {one.panel.code for one in found} == {"85354-9"}


@pytest.mark.parametrize(
    ("value", "kept", "text"),
    [
        ({"valueQuantity": {"value": Decimal("4.10"), "unit": "g"}}, Decimal("4.10"), "4.10"),
        ({"valueString": "1:320"}, "1:320", "1:320"),
        ({"valueBoolean": True}, "true", "true"),
        ({"valueInteger": 3}, Decimal(3), "3"),
        ({"valueCodeableConcept": {"text": "阴性"}}, Coded("阴性", "阴性"), "阴性"),
        (
            {"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}},
            "1:128",
            "1:128",
        ),
        ({"dataAbsentReason": {"text": "溶血"}}, None, ""),
    ],
)
def test_values_are_numbers_only_where_they_are_numbers(
    value: dict[str, Any], kept: object, text: str
) -> None:
    one = result(**value)
    if "valueQuantity" not in value:
        del one["valueQuantity"]

    (observation,) = all_of(said(bundle(patient(), one)), "observations")

    assert observation.value == kept
    assert observation.value_text == text


def test_a_comparator_and_a_flag_are_kept() -> None:
    one = result(
        valueQuantity={"value": Decimal("0.5"), "comparator": "<", "unit": "ng/mL"},
        interpretation=[{"coding": [{"code": "LL"}]}],
        referenceRange=[{"text": "0.5-2.0"}],
        note=[{"text": "标本溶血"}],
    )

    (observation,) = all_of(said(bundle(patient(), one)), "observations")

    assert (observation.comparator, observation.value) == ("<", Decimal("0.5"))
    assert observation.interpretation is ResultFlag.CRITICALLY_LOW
    assert observation.reference_range.low == Decimal("0.5")
    assert observation.note == "标本溶血"


def test_a_number_finer_than_a_column_is_rounded_and_said_so() -> None:
    one = result(valueQuantity={"value": Decimal("184.08939627903868"), "unit": "cm"})

    messages = said(bundle(patient(), one))

    assert all_of(messages, "observations")[0].value == Decimal("184.089396")
    assert "value-rounded" in messages[0].issues


def test_a_result_that_is_not_known_to_be_final_is_preliminary() -> None:
    (observation,) = all_of(said(bundle(patient(), result(status="unknown"))), "observations")

    assert observation.status is ObservationStatus.PRELIMINARY


def test_a_report_lists_its_results_by_their_keys() -> None:
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r-1",
        "status": "final",
        "code": {"text": "电解质"},
        "subject": {"reference": patient()["id"] and "Patient/p-MR0001"},
        "contained": [{**result("inner"), "subject": {"reference": "Patient/p-MR0001"}}],
        "result": [{"reference": "#inner"}, {"reference": "Observation/o-1"}],
    }

    messages = said(bundle(patient(), result(), report))

    (told,) = all_of(messages, "reports")
    keys = {one.key for one in all_of(messages, "observations")}
    assert set(told.results) == keys
    assert len(keys) == 2


def test_a_diagnosis_that_was_refuted_or_ended_is_not_active() -> None:
    def condition(**more: Any) -> dict[str, Any]:
        return {
            "resourceType": "Condition",
            "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "E11.9"}]},
            "subject": SUBJECT,
            **more,
        }

    def status(**more: Any) -> ConditionStatus:
        (message,) = said(condition(**more))
        found: ConditionStatus = message.conditions[0].status
        return found

    clinical, verification = "clinicalStatus", "verificationStatus"
    assert status() is ConditionStatus.ACTIVE
    assert status(abatementDateTime="2026") is ConditionStatus.RESOLVED
    assert status(**{clinical: {"coding": [{"code": "remission"}]}}) is ConditionStatus.RESOLVED
    assert (
        status(**{verification: {"coding": [{"code": "entered-in-error"}]}})
        is ConditionStatus.ENTERED_IN_ERROR
    )
    assert said(condition())[0].conditions[0].code == Coded("E11.9", "", "I10")


def test_a_prescription_says_what_how_much_and_when() -> None:
    order = {
        "resourceType": "MedicationRequest",
        "id": "m-1",
        "identifier": [{"system": "urn:x-careloop:issuer:HIS", "value": "RX9"}],
        "status": "stopped",
        "intent": "order",
        "medicationReference": {"reference": "#med"},
        "contained": [
            {"resourceType": "Medication", "id": "med", "code": {"text": "二甲双胍片 0.5g"}}
        ],
        "subject": SUBJECT,
        "authoredOn": "2026-04-08T09:00:00+08:00",
        "dosageInstruction": [
            {
                "text": "餐中服",
                "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": {"value": Decimal("0.5"), "unit": "g"}}],
            }
        ],
    }

    (message,) = said(order)

    (medication,) = message.medications
    assert (message.sending_facility, medication.number) == ("HIS", "RX9")
    assert medication.code.display == "二甲双胍片 0.5g"
    assert medication.status is RequestStatus.STOPPED
    assert (medication.dose, medication.dose_unit) == (Decimal("0.5"), "g")
    assert (medication.frequency, medication.dosage_text) == ("2/1d", "餐中服")


@pytest.mark.parametrize(
    "more",
    [
        {"doNotPerform": True},
        {"modifierExtension": [{"url": "http://x.example/not", "valueBoolean": True}]},
        {"implicitRules": "http://x.example/rules"},
    ],
)
def test_what_turns_the_meaning_of_a_resource_around_keeps_it_out(more: dict[str, Any]) -> None:
    order = {
        "resourceType": "ServiceRequest",
        "id": "s-1",
        "status": "active",
        "intent": "order",
        "code": {"text": "心肺复苏"},
        "subject": SUBJECT,
        **more,
    }

    messages = said(bundle(patient(), order))

    assert all_of(messages, "service_requests") == []
    assert "modified:ServiceRequest" in messages[0].issues
    assert isinstance(read(order), Rejected)


def test_a_booking_is_of_the_patient_among_its_participants() -> None:
    booking = {
        "resourceType": "Appointment",
        "id": "a-1",
        "status": "checked-in",
        "start": "2026-05-06T09:00:00+08:00",
        "serviceType": [{"coding": [{"code": "NFM", "display": "内分泌科"}]}],
        "participant": [
            {"actor": {"reference": "Practitioner/9", "display": "李医生"}, "status": "accepted"},
            {"actor": {"type": "Patient", **SUBJECT}, "status": "accepted"},
        ],
    }

    (message,) = said(booking)

    (told,) = message.appointments
    assert message.patient.identifiers == (HIS_NUMBER,)
    assert told.status is AppointmentStatus.ARRIVED
    assert told.identifier == Identifier("emr/Appointment", "FILL", "a-1")
    assert told.practitioner.display == "李医生"
    assert told.department == Coded("NFM", "内分泌科")


def test_answers_are_kept_by_link_id() -> None:
    form = {
        "resourceType": "QuestionnaireResponse",
        "id": "f-1",
        "status": "completed",
        "questionnaire": "http://forms.example/phq-9|1.0",
        "subject": SUBJECT,
        "item": [
            {
                "linkId": "group",
                "item": [
                    {"linkId": "q1", "answer": [{"valueInteger": 2}]},
                    {"linkId": "q2", "answer": [{"valueString": "a"}, {"valueString": "b"}]},
                ],
            }
        ],
    }

    (message,) = said(form)

    (told,) = message.forms
    assert told.questionnaire == "http://forms.example/phq-9"
    assert told.answers == {"q1": 2, "q2": ["a", "b"]}


def test_a_replaced_record_is_a_merge_and_a_related_one_a_link() -> None:
    other = {"type": "Patient", "identifier": patient("MR0002")["identifier"][0]}
    second = Identifier("HIS", "MR", "MR0002")

    replaced = said(patient(link=[{"other": other, "type": "replaced-by"}]))
    related = said(patient(link=[{"other": other, "type": "seealso"}]))

    (merge,) = replaced[1].merges
    assert replaced[1].event is EventKind.MERGE
    assert (merge.survivor, merge.retired) == ((second,), (HIS_NUMBER,))
    assert related[1].event is EventKind.LINK
    assert related[1].links[0].second == (second,)


def test_what_nobody_reads_is_named() -> None:
    messages = said(
        bundle(
            patient(maritalStatus={"text": "已婚"}, photo=[{"title": "照片"}]),
            {"resourceType": "Claim", "id": "c"},
        )
    )

    assert messages[0].issues == (
        "not-read:Patient.maritalStatus",
        "not-read:Patient.photo",
        "not-read:Claim",
    )


def test_resources_of_different_times_are_different_news() -> None:
    """A later word on one must not be outdated by an older word on another."""
    early = result("a", meta={"lastUpdated": "2026-04-02T00:00:00Z"})
    late = result("b", meta={"lastUpdated": "2026-04-03T00:00:00Z"})

    messages = [m for m in said(bundle(patient(), early, late)) if m.observations]

    assert [m.recorded_at for m in messages] == [
        datetime(2026, 4, 2, tzinfo=UTC),
        datetime(2026, 4, 3, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", RejectionReason.NOT_FHIR),
        (b'{"resourceType": "Patient", "resourceType": "Patient"}', RejectionReason.NOT_FHIR),
        (b'{"resourceType": "Patient", "sex": "m"}', RejectionReason.INVALID_RESOURCE),
        (b'{"resourceType": "Claim"}', RejectionReason.UNSUPPORTED_TYPE),
        (b'{"resourceType": "Bundle", "type": "history"}', RejectionReason.UNSUPPORTED_TYPE),
        (b'{"resourceType": "Patient", "gender": "male"}', RejectionReason.NO_PATIENT_IDENTIFIER),
    ],
)
def test_what_cannot_be_taken_is_refused_with_a_reason(
    body: bytes, reason: RejectionReason
) -> None:
    from app.integrations.fhir.reader import Reader

    told = Reader()("emr", body)

    assert isinstance(told, Rejected)
    assert told.reason is reason


def test_a_task_with_our_number_says_how_far_it_is() -> None:
    task = {
        "resourceType": "Task", "status": "rejected", "intent": "order", "for": SUBJECT,
        "identifier": [
            {"system": "urn:his:tasks", "value": "T77"},
            {"system": "urn:careloop:outbound", "value": "CL0123456789ABCDEF"},
        ],
        "statusReason": {"text": "库存不足"},
    }  # fmt: skip

    (message,) = said(task)

    (answer,) = answers_in(message, datetime(2026, 5, 2, tzinfo=UTC))
    assert (answer.number, answer.verdict) == ("CL0123456789ABCDEF", Verdict.REFUSED)
    assert (answer.filler, answer.reason) == ("T77", "库存不足")


def test_a_task_of_somebody_elses_answers_nothing() -> None:
    task = {
        "resourceType": "Task", "status": "completed", "intent": "order", "for": SUBJECT,
        "identifier": [{"system": "urn:his:tasks", "value": "T77"}],
    }  # fmt: skip

    (message,) = said(bundle(patient(), task))
    alone = read(task)

    assert message.fulfilments == ()
    assert "task-not-ours" in message.issues
    assert isinstance(alone, Rejected)
    assert alone.reason is RejectionReason.UNSUPPORTED_TYPE
