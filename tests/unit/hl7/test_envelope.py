"""Files and frames become single messages with a checked header."""

import pytest

from app.domain.intake.rejections import Rejected, RejectionReason
from app.integrations.hl7.envelope import (
    Header,
    Limits,
    glimpse_header,
    identify,
    open_envelope,
    read_header,
    split_messages,
)
from tests.unit.hl7.messages import admission, message

BATCH = b"FHS|^~\\&|H\rBHS|^~\\&|H\rMSH|^~\\&|1\rPID|1\rMSH|^~\\&|2\rBTS|2\rFTS|1\r"


def test_a_batch_is_its_messages_without_headers_and_trailers() -> None:
    assert split_messages(BATCH) == [b"MSH|^~\\&|1\rPID|1", b"MSH|^~\\&|2"]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\r\r\n"])
@pytest.mark.parametrize("between", [b"", b"\n", b"\r\n\r\n", b"\x1c\r\x0b"])
def test_messages_of_a_file_are_found_whatever_stands_between(end: bytes, between: bytes) -> None:
    one = b"MSH|^~\\&|1" + end + b"PID|1" + end

    found = split_messages(b"\xef\xbb\xbf\x0b" + one + between + one.replace(b"|1", b"|2"))

    assert len(found) == 2
    assert [m[:10] for m in found] == [b"MSH|^~\\&|1", b"MSH|^~\\&|2"]


def test_what_is_no_message_stays_to_be_rejected() -> None:
    assert split_messages(b"hello\nworld\nMSH|^~\\&|1\n") == [b"hello\nworld", b"MSH|^~\\&|1"]
    assert split_messages(b"\r\n \x00") == []


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\n\n"])
def test_every_line_end_parts_segments(end: str) -> None:
    body = admission().decode().replace("\r", end).encode()

    assert len(open_envelope(body, None, Limits()).text.split("\r")) == 4


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", RejectionReason.NOT_HL7),
        (b"GET / HTTP/1.1", RejectionReason.NOT_HL7),
        (b"MSH", RejectionReason.NOT_HL7),
        (b"MSH||||||", RejectionReason.BAD_SEPARATORS),
        (b"MSH|^~\\\\&|A", RejectionReason.BAD_SEPARATORS),
        (b"MSH|^~|A", RejectionReason.BAD_SEPARATORS),
        (b"MSH A~\\& B", RejectionReason.BAD_SEPARATORS),
        (b"MSH|^~\\&|A\rpid|1", RejectionReason.BAD_SEGMENT),
        (b"MSH|^~\\&|A\rMSH|^~\\&|B", RejectionReason.BAD_SEGMENT),
        (b"MSH|^~\\&|A\rPIDX|1", RejectionReason.BAD_SEGMENT),
    ],
)
def test_what_cannot_be_taken_apart_is_rejected(body: bytes, reason: RejectionReason) -> None:
    with pytest.raises(Rejected) as caught:
        open_envelope(body, None, Limits())

    assert caught.value.reason is reason


def test_size_and_segments_are_limited() -> None:
    body = message(*["NTE|1"] * 20, kind="ORU^R01")

    with pytest.raises(Rejected, match="too-large: 100 bytes"):
        open_envelope(body, None, Limits(max_bytes=100))
    with pytest.raises(Rejected, match="too-many-segments: 20 segments"):
        open_envelope(body, None, Limits(max_segments=20))
    assert open_envelope(body, None, Limits(max_segments=21))


def test_declared_separators_are_used() -> None:
    header = read_header("MSH#*~\\&#APP#FAC#R#F#2026##ADT*A01#77#P#2.4")

    assert (header.type_code, header.trigger, header.control_id) == ("ADT", "A01", "77")


def test_the_same_control_id_with_another_body_is_another_message() -> None:
    header = Header(sending_application="A", control_id="1")

    one, other = identify(b"MSH|a", header), identify(b"MSH|b", header)

    assert one != other
    assert identify(b"\x0bMSH|a\r\n", header) == one
    assert identify(b"MSH|a", Header(sending_application="B", control_id="1")) != one


def test_a_header_can_be_answered_whatever_follows_it() -> None:
    body = admission(control_id="C9") + b"\xff\xff broken"

    assert glimpse_header(body, None)[0].control_id == "C9"
    assert glimpse_header(b"junk", None) == (Header(), "utf-8")


def test_the_answer_is_in_the_charset_of_the_header() -> None:
    declared = admission(charset="GB 18030-2000")
    undeclared = admission(application="演示珅").decode().encode("gb18030")

    assert glimpse_header(declared, None)[1] == "gb18030"
    assert glimpse_header(declared, "utf-8")[1] == "utf-8"
    assert glimpse_header(undeclared, None)[0].sending_application == "演示珅"
