"""How somebody feels, from what they say: transparent counting, not a measured scale."""

import re

from app.domain.text.clauses import Clause
from app.domain.text.phrases import Flag, Phrases, Sentiment, Signal

_WORRYING = frozenset(
    {Flag.URGENT, Flag.SUICIDE, Flag.ANXIETY, Flag.LOW_MOOD, Flag.COMPLAINT, Flag.INEFFECTIVE}
)


def read_sentiment(
    text: str,
    parts: list[Clause],
    flags: frozenset[Flag],
    phrases: Phrases,
    *,
    is_record: bool,
) -> tuple[Sentiment, list[Signal]]:
    """Return the mood of a text; a record written by staff has none.

    What worries outweighs thanks: "谢谢，可是还是很疼" is negative.
    """
    if is_record:
        return Sentiment.NEUTRAL, []
    moods = phrases.moods
    negative = positive = None
    for clause in parts:
        span = text[clause.start : clause.end + 1]
        bad = _said(moods.negative, moods.not_negative, span)
        good = _said(moods.positive, moods.not_positive, span)
        if bad:
            negative = negative or _signal(Sentiment.NEGATIVE, clause, bad)
        if good:
            positive = positive or _signal(Sentiment.POSITIVE, clause, good)
    if flags & _WORRYING:
        flag = min(flags & _WORRYING)
        return Sentiment.NEGATIVE, [Signal(Sentiment.NEGATIVE, f"mood:{flag}", 0, len(text))]
    if negative:
        return Sentiment.NEGATIVE, [negative]
    if positive:
        return Sentiment.POSITIVE, [positive]
    return Sentiment.NEUTRAL, []


def _said(says: re.Pattern[str], denies: re.Pattern[str], text: str) -> re.Match[str] | None:
    """Return the first word of a mood that no wider phrase around it turns."""
    turned = list(denies.finditer(text))
    for found in says.finditer(text):
        inside = [one for one in turned if one.start() < found.end() and found.start() < one.end()]
        if all(found.start() < one.start() and one.end() <= found.end() for one in inside):
            return found
    return None


def _signal(mood: Sentiment, clause: Clause, found: re.Match[str]) -> Signal:
    start = clause.start
    return Signal(mood, "mood:words", start + found.start(), start + found.end())
