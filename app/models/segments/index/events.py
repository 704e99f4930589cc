"""Which events may change what is indexed, and of whom."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from pyroaring import BitMap
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from app.database import database_time
from app.models.event import Event
from app.models.event_gaps import missed_after
from app.models.profile.patient import Patient
from app.models.segments.index.bitmaps import Reading
from app.models.segments.index.packing import bitmap_of
from app.models.trust.account import PatientLink, WeChatAccount

MOST_AT_ONCE: Final = 5_000
# A batch of an import gets its ids at once and commits them late: so many may be in flight.
_MOST_GAPS: Final = 20_000
# First words of kinds that tell of nothing indexed; of a kind not known here, who knows.
_DEAF_TO: Final = frozenset(
    {
        "alert", "allergy", "appointment", "communication", "consent", "document", "encounter",
        "immunization", "interaction", "observation", "outbound", "report", "response", "result",
        "result-service", "rule", "service-request", "task", "term", "webhook",
    }
)  # fmt: skip
_BUT_NOT_TO: Final = frozenset({"encounter.moved"})  # its diagnoses and prescriptions went along
_OTHERS: Final = ("other_id", "patient_id")
_IN: Final = 500


def starting_point(session: Session) -> Reading:
    """Return where to read on from after reading everything else now."""
    newest = session.scalar(select(func.max(Event.id))) or 0
    seen = session.scalars(select(Event.id).where(Event.id > newest - _MOST_GAPS))
    return _moved(session, Reading(), seen.all())


def read_events(session: Session, reading: Reading) -> tuple[Reading, BitMap, int]:
    """Return how far it is now, which patients to read again, and how many events were read.

    :raises PatientIdTooLarge: an id is past 32 bits
    """
    rows = session.execute(
        select(Event.id, Event.kind, Event.patient_id, Event.payload)
        .where(or_(Event.id > reading.position, *_missed(reading)))
        .order_by(Event.id)
        .limit(MOST_AT_ONCE)
    ).all()
    speaking = [row for row in rows if _speaks(row.kind)]
    patients = {row.patient_id for row in speaking if row.patient_id is not None}
    for row in speaking:
        patients.update(row.payload[name] for name in _OTHERS if row.payload.get(name))
    accounts = {row.payload.get("account_id") for row in speaking if row.kind.startswith("account")}
    patients |= _linked_to(session, accounts - {None})
    found = bitmap_of(np.fromiter(_with_heads(session, patients), dtype=np.int64))
    return _moved(session, reading, [row.id for row in rows]), found, len(rows)


def _speaks(kind: str) -> bool:
    return kind in _BUT_NOT_TO or kind.partition(".")[0] not in _DEAF_TO


def is_of_another_history(session: Session, reading: Reading) -> bool:
    """Tell whether somebody read events that are not there: the database was restored."""
    return (session.scalar(select(func.max(Event.id))) or 0) < reading.position


def in_parts(ids: Iterable[int]) -> Iterable[Sequence[int]]:
    """Yield ids in portions that one statement may name."""
    listed = list(ids)
    for start in range(0, len(listed), _IN):
        yield listed[start : start + _IN]


def _moved(session: Session, reading: Reading, seen: Sequence[int]) -> Reading:
    return Reading(
        *missed_after(
            reading.position, reading.missed, seen, _MOST_GAPS, lambda: database_time(session)
        )
    )


def _missed(reading: Reading) -> list[Any]:
    """Return conditions for the ids passed over: neighbours in one, for there may be thousands."""
    spans: list[list[int]] = []
    for id_ in reading.missed:
        if spans and spans[-1][1] == id_ - 1:
            spans[-1][1] = id_
        else:
            spans.append([id_, id_])
    single = [first for first, last in spans if first == last]
    wide = [Event.id.between(first, last) for first, last in spans if first != last]
    return [*wide, *([Event.id.in_(single)] if single else [])]


def _linked_to(session: Session, accounts: set[Any]) -> set[int]:
    """Return whose record somebody may open who has these accounts, in whichever app."""
    theirs = aliased(WeChatAccount)
    found: set[int] = set()
    for part in in_parts(accounts):
        unionids = select(theirs.unionid).where(theirs.id.in_(part), theirs.unionid.is_not(None))
        found.update(
            session.scalars(
                select(PatientLink.patient_id)
                .join(WeChatAccount, WeChatAccount.id == PatientLink.account_id)
                .where(or_(WeChatAccount.id.in_(part), WeChatAccount.unionid.in_(unionids)))
            )
        )
    return found


def _with_heads(session: Session, patients: set[int]) -> set[int]:
    """Return patients with the records that speak for them since: what is told of one is theirs."""
    found, waiting = set(patients), set(patients)
    while waiting:
        onwards: set[int] = set()
        for part in in_parts(waiting):
            onwards.update(
                one
                for one in session.scalars(
                    select(Patient.merged_into_id).where(
                        Patient.id.in_(part), Patient.merged_into_id.is_not(None)
                    )
                )
                if one is not None
            )
        waiting = onwards - found
        found |= waiting
    return found
