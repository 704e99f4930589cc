"""What a sender is answered."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import hl7
import pytest

from app.domain.intake.rejections import Rejected, RejectionReason, Unsupported
from app.integrations.hl7.acknowledge import acknowledge, acknowledge_fault
from app.integrations.hl7.envelope import Header, read_header

NOW = datetime(2026, 5, 4, 4, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
MSH = "MSH|^~\\&|HIS|YSYY|CARE|PART|20260504||ADT^A01^ADT_A01|C7|T|2.5||||||GB 18030-2000"


def answer(
    rejection: Rejected | None, header: Header | None = None, charset: str = "utf-8"
) -> hl7.Message:
    body = acknowledge(header or read_header(MSH), rejection, NOW, SHANGHAI, charset)
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

    body = acknowledge(header, None, NOW, SHANGHAI, "gb18030")

    assert "演示珅".encode("gb18030") in body


def test_a_header_nobody_could_read_is_still_answered() -> None:
    assert str(answer(Rejected(RejectionReason.NOT_HL7), Header())["MSA"][0]) == "MSA|AR|"


def test_our_own_fault_asks_for_the_message_again() -> None:
    body = acknowledge_fault(read_header(MSH), NOW, SHANGHAI, "utf-8").decode()

    assert "\rMSA|AE|C7\r" in body
    assert "\rERR|||207|E|" in body
