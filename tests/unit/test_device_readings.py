"""A reading as a cloud tells it: what is read, what is not, and what makes it the same one."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.domain.profile.device_readings import name_of, read
from app.domain.profile.devices import DeviceName, NotASerial
from app.domain.profile.plausibility import HoldReason, ReadingHeld
from app.domain.profile.vital_signs import OffScale
from app.domain.trust.signatures import is_signed, sign
from tests.conftest import NOON

SECRET, OLD = "s" * 32, "o" * 32


def told(**more: Any) -> dict[str, Any]:
    return {
        "serial": "bp 0042", "id": "7f3a", "code": "8480-6", "value": "135", "unit": "mm[Hg]",
        "effective_at": "2026-03-02T11:30:00+08:00", **more,
    }  # fmt: skip


def test_a_reading_says_whose_what_and_when() -> None:
    reading = read("omron", told(device_at="2026-03-02T12:07:00+08:00"))

    assert reading.device == DeviceName("omron", "BP0042")
    assert reading.measurement.value == Decimal(135)
    assert reading.measurement.effective_at == datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
    at, offset = reading.in_our_time(datetime(2026, 3, 2, 4, 0, tzinfo=UTC))
    assert (at, offset) == (datetime(2026, 3, 2, 3, 23, tzinfo=UTC), timedelta(minutes=-7))


def test_the_clouds_own_delay_is_no_fault_of_the_device() -> None:
    clocks = {"device_at": "2026-03-02T08:00:00Z", "arrived_at": "2026-03-02T08:01:00Z"}
    reading = read("omron", told(effective_at="2026-03-02T07:00:00Z", **clocks))

    assert reading.in_our_time(datetime(2026, 3, 3, 8, tzinfo=UTC))[1] == timedelta()


def test_a_sequence_number_names_a_reading_too() -> None:
    numbered = told(sequence=17)
    del numbered["id"]

    assert name_of("omron", numbered) == (DeviceName("omron", "BP0042"), "17")
    assert read("omron", numbered).key == read("omron", told(id="17")).key
    assert read("other", numbered).key != read("omron", numbered).key


def test_a_meter_may_say_that_it_cannot_measure() -> None:
    reading = read("roche", told(code="15074-8", value="LO", unit="mmol/L", context="fasting"))

    assert reading.measurement.off_scale is OffScale.LOW


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": True}, {"value": None}, {"value": "1e3"}, {"value": "NaN"}, {"value": ["135"]},
        {"value": "LO"}, {"effective_at": "2026-03-02T11:30:00"}, {"effective_at": "yesterday"},
        {"effective_at": None}, {"effective_at": "0001-01-01T00:00:00+14:00"}, {"unit": 5},
        {"unit": ""}, {"id": "a b"}, {"id": {}}, {"serial": "x"}, {"serial": "../../etc"},
        {"context": ["fasting"]}, {"context": "fasting"}, {"device_at": 1}, {"code": 84806},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_a_reading_is_held_as_unreadable(wrong: dict[str, Any]) -> None:
    with pytest.raises(ReadingHeld) as held:
        read("omron", told(**wrong))

    assert held.value.reason is HoldReason.NOT_READABLE


def test_a_code_that_nobody_measures_at_home_is_held() -> None:
    with pytest.raises(ReadingHeld) as held:
        read("omron", told(code="2823-3"))

    assert held.value.reason is HoldReason.WRONG_KIND


@pytest.mark.parametrize("not_an_object", [None, [], "x", 5])
def test_what_is_no_object_names_nothing(not_an_object: object) -> None:
    assert name_of("omron", not_an_object) is None


def test_serial_numbers_are_one_however_they_are_typed() -> None:
    assert DeviceName.of("omron", " bp-00 42\n") == DeviceName.of("omron", "BP-0042")
    with pytest.raises(NotASerial):
        DeviceName.of("Omron", "BP-0042")


def test_a_call_is_known_by_either_secret_and_by_its_time() -> None:
    header = sign([SECRET], NOON, b"{}")

    assert is_signed(header, [SECRET], b"{}", NOON)
    assert is_signed(header, ["n" * 32, SECRET], b"{}", NOON + timedelta(minutes=5))
    assert is_signed(sign([SECRET, OLD], NOON, b"{}"), [OLD], b"{}", NOON)
    assert not is_signed(header, [SECRET], b"{} ", NOON)
    assert not is_signed(header, [OLD], b"{}", NOON)
    assert not is_signed(header, [], b"{}", NOON)
    assert not is_signed(header, [SECRET], b"{}", NOON + timedelta(minutes=5, seconds=1))
    assert not is_signed(header, [SECRET], b"{}", NOON - timedelta(minutes=5, seconds=1))


@pytest.mark.parametrize("header", ["", "t=", "v1=00", "t=x,v1=00", "t=999999999999,v1=", "t=١"])
def test_a_header_that_is_none_opens_nothing(header: str) -> None:
    assert not is_signed(header, [SECRET], b"{}", NOON)
