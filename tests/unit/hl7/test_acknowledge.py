"""What a sender is answered."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import hl7
import pytest

from app.domain.intake.rejections import Rejected, RejectionReason, Unsupported
from app.integrations.hl7.acknowledge import (
    ACCEPTED,
    FAULT,
    MERGE_HELD,
    Mode,
    Verdict,
    acknowledge,
    batched,
    is_enhanced,
    is_wanted,
    refusal,
)
from app.integrations.hl7.envelope import Header, read_header

NOW = datetime(2026, 5, 4, 4, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
MSH = "MSH|^~\\&|HIS|YSYY|CARE|PART|20260504||ADT^A01^ADT_A01|C7|T|2.5||||||GB 18030-2000"


def answer(
    rejection: Rejected | None, header: Header | None = None, charset: str = "utf-8"
) -> hl7.Message:
    verdict = refusal(rejection) if rejection else ACCEPTED
    body = acknowledge(header or read_header(MSH), verdict, NOW, SHANGHAI, charset)
    return hl7.parse(body.decode(charset))


def test_acceptance_echoes_the_control_id_and_turns_the_direction_round() -> None:
    ack = answer(None)

    assert str(ack["MSH"][0]).split("|")[2:6] == ["CARE", "PART", "HIS", "YSYY"]
    assert str(ack["MSH"][0][7]) == "20260504120000+0800"
    assert str(ack["MSH"][0][9]) == "ACK^A01^ACK"
    assert [str(ack["MSH"][0][n]) for n in (11, 12, 18)] == ["T", "2.5", "GB 18030-2000"]
    assert 0 < len(str(ack["MSH"][0][10])) <= 20
    assert str(ack["MSA"][0]) == "MSA|AA|C7"
    assert len(ack) == 2


@pytest.mark.parametrize(
    ("reason", "code", "error"),
    [
        (RejectionReason.UNSUPPORTED_TYPE, "AR", "200"),
        (RejectionReason.UNSUPPORTED_EVENT, "AR", "201"),
        (RejectionReason.SELF_MERGE, "AR", "205"),
        (RejectionReason.NO_PATIENT_IDENTIFIER, "AR", "101"),
        (RejectionReason.NOT_HL7, "AR", "100"),
        (RejectionReason.TOO_LARGE, "AR", "207"),
        (RejectionReason.UNDECODABLE, "AE", "102"),
    ],
)
def test_refusals_say_why(reason: RejectionReason, code: str, error: str) -> None:
    ack = answer(Rejected(reason))

    assert str(ack["MSA"][0]) == f"MSA|{code}|C7"
    assert str(ack["ERR"][0][3]) == error
    assert str(ack["ERR"][0][8]) == reason.sentence


def test_detail_is_escaped_in_the_senders_separators() -> None:
    ack = answer(Unsupported(RejectionReason.UNSUPPORTED_TYPE, "MDM^T02"))

    assert "MDM\\S\\T02" in str(ack["ERR"][0][8])


def test_an_answer_is_in_the_charset_of_the_question() -> None:
    header = read_header(MSH.replace("HIS", "演示珅"))

    body = acknowledge(header, ACCEPTED, NOW, SHANGHAI, "gb18030")

    assert "演示珅".encode("gb18030") in body


def test_a_header_nobody_could_read_is_still_answered() -> None:
    assert str(answer(Rejected(RejectionReason.NOT_HL7), Header())["MSA"][0]) == "MSA|AR|"


def test_our_own_fault_asks_for_the_message_again() -> None:
    body = acknowledge(read_header(MSH), FAULT, NOW, SHANGHAI, "utf-8").decode()

    assert "\rMSA|AE|C7\r" in body
    assert "\rERR|||207|E|" in body


def test_a_merge_that_waits_for_a_person_is_no_success() -> None:
    body = acknowledge(read_header(MSH), MERGE_HELD, NOW, SHANGHAI, "utf-8").decode()

    assert "\rMSA|AE|C7\r" in body
    assert "\rERR|||205|E|" in body


@pytest.mark.parametrize(
    ("verdict", "code"),
    [(ACCEPTED, "CA"), (FAULT, "CE"), (refusal(Rejected(RejectionReason.NOT_HL7)), "CR")],
)
def test_the_answer_to_the_storing_alone_has_codes_of_its_own(verdict: Verdict, code: str) -> None:
    header = read_header(MSH)

    body = acknowledge(header, verdict, NOW, SHANGHAI, "utf-8", of_commit=True).decode()

    assert f"\rMSA|{code}|C7\r" in body


@pytest.mark.parametrize(
    ("condition", "on_success", "on_refusal"),
    [
        ("AL", True, True),
        ("NE", False, False),
        ("", False, False),
        ("SU", True, False),
        ("ER", False, True),
    ],
)
def test_a_sender_may_ask_for_answers_under_conditions(
    condition: str, on_success: bool, on_refusal: bool
) -> None:
    assert is_wanted(condition, ACCEPTED) is on_success
    assert is_wanted(condition, FAULT) is on_refusal


def test_wishes_count_only_where_the_source_is_known_to_mean_them() -> None:
    wishing = read_header(MSH.replace("2.5||||||", "2.5|||AL|NE||"))
    silent = read_header(MSH)

    assert is_enhanced(wishing, Mode.ENHANCED)
    assert not is_enhanced(wishing, Mode.ORIGINAL)
    assert not is_enhanced(silent, Mode.ENHANCED)


def test_the_answers_to_a_batch_are_one_batch() -> None:
    one = acknowledge(read_header(MSH), ACCEPTED, NOW, SHANGHAI, "utf-8")

    lines = batched([one, one]).decode().split("\r")

    assert [line[:3] for line in lines] == ["BHS", "MSH", "MSA", "MSH", "MSA", "BTS", ""]
    assert lines[-2] == "BTS|2"
