"""RDE, RDS, OMP, and the ORM that carry RXO: medicines ordered and dispensed."""

from decimal import Decimal
from typing import NamedTuple

from app.domain.intake.clinical_records import MedicationRecord
from app.domain.intake.hospital_records import Coded, Identifier
from app.integrations.hl7.order_status import read_medication_status
from app.integrations.hl7.orders import Order
from app.integrations.hl7.people import Reading, read_coded
from app.integrations.hl7.results import read_number
from app.integrations.hl7.segments import Repetition


class _Columns(NamedTuple):
    """Where a segment says what; 0 for what it does not say."""

    segment: str
    code: int
    dose: int
    dose_unit: int
    quantity: int
    quantity_unit: int
    instruction: int


# What was dispensed says more than what was encoded, and that more than what was asked for.
_COLUMNS = (
    _Columns("RXD", 2, 0, 0, 4, 5, 9),
    _Columns("RXE", 2, 3, 5, 10, 11, 7),
    _Columns("RXO", 1, 2, 4, 11, 12, 7),
)


def read_medications(
    orders: list[Order], visit: Identifier | None, reading: Reading
) -> tuple[MedicationRecord, ...]:
    """Return the medicines of the message; one without a number or a code is left out."""
    found = [
        _medication(order, visit, reading)
        for order in orders
        if any(order.part(columns.segment) for columns in _COLUMNS)
    ]
    return tuple(medication for medication in found if medication)


def _medication(
    order: Order, visit: Identifier | None, reading: Reading
) -> MedicationRecord | None:
    number = order.placer or order.filler or order.said("RXE", 15) or order.said("RXD", 7)
    code = _code(order)
    if not number or code is None:
        reading.doubt("medication-without-number" if code else "medication-without-code")
        return None
    doses = [(c.segment, c.dose, c.dose_unit) for c in _COLUMNS]
    quantities = [(c.segment, c.quantity, c.quantity_unit) for c in _COLUMNS]
    dose, dose_unit = _first_amount(order, doses, reading)
    quantity, quantity_unit = _first_amount(order, quantities, reading)
    rxr = order.part("RXR")
    starts = order.said("TQ1", 7) or order.said("RXE", 1, 4) or order.said("ORC", 7, 4)
    ends = order.said("TQ1", 8) or order.said("RXE", 1, 5) or order.said("ORC", 7, 5)
    return MedicationRecord(
        number=number,
        code=code,
        status=read_medication_status(order),
        dosage_text=_instruction(order),
        dose=dose,
        dose_unit=dose_unit,
        route=read_coded(rxr.first(1)) if rxr else None,
        frequency=order.said("TQ1", 3) or order.said("RXE", 1, 2) or order.said("ORC", 7, 2),
        quantity=quantity,
        quantity_unit=quantity_unit,
        authored_at=reading.instant(order.said("ORC", 9), "order-time-unreadable"),
        starts_at=reading.instant(starts, "medication-time-unreadable"),
        ends_at=reading.instant(ends, "medication-time-unreadable"),
        dispensed_at=reading.instant(order.said("RXD", 3), "medication-time-unreadable"),
        visit=visit,
    )


def _code(order: Order) -> Coded | None:
    found = ((order.part(c.segment), c.code) for c in _COLUMNS)
    codes = (read_coded(segment.first(position)) for segment, position in found if segment)
    return next((code for code in codes if code), None)


def _first_amount(
    order: Order, places: list[tuple[str, int, int]], reading: Reading
) -> tuple[Decimal | None, str]:
    """Return the first number that stands in one of the places (segment, field), with its unit."""
    for name, position, unit_position in places:
        segment = order.part(name)
        said = segment.text(position) if segment and position else ""
        number = read_number(said)
        if segment and number and not number[0]:
            return number[1], _unit(segment.first(unit_position))
        if said:
            reading.doubt("medication-amount-unreadable")
    return None, ""


def _unit(value: Repetition) -> str:
    """Return the unit; of one that is only a number in the sender's list, what it is called."""
    code, display = value.text(1), value.text(2)
    return display if display and not code.strip("0123456789") else code


def _instruction(order: Order) -> str:
    """Return how the medicine is to be taken, in the sender's words."""
    for columns in _COLUMNS:
        segment = order.part(columns.segment)
        values = segment.repetitions(columns.instruction) if segment else []
        lines = [line for value in values if (line := value.text(2) or value.text(1))]
        if lines:
            return "\n".join(lines)
    return order.note
