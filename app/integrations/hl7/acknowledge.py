"""The answer to a message: ACK with MSA and, where it was refused, ERR.

In the original mode a message gets one answer, AA, AE or AR. In the enhanced mode it says in MSH-15
and MSH-16 which answers it wants: CA, CE or CR once it is stored, and AA, AE or AR once it is
understood (HL7 v2.5.1, 2.9.2 and 2.9.3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum

from app.domain.intake.rejections import Rejected, RejectionReason
from app.integrations.hl7.envelope import Header


class Acknowledgement(StrEnum):
    """HL7 table 0008: kept; a fault that may pass, send again; never acceptable."""

    ACCEPT = "AA"
    ERROR = "AE"
    REJECT = "AR"

    @property
    def of_commit(self) -> str:
        """The same in answer to the storing alone: CA, CE, CR."""
        return f"C{self[1]}"


class Mode(StrEnum):
    """Whether MSH-15 and MSH-16 are followed; many senders leave them filled and mean nothing."""

    ORIGINAL = "original"
    ENHANCED = "enhanced"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the sender is told; `error` is of HL7 table 0357, `sentence` for people."""

    acknowledgement: Acknowledgement
    error: str = ""
    sentence: str = ""
    detail: str = ""


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

ACCEPTED = Verdict(Acknowledgement.ACCEPT)
# A fault of our own, such as a lost database.
FAULT = Verdict(Acknowledgement.ERROR, _APPLICATION_ERROR, "暂时无法保存，请重发。")
MERGE_HELD = Verdict(
    Acknowledgement.ERROR, "205", "合并与已有记录矛盾，消息已保存，等待人工处理，无需重发。"
)


def refusal(rejection: Rejected) -> Verdict:
    """Return how a refusal is told: AE asks for the message again, AR says it is of no use."""
    return Verdict(
        Acknowledgement.ERROR if rejection.is_transient else Acknowledgement.REJECT,
        _ERROR_CODES.get(rejection.reason, _APPLICATION_ERROR),
        rejection.reason.sentence,
        rejection.detail,
    )


def is_enhanced(header: Header, mode: Mode) -> bool:
    """Return whether the message's own wishes decide about its answers."""
    wishes = header.accept_acknowledgement or header.application_acknowledgement
    return mode is Mode.ENHANCED and bool(wishes)


def is_wanted(condition: str, verdict: Verdict) -> bool:
    """Return whether an answer is due: always, on errors only, on success only (HL7 table 0155).

    NE and an empty field ask for none.
    """
    is_success = verdict.acknowledgement is Acknowledgement.ACCEPT
    return condition == "AL" or condition == ("SU" if is_success else "ER")


def acknowledge(
    header: Header,
    verdict: Verdict,
    now: datetime,
    zone: tzinfo,
    charset: str,
    *,
    of_commit: bool = False,
) -> bytes:
    """Return the ACK of a message, in its own separators, charset and direction.

    AA and CA promise that the message is stored for good.
    """
    code = verdict.acknowledgement
    segments = [
        _msh(header, now, zone),
        header.field_separator.join(
            ["MSA", code.of_commit if of_commit else code, header.control_id]
        ),
    ]
    if verdict.error:
        segments.append(_err(header, verdict))
    return "".join(f"{segment}\r" for segment in segments).encode(charset, errors="replace")


def batched(answers: Sequence[bytes]) -> bytes:
    """Return the answers to the messages of one batch as one batch (HL7 v2.5.1, 2.10.3)."""
    return b"BHS|^~\\&\r" + b"".join(answers) + b"BTS|%d\r" % len(answers)


def _msh(header: Header, now: datetime, zone: tzinfo) -> str:
    trigger, component = header.trigger, header.encoding_characters[0]
    return header.field_separator.join([
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
    ])  # fmt: skip


def _err(header: Header, verdict: Verdict) -> str:
    """Return ERR with the code in ERR-3, the severity in ERR-4 and the sentence in ERR-8."""
    sentence = verdict.sentence
    if verdict.detail:
        sentence = f"{sentence}({_escaped(header, verdict.detail)})"
    return header.field_separator.join(["ERR", "", "", verdict.error, "E", "", "", "", sentence])


def _escaped(header: Header, text: str) -> str:
    component, repetition, escape, subcomponent = tuple(header.encoding_characters)[:4]
    sequences = {
        header.field_separator: "F", component: "S", repetition: "R", escape: "E",
        subcomponent: "T",
    }  # fmt: skip
    return "".join(f"{escape}{sequences[c]}{escape}" if c in sequences else c for c in text)
