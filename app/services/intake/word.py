"""When and with what weight a message speaks, and the last word on each field of a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from app.domain.intake.hospital_message import EventKind, HospitalMessage
from app.domain.intake.versions import OLDEST, tie_of, version_of
from app.encryption import keyring

# Of one second, because HL7 counts no finer and connections race: an admission came before the
# discharge, and only a cancelled discharge opens a stay again.
_RANKS: Final = {
    EventKind.PRE_ADMIT: 10,
    EventKind.REGISTER: 20,
    EventKind.ADMIT: 30,
    EventKind.TRANSFER: 40,
    EventKind.CANCEL_TRANSFER: 45,
    EventKind.DISCHARGE: 60,
    EventKind.CANCEL_DISCHARGE: 70,
    EventKind.CANCEL_ADMIT: 80,
}
_MIDDLE: Final = 50
_YOUNGER_THAN_COPIES: Final = "0002"


@dataclass(frozen=True, slots=True)
class Word:
    """What a message's statements weigh; a copy's are weaker than any of the source itself."""

    at: datetime
    rank: int
    is_copy: bool
    is_early: bool

    @classmethod
    def of(cls, message: HospitalMessage, received_at: datetime) -> "Word":
        """Return the weight of a message.

        A sender whose clock runs ahead must not make everything after it look old: it speaks as
        of its arrival, before whatever was rightly said in that second.
        """
        is_early = message.recorded_at is not None and message.recorded_at > received_at
        at = received_at if is_early else message.recorded_at or received_at
        rank = _RANKS.get(message.event, _MIDDLE)
        return cls(at, rank, message.event.carries_copies, is_early)

    def version(self, said: str = "", rank: int | None = None) -> str:
        """Return the version of what the source itself says of a thing of its own."""
        weight = self.rank if rank is None else rank
        return version_of(self.at, weight // 10 if self.is_early else weight, fingerprint(said))

    def version_of_copy(self, said: str = "") -> str:
        """Return a version that is older than any word of the thing's own source."""
        return f"{OLDEST}|{self.version(said)}"

    def on_person(self, said: str) -> str:
        """Return the version of what the message says of the person and of the visit."""
        return self.version_of_copy(said) if self.is_copy else self.version(said)


def _moment(version: str) -> str:
    """Return a version without the part that breaks ties."""
    return version.rpartition("|")[0]


def fingerprint(said: str) -> str:
    """Return text that is equal for equal news and tells nobody what it was.

    A bare digest of a telephone number is soon guessed; versions stand beside sealed columns.
    """
    return keyring().mac("version", said.encode()).hex() if said else ""


def text_of(values: Mapping[str, Any]) -> str:
    """Return columns and values as text that is equal only for equal ones."""
    return "\x1f".join(f"{name}={value!r}" for name, value in sorted(values.items()))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Which fields a message changed, and whether newer news had been there before it."""

    changed: frozenset[str]
    is_overtaken: bool


def tell(
    row: Any, word: Word, said: Mapping[str, Mapping[str, Any]], *, is_again: bool = False
) -> Outcome:
    """Write each field of which the message has the last word so far; `said` maps it to columns.

    Whatever the order of arrival, the greatest version of each field stands in the end. A message
    that is read again (`is_again`) may say its own words anew: what they mean here has changed.
    """
    stamps, changed, is_overtaken = dict(row.stamps), set(), False
    moment = _moment(word.on_person(""))
    for field, columns in said.items():
        stood = stamps.get(field, "")
        if word.is_copy and stood > _YOUNGER_THAN_COPIES:
            continue
        news = {name: value for name, value in columns.items() if getattr(row, name) != value}
        is_known = not news and _moment(stood) == moment
        version = stood if is_known else f"{moment}|{tie_of(fingerprint(text_of(columns)))}"
        is_own = is_again and _moment(stood) == moment
        if not (is_own or version > stood):
            is_overtaken = is_overtaken or bool(news)
            continue
        stamps[field] = version
        for name, value in news.items():
            setattr(row, name, value)
        if news:
            changed.add(field)
    if stamps != row.stamps:
        row.stamps = stamps
    return Outcome(frozenset(changed), is_overtaken)
