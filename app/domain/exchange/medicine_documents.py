"""What is asked of the hospital's pharmacy for a patient: a refill, a delivery, a pick-up.

Only medicines that the hospital itself prescribed are named, by its own numbers. Nothing here is
a prescription: a refill (长处方续方) is a wish that a doctor signs, the others move what was
prescribed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.intake.hospital_records import Coded, Identifier


@dataclass(frozen=True, slots=True)
class PrescribedMedicine:
    """One medicine of the record; `prescription` is the hospital's number of it."""

    code: Coded
    prescription: Identifier
    dosage: str = ""

    @property
    def name(self) -> str:
        return self.code.display or self.code.code


@dataclass(frozen=True, slots=True)
class LastReading:
    """The newest value of the last weeks, and which way it goes, for the doctor who signs."""

    name: str
    value: str
    unit: str
    at: datetime
    trend: str = ""


@dataclass(frozen=True, slots=True)
class RefillRequest:
    """A wish for the same medicines for some `weeks` more.

    `is_stable` and `statement` are the patient's own words; `is_confirmed`: they agreed to the
    longer supply, which more than four weeks ask for.
    """

    medicines: tuple[PrescribedMedicine, ...]
    weeks: int
    is_stable: bool
    is_confirmed: bool = False
    statement: str = ""
    readings: tuple[LastReading, ...] = ()


@dataclass(frozen=True, slots=True)
class MedicineDelivery:
    """That prescribed medicines be brought to an address within one span of time."""

    medicines: tuple[PrescribedMedicine, ...]
    recipient: str
    phone: str
    address: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class MedicinePickup:
    """That somebody else may fetch prescribed medicines, once, with a code.

    Of the proxy's identity document the last four characters are enough for the counter.
    """

    medicines: tuple[PrescribedMedicine, ...]
    proxy_name: str
    proxy_relation: str
    proxy_phone: str
    identity_tail: str
    code: str
    code_expires_at: datetime
    consented_at: datetime


@dataclass(frozen=True, slots=True)
class MedicineCancellation:
    """That a request of ours is given back: our `placer` number, and theirs where known."""

    placer: str
    filler: str = ""
    reason: str = ""


MedicineRequest = RefillRequest | MedicineDelivery | MedicinePickup


def read_refill(data: Mapping[str, Any]) -> RefillRequest:
    return RefillRequest(
        medicines=_medicines(data["medicines"]),
        weeks=data["weeks"],
        is_stable=data["is_stable"],
        is_confirmed=data["is_confirmed"],
        statement=data["statement"],
        readings=tuple(
            LastReading(**{**one, "at": datetime.fromisoformat(one["at"])})
            for one in data["readings"]
        ),
    )


def read_delivery(data: Mapping[str, Any]) -> MedicineDelivery:
    times = {name: datetime.fromisoformat(data[name]) for name in ("starts_at", "ends_at")}
    return MedicineDelivery(**{**data, **times, "medicines": _medicines(data["medicines"])})


def read_pickup(data: Mapping[str, Any]) -> MedicinePickup:
    names = ("code_expires_at", "consented_at")
    times = {name: datetime.fromisoformat(data[name]) for name in names}
    return MedicinePickup(**{**data, **times, "medicines": _medicines(data["medicines"])})


def read_medicine_cancellation(data: Mapping[str, Any]) -> MedicineCancellation:
    return MedicineCancellation(**data)


def _medicines(listed: Sequence[Mapping[str, Any]]) -> tuple[PrescribedMedicine, ...]:
    return tuple(
        PrescribedMedicine(Coded(**one["code"]), Identifier(**one["prescription"]), one["dosage"])
        for one in listed
    )
