"""JSON as we accept it."""

import json

import pytest

from app.domain.strict_json import JSONLimits, UnacceptableJSON, loads

LIMITS = JSONLimits()


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": "\\ud800"}',
        b'{"a": "\\u0000"}',
        b'{"a\\u0007": 1}',
        b'{"a": "\\u202e"}',
        b'{"a": "\xff"}',
        b'{"a": 123456789012345678901234567890}',
        b"{'a': 1}",
        b"[" * (LIMITS.depth + 1) + b"]" * (LIMITS.depth + 1),
        b"[" * 100_000,
        json.dumps([0] * (LIMITS.items + 1)).encode(),
        json.dumps({"a": "x" * (LIMITS.text + 1)}).encode(),
        b"",
    ],
)
def test_json_with_two_meanings_or_no_bound_is_refused(body: bytes) -> None:
    with pytest.raises(UnacceptableJSON):
        loads(body)


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        ('{"name": "李测试\\n第二行"}', {"name": "李测试\n第二行"}),
        ('{"n": 9223372036854775807, "x": 2.80}', {"n": 9223372036854775807, "x": 2.8}),
        ("[" * LIMITS.depth + "]" * LIMITS.depth, None),
        (json.dumps([0] * LIMITS.items), [0] * LIMITS.items),
        (json.dumps("x" * LIMITS.text), "x" * LIMITS.text),
        ('{"a": "[[[[not depth]]]]"}', {"a": "[[[[not depth]]]]"}),
    ],
)
def test_plain_json_up_to_the_bounds_is_taken(body: str, meaning: object) -> None:
    parsed = loads(body.encode())

    assert meaning is None or parsed == meaning


def test_a_reader_that_asks_for_it_gets_decimals_as_they_were_written() -> None:
    parsed = loads(b'{"value": 4.10, "small": 1E-3}', JSONLimits(exact=True))

    assert str(parsed["value"]) == "4.10"
    assert str(parsed["small"]) == "0.001"


@pytest.mark.parametrize("number", ["1E999999", "1." + "0" * 70])
def test_a_decimal_that_would_fill_the_memory_is_refused(number: str) -> None:
    with pytest.raises(UnacceptableJSON):
        loads(f'{{"value": {number}}}', JSONLimits(exact=True))
