"""The answer to a message: ACK with MSA and, where it was refused, ERR."""

from datetime import datetime, tzinfo
from enum import StrEnum

from app.domain.intake.rejections import Rejected, RejectionReason
from app.integrations.hl7.envelope import Header


class Acknowledgement(StrEnum):
    """HL7 table 0008: kept; a fault that may pass, send again; never acceptable."""

    ACCEPT = "AA"
    ERROR = "AE"
    REJECT = "AR"


# HL7 table 0357; what is not here is 207, an application error.
_ERROR_CODES = {
    RejectionReason.NOT_HL7: "100",
    RejectionReason.BAD_SEPARATORS: "100",
    RejectionReason.BAD_SEGMENT: "100",
    RejectionReason.MISSING_SEGMENT: "100",
    RejectionReason.NO_PATIENT_IDENTIFIER: "101",
    RejectionReason.NO_APPOINTMENT_IDENTIFIER: "101",
    RejectionReason.UNDECODABLE: "102",
    RejectionReason.UNSUPPORTED_TYPE: "200",
    RejectionReason.UNSUPPORTED_EVENT: "201",
    RejectionReason.SELF_MERGE: "205",
}
_APPLICATION_ERROR = "207"


def answer_to(rejection: Rejected) -> Acknowledgement:
    """Return how a refusal is answered: AE asks for the message again, AR says it is of no use."""
    return Acknowledgement.ERROR if rejection.is_transient else Acknowledgement.REJECT


def acknowledge(
    header: Header, rejection: Rejected | None, now: datetime, zone: tzinfo, charset: str
) -> bytes:
    """Return the ACK of a message, in its own separators, charset and direction.

    Without `rejection` it says AA, which promises that the message is stored for good.
    """
    code = answer_to(rejection) if rejection else Acknowledgement.ACCEPT
    return _build(header, code, _err(header, rejection) if rejection else "", now, zone, charset)


def acknowledge_fault(header: Header, now: datetime, zone: tzinfo, charset: str) -> bytes:
    """Return AE for a fault of our own, such as a lost database: the sender should retry."""
    err = _error_segment(header, _APPLICATION_ERROR, "暂时无法保存，请重发。")
    return _build(header, Acknowledgement.ERROR, err, now, zone, charset)


def _build(
    header: Header,
    code: Acknowledgement,
    err: str,
    now: datetime,
    zone: tzinfo,
    charset: str,
) -> bytes:
    separator, component = header.field_separator, header.encoding_characters[0]
    trigger = header.trigger
    fields = [
        "MSH",
        header.encoding_characters,
        header.receiving_application,
        header.receiving_facility,
        header.sending_application,
        header.sending_facility,
        now.astimezone(zone).strftime("%Y%m%d%H%M%S%z"),
        "",
        component.join(["ACK", trigger, "ACK"]) if trigger else "ACK",
        # Our own control id: unique, and short enough for the 20 characters of version 2.3.
        f"A{int(now.timestamp() * 1_000_000):x}",
        header.processing_id or "P",
        header.version or "2.4",
        "", "", "", "", "",
        header.charset,
    ]  # fmt: skip
    segments = [separator.join(fields), separator.join(["MSA", code, header.control_id]), err]
    text = "".join(f"{segment}\r" for segment in segments if segment)
    return text.encode(charset, errors="replace")


def _err(header: Header, rejection: Rejected) -> str:
    sentence = rejection.reason.sentence
    if rejection.detail:
        sentence = f"{sentence}({_escaped(header, rejection.detail)})"
    return _error_segment(header, _ERROR_CODES.get(rejection.reason, _APPLICATION_ERROR), sentence)


def _error_segment(header: Header, code: str, sentence: str) -> str:
    """Return ERR with the code in ERR-3, the severity in ERR-4 and the sentence in ERR-8."""
    return header.field_separator.join(["ERR", "", "", code, "E", "", "", "", sentence])


def _escaped(header: Header, text: str) -> str:
    component, repetition, escape, subcomponent = tuple(header.encoding_characters)[:4]
    sequences = {
        header.field_separator: "F", component: "S", repetition: "R", escape: "E",
        subcomponent: "T",
    }  # fmt: skip
    return "".join(f"{escape}{sequences[c]}{escape}" if c in sequences else c for c in text)
