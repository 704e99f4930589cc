"""Reading a message of our own in one line."""

import pytest

from app.domain.intake.hospital_message import HospitalMessage
from app.domain.intake.rejections import Rejected, RejectionReason
from app.integrations.hl7.interpret import interpret
from tests.unit.hl7.messages import HIS, message


def read(*segments: str, kind: str) -> HospitalMessage:
    return interpret(message(*segments, kind=kind), HIS)


def reason_of(body: bytes) -> RejectionReason:
    with pytest.raises(Rejected) as caught:
        interpret(body, HIS)
    return caught.value.reason
