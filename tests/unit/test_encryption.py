"""Sealed columns: nothing readable at rest, nothing movable."""

import secrets

import pytest

from app.encryption import Keyring, SealBroken
from app.models import Patient
from tests.conftest import NOON

KEY, OTHER = secrets.token_bytes(32), secrets.token_bytes(32)


@pytest.fixture(params=["aes-256-gcm", "sm4-gcm"])
def keyring(request: pytest.FixtureRequest) -> Keyring:
    return Keyring({"k1": KEY}, "hospital", request.param)


def test_a_sealed_value_opens_in_its_place_only(keyring: Keyring) -> None:
    sealed = keyring.seal("李测试".encode(), "patient/name/row-1")

    assert keyring.open(sealed, "patient/name/row-1").decode() == "李测试"
    for elsewhere in ("patient/name/row-2", "patient/phone/row-1", "related/name/row-1"):
        with pytest.raises(SealBroken):
            keyring.open(sealed, elsewhere)


def test_any_altered_byte_breaks_the_seal(keyring: Keyring) -> None:
    sealed = keyring.seal(b"text", "t/c/r")

    for position in range(len(sealed)):
        altered = bytearray(sealed)
        altered[position] ^= 1
        with pytest.raises(SealBroken):
            keyring.open(bytes(altered), "t/c/r")


def test_another_hospital_cannot_open_it(keyring: Keyring) -> None:
    sealed = keyring.seal(b"text", "t/c/r")

    with pytest.raises(SealBroken):
        Keyring({"k1": KEY}, "elsewhere").open(sealed, "t/c/r")


def test_equal_texts_look_different_and_are_found_by_their_index() -> None:
    one = Patient(name="李测试", phone="+86 120-0000-0001", created_at=NOON, updated_at=NOON)
    two = Patient(name="李测试", phone="12000000001", created_at=NOON, updated_at=NOON)

    assert one.name_sealed != two.name_sealed
    assert one.phone_index == two.phone_index
    assert one.name == two.name == "李测试"


def test_an_old_key_still_opens_and_the_last_one_indexes() -> None:
    old = Keyring({"k1": KEY}, "hospital")
    rotated = Keyring({"k2": OTHER, "k1": KEY}, "hospital")

    assert rotated.open(old.seal(b"text", "t/c/r"), "t/c/r") == b"text"
    assert rotated.index("patient.phone", "1") == old.index("patient.phone", "1")
    with pytest.raises(SealBroken):
        old.open(rotated.seal(b"text", "t/c/r"), "t/c/r")


def test_a_value_swapped_between_rows_does_not_open() -> None:
    one = Patient(name="李测试", created_at=NOON, updated_at=NOON)
    two = Patient(name="王测试", created_at=NOON, updated_at=NOON)

    two.name_sealed = one.name_sealed

    with pytest.raises(SealBroken):
        _ = two.name
