"""VXU^V04: vaccinations given, refused or taken back."""

from app.domain.intake.clinical_records import ImmunizationRecord, ImmunizationStatus
from app.domain.intake.hospital_records import Identifier
from app.integrations.hl7.orders import Order
from app.integrations.hl7.people import Reading, read_coded
from app.integrations.hl7.segments import Segment
from app.integrations.hl7.timestamps import read_date

# LOINC: dose number in the series.
_DOSE_NUMBER = "30973-2"
# HL7 table 0322; a dose that was given in part counts as given.
_COMPLETION = {"RE": ImmunizationStatus.NOT_DONE, "NA": ImmunizationStatus.NOT_DONE}
# CVX for "no vaccine administered": such an RXA only carries what follows it.
_NOTHING = "998"
_MOST_DOSES = 98
# The American profiles write 1 into RXA-2 of every dose.
_CONSTANT_COUNTER = "CDCPHINVS"


def read_immunizations(
    orders: list[Order], profile: str, visit: Identifier | None, reading: Reading
) -> tuple[ImmunizationRecord, ...]:
    """Return the vaccinations of the message's RXA; `profile` is MSH-21.

    One without a number is known by its vaccine and its day: nobody is given a vaccine twice a day.
    """
    is_counted = _CONSTANT_COUNTER not in profile
    found = [
        _immunization(order, rxa, is_counted, visit, reading)
        for order in orders
        if (rxa := order.part("RXA"))
    ]
    return tuple(immunization for immunization in found if immunization)


def _immunization(
    order: Order, rxa: Segment, is_counted: bool, visit: Identifier | None, reading: Reading
) -> ImmunizationRecord | None:
    vaccine, given_on = read_coded(rxa.first(5)), read_date(rxa.text(3))
    if rxa.text(3) and given_on is None:
        reading.doubt("vaccination-date-unreadable")
    if vaccine is None or vaccine.code == _NOTHING:
        if vaccine is None:
            reading.doubt("vaccination-without-code")
        return None
    number = order.filler or order.placer or f"{vaccine.code}@{rxa.text(3)[:8]}"
    return ImmunizationRecord(
        number=number,
        vaccine=vaccine,
        status=_status(rxa),
        occurred_on=given_on,
        dose_number=_dose_number(order, rxa.text(2) if is_counted else ""),
        lot_number=rxa.text(15),
        visit=visit,
    )


def _status(rxa: Segment) -> ImmunizationStatus:
    if rxa.text(21).upper() == "D":
        return ImmunizationStatus.ENTERED_IN_ERROR
    return _COMPLETION.get(rxa.text(20).upper(), ImmunizationStatus.COMPLETED)


def _dose_number(order: Order, counted: str) -> int | None:
    """Return the dose of the series: an OBX says so for certain, else RXA-2 counted them."""
    said = [
        entry.segments[0].text(5)
        for entry in order.entries
        if any(coding.code == _DOSE_NUMBER for coding in entry.codings)
    ]
    text = next(iter(said), "") or counted
    if not (text.isascii() and text.isdecimal() and len(text) <= 3):
        return None
    return int(text) if 0 < int(text) <= _MOST_DOSES else None
