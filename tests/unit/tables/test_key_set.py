"""A set of hashes that keeps a few bytes of each."""

import hashlib

from app.domain.intake.key_set import KeySet


def digest(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def test_what_was_added_is_there_and_nothing_else() -> None:
    keys = KeySet()
    for number in range(20_000):
        keys.add(digest(number))

    assert len(keys) == 20_000
    assert all(digest(number) in keys for number in range(20_000))
    assert not any(digest(number) in keys for number in range(20_000, 40_000))


def test_bytes_of_two_neighbours_are_not_taken_for_one_key() -> None:
    keys = KeySet()
    keys.add(b"\0\0ABCDEF")
    keys.add(b"\0\0GHIJKL")

    assert b"\0\0DEFGHI" not in keys
    assert b"\0\0GHIJKL" in keys
