"""What each kind of document looks like on the wire, read by a reader that did not write it."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.domain.exchange.documents import (
    AdmissionCertificate,
    AppointmentCancellation,
    Content,
    ExamRequest,
    OutgoingDocument,
    Subject,
)
from app.domain.intake.hospital_records import Coded, Gender, Identifier
from app.integrations.fhir.checking import check
from app.integrations.his.fhir_resources import NUMBER_SYSTEM, resource_of, search_of
from app.integrations.his.flat import FIELDS, flat
from app.integrations.his.hl7_messages import Dialect, message_of
from app.integrations.hl7.envelope import Limits, open_envelope
from app.integrations.hl7.segments import Message, Segment
from tests.integration.requests import (
    BOOKING,
    DELIVERY,
    ENDOCRINOLOGY,
    GIVEN_BACK,
    PICKUP,
    POTASSIUM,
    REFILL,
    TOLD,
)

NOON = datetime(2026, 5, 4, 4, 0, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
VISIT = Identifier("HIS", "VN", "V1")
DIALECT = Dialect("HIS", "HOSPITAL", charset="gb18030", zone=SHANGHAI)
WHO = Subject(
    (Identifier("HIS", "MR", "P0001"), Identifier("CN", "NI", "990101196103090022")),
    "欧阳珅", Gender.FEMALE, date(1961, 3, 9), "13800001234",
)  # fmt: skip
ADMISSION = AdmissionCertificate(
    ENDOCRINOLOGY, Coded("E11.9", "2型糖尿病", "I10"), admit_on=date(2026, 5, 6), visit=VISIT
)
CANCELLATION = AppointmentCancellation("CL00000000000000AA", Identifier("HIS", "", "B77"))


def document(content: Content) -> OutgoingDocument:
    return OutgoingDocument("CL0123456789ABCDEF", content, WHO, NOON, Coded("doctor-lin", "林医生"))


def read(content: Content, dialect: Dialect = DIALECT) -> Message:
    body = message_of(document(content), dialect, NOON)
    return Message(open_envelope(body, dialect.charset, Limits()))


def only(message: Message, *names: str) -> list[Segment]:
    """Return the first segment of each name; all must be there."""
    found = [message.first(name) for name in names]
    assert None not in found
    return [one for one in found if one is not None]


def test_an_exam_request_is_an_order_with_our_number() -> None:
    message = read(POTASSIUM)

    header, order, detail = only(message, "MSH", "ORC", "OBR")
    assert (header.text(9), header.text(9, 2)) == ("ORM", "O01")
    assert header.text(10) == "CL0123456789ABCDEF"
    assert (order.text(1), order.text(2), order.text(2, 2)) == (
        "NW", "CL0123456789ABCDEF", "CARELOOP",
    )  # fmt: skip
    assert (order.text(12), order.text(12, 2)) == ("doctor-lin", "林医生")
    assert (detail.text(4), detail.text(4, 2)) == ("K01", "血钾")
    assert detail.text(31, 2) == "复查血钾|一周内"
    assert order.text(9) == "20260504120000"  # the hospital's wall clock


def test_the_patient_is_named_by_the_hospitals_numbers_in_its_charset() -> None:
    body = message_of(document(POTASSIUM), DIALECT, NOON)
    (patient,) = only(Message(open_envelope(body, "gb18030", Limits())), "PID")

    # The second byte of 珅 is a bar in GB18030: only whoever decodes first reads the name.
    assert "欧阳珅".encode("gb18030") in body
    assert patient.text(5) == "欧阳珅"
    numbers = [(one.text(1), one.text(4), one.text(5)) for one in patient.repetitions(3)]
    assert numbers == [("P0001", "HIS", "MR"), ("990101196103090022", "CN", "NI")]
    assert (patient.text(7), patient.text(8)) == ("19610309", "F")


def test_an_admission_says_where_when_and_why() -> None:
    message = read(ADMISSION)

    visit, more, diagnosis, detail = only(message, "PV1", "PV2", "DG1", "OBR")
    assert (visit.text(2), visit.text(3)) == ("P", "ENDO")
    assert more.text(8) == "20260506"
    assert (diagnosis.text(3), diagnosis.text(3, 2)) == ("E11.9", "2型糖尿病")
    assert detail.text(4) == "ADMISSION"


def test_a_booking_asks_and_a_cancellation_gives_back() -> None:
    wish, back = read(BOOKING), read(CANCELLATION)

    (asked, place), (given,) = only(wish, "ARQ", "AIL"), only(back, "ARQ")
    assert [one.name for one in wish.segments] == ["MSH", "ARQ", "PID", "RGS", "AIL"]
    assert asked.text(1) == "CL0123456789ABCDEF"
    assert (asked.text(11), asked.text(11, 2)) == ("20260506120000", "20260506123000")
    assert place.text(3) == "ENDO"
    assert (given.text(1), given.text(2)) == ("CL00000000000000AA", "B77")


def test_a_previsit_record_is_marked_as_the_patients_words_in_every_text() -> None:
    message = read(TOLD)

    (notice,) = only(message, "TXA")
    assert notice.text(12) == "CL0123456789ABCDEF"
    texts = list(message.named("OBX"))
    assert [(one.text(3, 2), one.text(11)) for one in texts] == [("主诉", "P"), ("现病史", "P")]
    assert texts[1].text(5) == "【患者自述】两周前开始口渴\n夜尿3次^明显"


def test_any_text_comes_back_as_it_was_whatever_separators_it_holds() -> None:
    seed = 20260504
    chance = random.Random(seed)
    for _ in range(300):
        text = "".join(chance.choice("|^~\\&\nEFSTR.br珅俓血a ") for _ in range(12)).strip() or "x"
        reason = replace(POTASSIUM, reason=text)
        (detail,) = only(read(reason), "OBR")
        assert detail.text(31, 2) == text.strip(), f"seed {seed}"


def test_a_character_that_the_charset_has_not_is_no_question_mark() -> None:
    with pytest.raises(UnicodeEncodeError):
        message_of(document(POTASSIUM), replace(DIALECT, charset="latin-1"), NOON)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (POTASSIUM, "ServiceRequest"), (ADMISSION, "ServiceRequest"), (BOOKING, "Appointment"),
        (CANCELLATION, "Appointment"), (TOLD, "QuestionnaireResponse"),
    ],
)  # fmt: skip
def test_a_resource_names_people_by_number_and_has_no_empty_field(
    content: Content, kind: str
) -> None:
    resource = resource_of(document(content), SHANGHAI)

    assert resource["resourceType"] == kind
    empty = [path for path, value in _leaves(resource) if value in (None, "", [], {})]
    assert empty == []
    numbers = [value for path, value in _leaves(resource) if path.endswith("identifier.value")]
    assert "P0001" in numbers or kind == "Appointment"
    assert "P0001" in str(resource)


@pytest.mark.parametrize("content", [POTASSIUM, ADMISSION, BOOKING, CANCELLATION, TOLD])
def test_a_resource_is_built_as_fhir_r4_says(content: Content) -> None:
    resource = resource_of(document(content), SHANGHAI)

    assert check(resource) == ()
    assert check({**resource, "status": "fnial"}) != ()


def test_a_resource_carries_our_number_and_the_search_finds_it() -> None:
    exam = resource_of(document(POTASSIUM), SHANGHAI)
    told = resource_of(document(TOLD), SHANGHAI)

    ours = {"system": NUMBER_SYSTEM, "value": "CL0123456789ABCDEF"}
    assert exam["identifier"] == [ours]
    assert told["identifier"] == ours  # 0..1 in QuestionnaireResponse
    assert search_of(document(POTASSIUM)) == (
        "identifier=urn%3Acareloop%3Aoutbound%7CCL0123456789ABCDEF"
    )
    assert search_of(document(CANCELLATION)).endswith("CL00000000000000AA")
    assert exam["authoredOn"] == "2026-05-04T12:00:00+08:00"
    assert exam["requester"]["display"] == "林医生"


def test_a_previsit_resource_has_only_what_the_patient_may_say() -> None:
    told = resource_of(document(TOLD), SHANGHAI)

    assert [item["linkId"] for item in told["item"]] == ["chief-complaint", "present-illness"]
    assert all("患者自述" in item["text"] for item in told["item"])


@pytest.mark.parametrize(
    "content",
    [
        POTASSIUM, ADMISSION, BOOKING, CANCELLATION, TOLD, REFILL, DELIVERY, PICKUP, GIVEN_BACK,
    ],
)  # fmt: skip
def test_a_row_has_only_fields_that_a_mapping_may_name(content: Content) -> None:
    row = flat(document(content), SHANGHAI)

    assert set(row) <= FIELDS
    assert row["number"] == "CL0123456789ABCDEF"
    assert row["patient_number"] == "P0001"
    assert row["authored_at"] == datetime(2026, 5, 4, 12, 0)


@pytest.mark.parametrize("content", [REFILL, DELIVERY, PICKUP, GIVEN_BACK])
def test_what_goes_to_the_pharmacy_is_a_task_that_r4_allows(content: Content) -> None:
    task = resource_of(document(content), SHANGHAI)

    assert task["resourceType"] == "Task"
    assert check(task) == ()
    assert task["for"]["identifier"]["value"] == "P0001"


def test_a_task_names_the_prescription_and_what_the_counter_asks() -> None:
    given = {
        one["type"]["coding"][0]["code"]: one
        for one in resource_of(document(PICKUP), SHANGHAI)["input"]
    }

    assert given["medicine"]["valueReference"]["identifier"] == {"value": "RX1", "system": "HIS"}
    assert given["code"]["valueString"] == "40061725"
    assert given["identity-tail"]["valueString"] == "123X"
    assert given["code-until"]["valueDateTime"] == "2026-05-07T12:00:00+08:00"


def test_a_task_is_given_back_by_the_number_it_was_asked_by() -> None:
    task = resource_of(document(GIVEN_BACK), SHANGHAI)

    assert (task["status"], task["identifier"][0]["value"]) == ("cancelled", GIVEN_BACK.placer)
    assert search_of(document(GIVEN_BACK)).endswith(GIVEN_BACK.placer)


def test_a_row_of_a_refill_has_the_weeks_and_the_patients_words() -> None:
    row = flat(document(REFILL), SHANGHAI)

    assert (row["prescription_numbers"], row["weeks"]) == ("RX1", "8")
    assert row["text"] == (
        "【患者自述】病情稳定，没有新的不舒服\n没有不舒服\n血糖 6.1 mmol/L（近 30 天平稳）"
    )


def test_no_pharmacy_order_goes_out_as_hl7() -> None:
    with pytest.raises(ValueError, match="no HL7 v2 message"):
        message_of(document(REFILL), DIALECT, NOON)


def test_a_request_without_a_reason_says_nothing_of_one() -> None:
    bare = ExamRequest(Coded("K01", "血钾"), occurs_at=NOON + timedelta(days=1))

    assert "reasonCode" not in resource_of(document(bare), SHANGHAI)
    (detail,) = only(read(bare), "OBR")
    assert detail.raw(31) == ""


def _leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        return [leaf for key, one in value.items() for leaf in _leaves(one, f"{path}.{key}")]
    if isinstance(value, list) and value:
        return [leaf for one in value for leaf in _leaves(one, path)]
    return [(path, value)]
