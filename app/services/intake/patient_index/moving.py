"""Bringing the rows of a retired record to the head, and taking them back."""

from collections import Counter
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.models import Event, MoveDeed, RecordLink, RecordMove
from app.services.intake.patient_index import conflicts, ledger, results, tag_conflicts
from app.services.intake.patient_index.numbered import exchange, settle_numbered
from app.services.intake.patient_index.treatments import FOLLOWS, MOVES, owner_of, table_of

_CONFLICTS = (
    conflicts.end_second_plans,
    conflicts.keep_one_proposal,
    conflicts.join_alerts,
    tag_conflicts.settle_tags,
    tag_conflicts.keep_current,
    tag_conflicts.keep_one_preference,
    tag_conflicts.leave_repeated_interactions,
    conflicts.keep_one_link,
    conflicts.keep_withdrawals,
)


def begin(session: Session, link: RecordLink, head: int, at: datetime) -> None:
    """Open the ledger of a merge: the order of ledgers is the order of merges."""
    ledger.note(session, link, "patient", [link.patient_id], MoveDeed.BEGAN, at, {"to": head})


def bring_over(session: Session, link: RecordLink, head: int, at: datetime) -> list[Event]:
    """Give the head every row of the retired record; again, only those that came since.

    Return what the results then say anew; the caller decides whether to tell.
    """
    session.flush()
    retired = link.patient_id
    results.leave_repeats(session, link, retired, head, at)
    for table, treatment in MOVES.items():
        if treatment.numbered:
            settle_numbered(session, link, table, retired, head, at)
    for settle in _CONFLICTS:
        settle(session, link, retired, head, at)
    under_both = results.told_under_both(session, link, retired, head)
    were_current = _unsettle_moving(session, link, retired, head, under_both)
    for table in MOVES:
        whose = owner_of(table) == retired
        ledger.note_all(session, link, table, whose, at)
        ledger.hand_over(session, link, table, retired, head)
    stands = results.settle(session, head, under_both)
    session.expire_all()
    return list(results.news_of(session, head, were_current, stands, at))


def take_back(session: Session, link: RecordLink, head: int) -> Counter[str]:
    """Give the retired record its rows again, undo what else the merge did, empty the ledger.

    Return how many rows of each table could not be given back as they were: they have since gone
    to somebody else, or been changed.
    """
    session.flush()
    retired, left = link.patient_id, Counter[str]()
    _let_follow(session, link, head)
    under_both = results.told_under_both(session, link, retired, head, is_apart=False)
    results.unsettle(session, (retired, head), under_both)
    exchanged = _unpark(session, link, head)
    tag_conflicts.make_room(session, link, retired, head)
    for table in MOVES:
        there = ledger.count(session, link.id, table, MoveDeed.MOVED)
        gone = there - ledger.hand_over(session, link, table, head, retired) - exchanged[table]
        if gone:
            left[table] += gone
    left.update(_undo_changes(session, link))
    for owner in (retired, head):
        results.settle(session, owner, under_both)
    for name in ("alert_step", "care_plan_step"):
        made, step = ledger.noted(link.id, name, MoveDeed.MADE), table_of(name)
        session.execute(delete(step).where(step.c.id.in_(made)))
    ledger.forget(session, link)
    session.expire_all()
    return left


def _unsettle_moving(
    session: Session, link: RecordLink, retired: int, head: int, identities: list[bytes]
) -> list[int]:
    """Make versions that are to meet not current; those left aside keep their word."""
    aside = set(session.scalars(ledger.noted(link.id, "observation", MoveDeed.STAYED)))
    were = results.unsettle(session, (retired, head), identities)
    observation = table_of("observation")
    again = [row_id for row_id in were if row_id in aside]
    session.execute(update(observation).where(observation.c.id.in_(again)).values(is_current=True))
    return [row_id for row_id in were if row_id not in aside]


def _let_follow(session: Session, link: RecordLink, head: int) -> None:
    """Note as moved what came after the merge and hangs on what goes back."""
    for table, column, parent in FOLLOWS:
        kept = table_of(table)
        goes_back = kept.c[column].in_(ledger.noted(link.id, parent, MoveDeed.MOVED))
        ledger.note_all(session, link, table, (owner_of(table) == head) & goes_back, link.at)
    _let_words_follow(session, link, head)


def _let_words_follow(session: Session, link: RecordLink, head: int) -> None:
    """What an account said after the merge goes with its link, unless it has another one."""
    links, consent = table_of("patient_link"), table_of("consent")
    going = ledger.noted(link.id, "patient_link", MoveDeed.MOVED)
    theirs = select(links.c.account_id).where(links.c.id.in_(going))
    staying = select(links.c.account_id).where(links.c.patient_id == head, links.c.id.not_in(going))
    whose = (
        (consent.c.patient_id == head)
        & consent.c.account_id.in_(theirs)
        & consent.c.account_id.not_in(staying)
        & (consent.c.at > link.at)
    )
    ledger.note_all(session, link, "consent", whose, link.at)


def _unpark(session: Session, link: RecordLink, head: int) -> Counter[str]:
    """Give the head what was put aside; return how many moved rows went back in exchange."""
    exchanged = Counter[str]()
    for table in MOVES:
        kept, owner = table_of(table), owner_of(table)
        for move in ledger.entries(session, link.id, table, MoveDeed.PARKED):
            pair = [move.row_id, *([move.before["for"]] if "for" in move.before else [])]
            found = session.execute(select(kept.c.id, owner).where(kept.c.id.in_(pair)))
            owners = {row_id: whose for row_id, whose in found}  # noqa: C416  # typed so
            if [owners.get(row_id) for row_id in pair] == [link.patient_id, head]:
                exchange(session, table, pair[1], pair[0])
                exchanged[table] += 1
            elif len(pair) == 1 and owners.get(move.row_id) == link.patient_id:
                session.execute(
                    update(kept).where(kept.c.id == move.row_id).values({owner.name: head})
                )
    return exchanged


def _undo_changes(session: Session, link: RecordLink) -> Counter[str]:
    left = Counter[str]()
    for table in MOVES:
        for move in ledger.entries(session, link.id, table, MoveDeed.MOVED, MoveDeed.CHANGED):
            if not move.before:
                continue
            is_over = _is_overtaken(session, move) or tag_conflicts.is_replaced(session, move)
            if is_over or not ledger.put_back(session, move):
                left[table] += 1
    return left


def _is_overtaken(session: Session, move: RecordMove) -> bool:
    """Tell whether the account has ended the link that stood for this one too."""
    if "for_link" not in move.before:
        return False
    links = table_of("patient_link")
    stood = select(links.c.is_live).where(links.c.id == move.before["for_link"])
    return session.scalar(stood) is None
