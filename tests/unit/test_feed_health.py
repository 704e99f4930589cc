"""When a feed is silent, behind, full of rejects, or has a wrong clock."""

import ast
from datetime import UTC, datetime, time, timedelta

import pytest

from app.clock import HOSPITAL
from app.domain.intake.feed_health import AlarmKind, QuietHours, Signs, Watch, silent_for, wrongs
from app.domain.intake.reasons import code_of, detail_of, sentence_of
from app.domain.intake.rejections import Rejected, RejectionReason
from tests.conftest import NOON, ROOT

MINUTE = timedelta(minutes=1)
NIGHT = QuietHours(time(22), time(6))
WATCH = Watch(30 * MINUTE, NIGHT)


def at(hour: int, minute: int = 0, day: int = 4) -> datetime:
    return datetime(2026, 5, day, hour, minute, tzinfo=HOSPITAL).astimezone(UTC)


def signs(**more: object) -> Signs:
    well: dict[str, object] = {
        "last_at": NOON - MINUTE, "oldest_waiting_at": None, "recent": 100, "refused": 0,
        "skew": None,
    }  # fmt: skip
    return Signs(**(well | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("last", "now", "silent"),
    [
        (at(11, 30), at(12), 30),
        (at(21, 50), at(23), 0),  # the night means nothing
        (at(21, 50), at(3, day=5), 0),
        (at(21, 50), at(6, day=5), 0),
        (at(21, 50), at(6, 29, day=5), 29),  # counted from its end
        (at(5), at(6, 40), 40),
        (at(6, 10), at(6, 40), 30),
        (at(8), at(7), 0),  # a clock set back is no silence
    ],
)
def test_silence_counts_outside_the_quiet_hours(last: datetime, now: datetime, silent: int) -> None:
    assert silent_for(last, WATCH, now, HOSPITAL) == silent * MINUTE


def test_quiet_hours_by_day() -> None:
    lunch = QuietHours(time(12), time(13))

    assert lunch.last_end(at(12, 30), HOSPITAL) is None
    assert lunch.last_end(at(14), HOSPITAL) == at(13)
    assert lunch.last_end(at(11), HOSPITAL) == at(13, day=3)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (signs(), set()),
        (signs(last_at=None), set()),  # not connected yet
        (signs(last_at=NOON - 30 * MINUTE), {AlarmKind.SILENT}),
        (signs(last_at=NOON - 29 * MINUTE), set()),
        (signs(oldest_waiting_at=NOON - 10 * MINUTE), {AlarmKind.BACKLOG}),
        (signs(oldest_waiting_at=NOON - 9 * MINUTE), set()),
        (signs(recent=50, refused=10), {AlarmKind.REJECTS}),
        (signs(recent=51, refused=10), set()),
        (signs(recent=9, refused=9), set()),
        (signs(skew=11 * MINUTE), {AlarmKind.CLOCK}),
        (signs(skew=-11 * MINUTE), {AlarmKind.CLOCK}),
        (signs(skew=10 * MINUTE), set()),
    ],
)
def test_what_is_wrong_follows_from_what_is_seen(seen: Signs, expected: set[AlarmKind]) -> None:
    assert wrongs(seen, WATCH, NOON, HOSPITAL) == expected


def test_a_source_that_speaks_only_when_somebody_acts_is_never_silent() -> None:
    assert wrongs(signs(last_at=NOON - 999 * MINUTE), Watch(), NOON, HOSPITAL) == set()


def test_every_reason_in_the_code_has_words() -> None:
    """Held reasons are texts in the pipeline: each must be put into words in one place."""
    found = set()
    for path in (ROOT / "app" / "services" / "intake").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("Held"):
                argument = node.args[0]
                if isinstance(argument, ast.Constant):
                    found.add(str(argument.value))

    assert found
    assert [one for one in sorted(found) if sentence_of(one).startswith("其他原因")] == []


def test_a_reason_is_told_apart_from_its_detail() -> None:
    kept = str(Rejected(RejectionReason.BAD_SEGMENT, "line 3"))

    assert (code_of(kept), detail_of(kept)) == ("bad-segment", "line 3")
    assert sentence_of(kept) == RejectionReason.BAD_SEGMENT.sentence
    assert sentence_of("error:KeyError").startswith("解析时程序出错")
    assert sentence_of("what-is-this") == "其他原因（what-is-this）。"
    assert sentence_of(None) == "没有记录原因。"
