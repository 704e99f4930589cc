"""How well texts are read: precision, recall and F1 against what people labelled.

Names of symptoms are compared after both sides have gone through the lexicon (`canonical`): a
label 头疼 and a reading 头痛 are the same. A name the lexicon does not know stays as it is, and
then counts as missed. Nothing wider or narrower counts as right in the task `tags`.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.domain.text.labelled import Labelled
from app.domain.text.lexicon import Lexicon
from app.domain.text.phrases import Adherence, Flag, Sentiment
from app.domain.text.polarity import Polarity
from app.domain.text.reading import Reading

# Flags that labelled files know; others of ours are not judged unless the file has them.
JUDGED_FLAGS: Final = frozenset(Flag) - {Flag.LOW_MOOD, Flag.COST}
_DENIAL: Final = re.compile(r"[不没无未非]|否认|没有|消失|好了|退了")


@dataclass
class Count:
    right: int = 0
    wrong: int = 0  # read, not labelled
    missed: int = 0  # labelled, not read

    def add(self, read: bool, labelled: bool) -> None:
        self.right += read and labelled
        self.wrong += read and not labelled
        self.missed += labelled and not read

    @property
    def f1(self) -> float | None:
        total = 2 * self.right + self.wrong + self.missed
        return 2 * self.right / total if total else None

    def told(self) -> dict[str, Any]:
        read, labelled = self.right + self.wrong, self.right + self.missed
        return {
            "n": labelled,
            "precision": _rounded(self.right / read if read else None),
            "recall": _rounded(self.right / labelled if labelled else None),
            "f1": _rounded(self.f1),
        }


@dataclass
class Counts:
    """One count a label, with their sum and mean."""

    of: defaultdict[str, Count] = field(default_factory=lambda: defaultdict(Count))

    def compare(self, read: Iterable[str], labelled: Iterable[str]) -> bool:
        read, labelled = frozenset(read), frozenset(labelled)
        for one in read | labelled:
            self.of[one].add(one in read, one in labelled)
        return read == labelled

    def told(self) -> dict[str, Any]:
        whole = Count(
            sum(one.right for one in self.of.values()),
            sum(one.wrong for one in self.of.values()),
            sum(one.missed for one in self.of.values()),
        )
        means = [one.f1 for one in self.of.values() if one.f1 is not None]
        return {
            "micro": whole.told(),
            "macro_f1": _rounded(sum(means) / len(means) if means else None),
            "per_label": {name: one.told() for name, one in sorted(self.of.items())},
        }


def evaluate_tags(pairs: Iterable[tuple[Labelled, Reading]], lexicon: Lexicon) -> dict[str, Any]:
    """Return counts for symptoms there and not there, adherence, mood, flags, and negation."""
    pairs = list(pairs)
    present, absent, flags = Counts(), Counts(), Counts()
    adherence, mood = Counts(), Counts()
    judged = {str(one) for one in JUDGED_FLAGS} | {f for one, _ in pairs for f in one.flags}
    cases = rightly = texts = texts_right = 0
    for labelled, reading in pairs:
        here = {lexicon.canonical(one) for one in labelled.present}
        gone = {lexicon.canonical(one) for one in labelled.absent}
        read_here = set(reading.terms(Polarity.PRESENT))
        read_gone = set(reading.terms(Polarity.ABSENT))
        all_right = present.compare(read_here, here)
        all_right &= absent.compare(read_gone, gone)
        flags.compare({str(one) for one in reading.flags} & judged, labelled.flags)
        if labelled.adherence is not None:
            adherence.compare([reading.adherence], [labelled.adherence])
        if labelled.sentiment is not None:
            mood.compare([reading.sentiment], [labelled.sentiment])
        if gone or (here and _DENIAL.search(labelled.text)):
            cases += len(here) + len(gone)
            rightly += len(here & read_here - read_gone) + len(gone & read_gone - read_here)
            texts += 1
            texts_right += all_right
    return {
        "n": len(pairs),
        "compared": "names of symptoms after both sides went through the lexicon",
        "present": present.told(),
        "absent": absent.told(),
        "adherence": _classes(adherence, [one.value for one in Adherence]),
        "sentiment": _classes(mood, [one.value for one in Sentiment]),
        "flags": flags.told(),
        "negation": {
            "cases": cases,
            "right": rightly,
            "accuracy": _rounded(rightly / cases if cases else None),
            "texts": texts,
            "texts_all_right": texts_right,
        },
    }


def evaluate_symptoms(
    pairs: Iterable[tuple[Labelled, Reading]], lexicon: Lexicon
) -> dict[str, Any]:
    """Return counts for a file that labels with a short list of its own.

    Only what that list holds is judged; a narrower term of ours counts as the wider one of the
    list (高热 as 发热), because the list has no narrower one.
    """
    pairs = list(pairs)
    known = {lexicon.canonical(t) for one, _ in pairs for t in (*one.present, *one.absent)}
    present, absent = Counts(), Counts()
    said_otherwise = unseen = 0
    for labelled, reading in pairs:
        here = {lexicon.canonical(one) for one in labelled.present}
        gone = {lexicon.canonical(one) for one in labelled.absent}
        read = {p: _wide(reading, lexicon, p) & known for p in Polarity}
        there = read[Polarity.PRESENT] | read[Polarity.EASED]
        present.compare(there, here)
        absent.compare(read[Polarity.ABSENT] - there, gone)
        anywhere = frozenset().union(*read.values())
        said_otherwise += len((here - there) & anywhere)
        unseen += len(here - anywhere)
    return {
        "n": len(pairs),
        "compared": "names after the lexicon, narrower as wider, only names the file uses",
        "present": present.told(),
        "absent": absent.told(),
        "missed_because": {"polarity": said_otherwise, "not_found": unseen},
    }


def _wide(reading: Reading, lexicon: Lexicon, polarity: Polarity) -> frozenset[str]:
    return lexicon.with_above(reading.terms(polarity))


def _classes(counts: Counts, names: list[str]) -> dict[str, Any]:
    told = counts.told()
    right = sum(one.right for one in counts.of.values())
    total = sum(one.right + one.missed for one in counts.of.values())
    told["accuracy"] = _rounded(right / total if total else None)
    told["per_label"] = {name: told["per_label"].get(name, Count().told()) for name in names}
    return told


def percentile(values: list[float], share: float) -> float:
    """Return the value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


EVALUATIONS: Final[
    Mapping[str, Callable[[Iterable[tuple[Labelled, Reading]], Lexicon], dict[str, Any]]]
] = {"tags": evaluate_tags, "symptoms": evaluate_symptoms}
