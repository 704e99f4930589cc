"""ORM^O01, OMG^O19, OML^O21: examinations and tests that were ordered."""

from app.domain.intake.clinical_records import ServiceRequestRecord
from app.domain.intake.hospital_records import Identifier
from app.integrations.hl7.order_status import read_priority, read_request_status
from app.integrations.hl7.orders import Order
from app.integrations.hl7.people import Reading, read_coded, read_person


def read_service_requests(
    orders: list[Order], visit: Identifier | None, reading: Reading
) -> tuple[ServiceRequestRecord, ...]:
    """Return the orders of the message's OBR; one without a number or a code is left out."""
    found = [_request(order, visit, reading) for order in orders if order.part("OBR")]
    return tuple(request for request in found if request)


def _request(
    order: Order, visit: Identifier | None, reading: Reading
) -> ServiceRequestRecord | None:
    obr = order.parts["OBR"]
    number, code = order.placer or order.filler, read_coded(obr.first(4))
    if not number or code is None:
        reading.doubt("order-without-number" if code else "order-without-code")
        return None
    orc = order.part("ORC")
    planned = (
        order.said("OBR", 36) or order.said("TQ1", 7) or order.said("ORC", 7, 4) or obr.text(6)
    )
    return ServiceRequestRecord(
        number=number,
        code=code,
        status=read_request_status(order),
        category=obr.text(24),
        priority=read_priority(order),
        authored_at=reading.instant(order.said("ORC", 9), "order-time-unreadable"),
        occurs_at=reading.instant(planned, "order-time-unreadable"),
        requester=(read_person(orc.first(12)) if orc else None) or read_person(obr.first(16)),
        note=order.note,
        visit=visit,
        filler=order.filler,
    )
