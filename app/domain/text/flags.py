"""What somebody should know of, whatever else a text says."""

import re
from typing import Final

from app.domain.text.clauses import Clause
from app.domain.text.lexicon import Found, Lexicon
from app.domain.text.phrases import Flag, FlagRule, Phrases, Signal
from app.domain.text.polarity import Polarity

Judged = tuple[Found, Polarity, str]
_QUIET: Final = frozenset({"呼吸困难", "意识障碍"})  # said of everyday things too: see `mild`


def read_flags(
    text: str,
    parts: list[Clause],
    judged: list[Judged],
    lexicon: Lexicon,
    phrases: Phrases,
    *,
    is_record: bool,
) -> tuple[frozenset[Flag], list[Signal]]:
    """Return the flags with the rules that raised them."""
    signals: list[Signal] = []
    sentences = _sentences(parts)
    for rule in phrases.flags:
        if rule.in_record or not is_record:
            signals += _of_rule(text, rule, sentences)
    signals += _urgent(text, judged, lexicon, phrases, sentences)
    signals += _after_drug(text, judged, phrases)
    if any(one.label == Flag.SUICIDE for one in signals):
        first = next(one for one in signals if one.label == Flag.SUICIDE)
        signals.append(Signal(Flag.URGENT, "flag:suicide-is-urgent", first.start, first.end))
    return frozenset(Flag(one.label) for one in signals), signals


def _of_rule(text: str, rule: FlagRule, sentences: list[tuple[int, int]]) -> list[Signal]:
    if rule.needs is not None and not rule.needs.search(text):
        return []
    for start, end in sentences:
        for found in rule.says.finditer(text, start, end):
            # A denial counts for what stands in it, not for the rest of the sentence.
            denied = rule.unless and any(
                _near(found, no) for no in rule.unless.finditer(text, start, end)
            )
            if not denied:
                return [Signal(rule.flag, f"flag:{rule.flag}", found.start(), found.end())]
    return []


def _near(found: re.Match[str], denial: re.Match[str]) -> bool:
    return denial.start() <= found.end() and found.start() <= denial.end() + 2


def _urgent(
    text: str,
    judged: list[Judged],
    lexicon: Lexicon,
    phrases: Phrases,
    sentences: list[tuple[int, int]],
) -> list[Signal]:
    rule = phrases.urgent
    for start, end in sentences:
        said = rule.says.search(text, start, end)
        if said and not rule.unless.search(text, start, said.end()):
            return [Signal(Flag.URGENT, "flag:urgent", said.start(), said.end())]
    here = [one for one, polarity, _ in judged if polarity is Polarity.PRESENT]
    names = {one.term for one in here}
    for group in rule.together:
        if group <= names:
            first = next(one for one in here if one.term in group)
            name = "+".join(sorted(group))
            return [Signal(Flag.URGENT, f"flag:urgent:{name}", first.start, first.end)]
    for one in here:
        if lexicon.is_urgent(one.term):
            start, end = next(span for span in sentences if span[0] <= one.start < span[1])
            if not rule.mild.search(text, start, end):
                return [Signal(Flag.URGENT, f"flag:urgent:{one.term}", one.start, one.end)]
    return []


def _after_drug(text: str, judged: list[Judged], phrases: Phrases) -> list[Signal]:
    """A symptom after a medicine, or the one that a medicine named here is known for."""
    rule = phrases.after_drug
    for one, polarity, _ in judged:
        if polarity is not Polarity.PRESENT:
            continue
        for drug, effects in phrases.drug_effects:
            taken = drug.search(text, 0, one.start) if one.term in effects else None
            if taken and not re.search(r"停|没|不", text[taken.end() : one.start]):
                return [
                    Signal(Flag.SIDE_EFFECT, f"flag:drug-effect:{one.term}", one.start, one.end)
                ]
        for taken in rule.exposure.finditer(text, max(0, one.start - 40), one.start):
            between = text[taken.start() : one.start]
            if "。" in between or rule.not_link.search(between):
                continue
            if rule.link.search(between) and not rule.not_link.search(text[one.end : one.end + 6]):
                return [Signal(Flag.SIDE_EFFECT, "flag:after-drug", taken.start(), one.end)]
    return []


def _sentences(parts: list[Clause]) -> list[tuple[int, int]]:
    spans: dict[int, tuple[int, int]] = {}
    for clause in parts:
        start, _ = spans.get(clause.sentence, (clause.start, clause.end))
        spans[clause.sentence] = start, clause.end + len(clause.stop)
    return list(spans.values())
