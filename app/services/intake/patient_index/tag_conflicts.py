"""Two records of one person with words on tags, tags, risks and ways of their own.

A person's word goes before what machines found, the newer word before the older; of an exclusion
group one tag is borne. What is set aside is noted and comes back with an unmerge.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.models import MoveDeed, RecordLink, RecordMove, Tag
from app.services.intake.patient_index import ledger
from app.services.intake.patient_index.numbered import swap
from app.services.intake.patient_index.pairs import pairs
from app.services.intake.patient_index.treatments import table_of


def settle_tags(session: Session, link: RecordLink, retired: int, head: int, at: datetime) -> None:
    """Leave the head one word on each tag, and one tag of each kind and group."""
    side = _Side(session, link, retired, head, at)
    words = side.settle_words()
    borne = side.settle_same_tag(words)
    side.settle_groups(borne, words)
    for _, theirs in pairs(session, link, "tag_proposal", ("tag_id", "is_open"), retired, head):
        ledger.note(session, link, "tag_proposal", [theirs.id], MoveDeed.STAYED, at)


def keep_current(session: Session, link: RecordLink, retired: int, head: int, at: datetime) -> None:
    """Of two ways of living of one kind the newer is current; risks are assessed anew."""
    for ours, theirs in pairs(
        session, link, "social_history", ("code", "is_current"), retired, head
    ):
        is_theirs_newer = theirs.at > ours.at
        older = ours if is_theirs_newer else theirs
        deed = MoveDeed.CHANGED if is_theirs_newer else MoveDeed.MOVED
        ledger.alter(session, link, "social_history", older.id, deed, at, {"is_current": None})


def keep_one_preference(
    session: Session, link: RecordLink, retired: int, head: int, at: datetime
) -> None:
    """Of one preference told twice the patient's own word stands, else the newer count."""
    for ours, theirs in pairs(session, link, "preference", ("kind", "value"), retired, head):
        if (theirs.is_stated, theirs.updated_at) > (ours.is_stated, ours.updated_at):
            swap(session, link, "preference", to_head=theirs.id, to_retired=ours.id, at=at)
        else:
            ledger.note(session, link, "preference", [theirs.id], MoveDeed.STAYED, at)


def leave_repeated_interactions(
    session: Session, link: RecordLink, retired: int, head: int, at: datetime
) -> None:
    """One phone's one deed that reached us under both records counts once."""
    for _, theirs in pairs(session, link, "interaction", ("reference",), retired, head):
        ledger.note(session, link, "interaction", [theirs.id], MoveDeed.STAYED, at)


# Of each of these a patient has one at a time: table → what it is of, and the column that says so.
_ONE_AT_A_TIME: Final[Mapping[str, tuple[str, str]]] = {
    "tag_assignment": ("tag_id", "is_live"),
    "tag_decision": ("tag_id", "is_live"),
    "tag_proposal": ("tag_id", "is_open"),
    "risk_assessment": ("score", "is_current"),
    "social_history": ("code", "is_current"),
}


def make_room(session: Session, link: RecordLink, retired: int, head: int) -> None:
    """Before an unmerge: what goes back and came to life since goes before what stayed behind."""
    for table, (of, flag) in _ONE_AT_A_TIME.items():
        kept = table_of(table)
        back = select(kept.c[of]).where(
            kept.c.patient_id == head,
            kept.c[flag].is_(True),
            kept.c.id.in_(ledger.noted(link.id, table, MoveDeed.MOVED)),
        )
        stale = kept.c[of].in_(list(session.scalars(back)))
        session.execute(
            update(kept)
            .where(kept.c.patient_id == retired, kept.c[flag].is_(True), stale)
            .values({flag: None})
        )


def is_replaced(session: Session, move: RecordMove) -> bool:
    """Tell whether what a merge ended has a successor since, so that it cannot live again."""
    of, flag = _ONE_AT_A_TIME.get(move.table_name, ("", ""))
    if flag not in move.before or not of:
        return False
    kept = table_of(move.table_name)
    row = session.execute(select(kept).where(kept.c.id == move.row_id)).one_or_none()
    if row is None:
        return False
    other = select(kept.c.id).where(
        kept.c.patient_id == row.patient_id,
        kept.c[of] == row._mapping[of],
        kept.c[flag].is_(True),
        kept.c.id != row.id,
    )
    return session.scalar(other.limit(1)) is not None


