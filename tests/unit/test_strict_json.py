"""JSON as we accept it."""

import json

import pytest

from app.web.strict_json import MAX_DEPTH, MAX_LIST, MAX_TEXT, UnacceptableJSON, loads


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
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b"[" * 100_000,
        json.dumps([0] * (MAX_LIST + 1)).encode(),
        json.dumps({"a": "x" * (MAX_TEXT + 1)}).encode(),
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
        ("[" * MAX_DEPTH + "]" * MAX_DEPTH, None),
        (json.dumps([0] * MAX_LIST), [0] * MAX_LIST),
        (json.dumps("x" * MAX_TEXT), "x" * MAX_TEXT),
        ('{"a": "[[[[not depth]]]]"}', {"a": "[[[[not depth]]]]"}),
    ],
)
def test_plain_json_up_to_the_bounds_is_taken(body: str, meaning: object) -> None:
    parsed = loads(body.encode())

    assert meaning is None or parsed == meaning
