"""What ORC says became of an order: order control (ORC-1) and order status (ORC-5)."""

from typing import Final

from app.domain.intake.clinical_records import RequestStatus
from app.integrations.hl7.orders import Order

# HL7 table 0119: what was done to the order, which stands whatever ORC-5 says.
_CONTROL: Final = {
    "CA": RequestStatus.CANCELLED, "OC": RequestStatus.CANCELLED, "CR": RequestStatus.CANCELLED,
    "UA": RequestStatus.CANCELLED, "DC": RequestStatus.STOPPED, "OD": RequestStatus.STOPPED,
    "DR": RequestStatus.STOPPED, "RP": RequestStatus.STOPPED, "HD": RequestStatus.ON_HOLD,
    "OH": RequestStatus.ON_HOLD, "HR": RequestStatus.ON_HOLD,
}  # fmt: skip
# HL7 table 0038.
_STATUS: Final = {
    "A": RequestStatus.ACTIVE, "IP": RequestStatus.ACTIVE, "SC": RequestStatus.ACTIVE,
    "CM": RequestStatus.COMPLETED, "CA": RequestStatus.CANCELLED, "DC": RequestStatus.STOPPED,
    "RP": RequestStatus.STOPPED, "HD": RequestStatus.ON_HOLD, "ER": RequestStatus.UNKNOWN,
}  # fmt: skip
_ENDED: Final = (RequestStatus.CANCELLED, RequestStatus.STOPPED)
# HL7 tables 0485 and 0027 to FHIR request-priority.
_PRIORITIES: Final = {
    "S": "stat", "ST": "stat", "STAT": "stat", "A": "asap", "ASAP": "asap", "R": "routine",
    "RT": "routine", "U": "urgent", "UD": "urgent", "UR": "urgent", "T": "urgent", "P": "urgent",
    "急诊": "stat", "加急": "urgent", "普通": "routine",
}  # fmt: skip


def read_medication_status(order: Order) -> RequestStatus:
    """Return the status of a prescription: one taken back is `cancelled`, one ended `stopped`."""
    control, status = order.said("ORC", 1), order.said("ORC", 5)
    return _CONTROL.get(control) or _STATUS.get(status) or RequestStatus.ACTIVE


def read_request_status(order: Order) -> RequestStatus:
    """Return the status of an examination ordered: for FHIR one that ended early is `revoked`."""
    status = read_medication_status(order)
    return RequestStatus.REVOKED if status in _ENDED else status


def read_priority(order: Order) -> str:
    """Return FHIR's routine, urgent, asap or stat; '' where nobody said or the code is unknown."""
    said = (
        order.said("TQ1", 9)
        or order.said("ORC", 7, 6)
        or order.said("OBR", 27, 6)
        or order.said("OBR", 5)
        or order.said("RXE", 1, 6)
    )
    return _PRIORITIES.get(said.upper(), "")