@dataclass(frozen=True, slots=True)
class _Row:
    """A live row, and whether it is the head's already."""

    row: Any
    is_ours: bool


class _Side:
    def __init__(
        self, session: Session, link: RecordLink, retired: int, head: int, at: datetime
    ) -> None:
        self.session, self.link, self.at = session, link, at
        self.retired, self.head = retired, head

    def settle_words(self) -> dict[int, _Row]:
        """Return the newest live word on each tag; the older one is silent from here on."""
        newest: dict[int, _Row] = {}
        for tag_id, said in self._live("tag_decision").items():
            said.sort(key=lambda one: (one.row.at, one.is_ours))
            newest[tag_id] = said.pop()
            for older in said:
                self._silence(older)
        return newest

    def settle_same_tag(self, words: dict[int, _Row]) -> dict[int, _Row]:
        """Return what is borne of each tag after the merge."""
        borne: dict[int, _Row] = {}
        for tag_id, rows in self._live("tag_assignment").items():
            word = words.get(tag_id)
            if word is not None and word.row.is_borne is False:
                for one in rows:
                    self._end(one)
                continue
            speaker = word if word is not None and word.row.is_borne else None
            rows.sort(
                key=lambda one: (
                    speaker is not None and one.is_ours is speaker.is_ours,
                    one.row.is_locked,
                    one.is_ours,
                )
            )
            borne[tag_id] = rows.pop()
            for other in rows:
                self._end(other)
        return borne

    def settle_groups(self, borne: dict[int, _Row], words: dict[int, _Row]) -> None:
        groups: dict[str, list[int]] = defaultdict(list)
        asked = select(Tag.id, Tag.exclusion_group).where(
            Tag.id.in_(list(borne)), Tag.exclusion_group.is_not(None)
        )
        for tag_id, group in self.session.execute(asked):
            groups[str(group)].append(tag_id)
        for members in groups.values():
            members.sort(key=lambda tag_id: self._rank(borne[tag_id], words.get(tag_id)))
            for loser in members[:-1]:
                # Rivals that the head alone bears are no matter of the merge.
                if borne[loser].is_ours and borne[members[-1]].is_ours:
                    continue
                self._end(borne[loser])
                if loser in words and words[loser].row.is_borne:
                    self._silence(words[loser])

    def _rank(self, one: _Row, word: _Row | None) -> tuple[Any, ...]:
        is_said = word is not None and word.row.is_borne is True
        said_at = word.row.at.timestamp() if word is not None and is_said else 0.0
        return (is_said, said_at, one.row.is_locked, one.row.confidence, one.is_ours)

    def _live(self, table: str) -> dict[int, list[_Row]]:
        """Return the live rows of both records by tag, without what stays aside already."""
        kept = table_of(table)
        rows = self.session.execute(
            select(kept).where(
                kept.c.patient_id.in_((self.retired, self.head)), kept.c.is_live.is_(True)
            )
        ).all()
        aside = set(self.session.scalars(ledger.noted(self.link.id, table)))
        found: dict[int, list[_Row]] = defaultdict(list)
        for row in rows:
            is_ours = row.patient_id == self.head
            if is_ours or row.id not in aside:
                found[row.tag_id].append(_Row(row, is_ours))
        return found

    def _end(self, one: _Row) -> None:
        self._put_aside(one, "tag_assignment", {"is_live": None, "ends_at": self.at})

    def _silence(self, one: _Row) -> None:
        self._put_aside(one, "tag_decision", {"is_live": None})

    def _put_aside(self, one: _Row, table: str, values: dict[str, Any]) -> None:
        """End a row of the head; leave one of the retired record where it is, as it is."""
        if one.is_ours:
            ledger.alter(
                self.session, self.link, table, one.row.id, MoveDeed.CHANGED, self.at, values
            )
        else:
            ledger.note(self.session, self.link, table, [one.row.id], MoveDeed.STAYED, self.at)
