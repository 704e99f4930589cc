"""Reactions run in a test's own session until nothing is left to react to."""

from collections.abc import Sequence
from functools import partial

from sqlalchemy.orm import Session

from app import clock
from app.services.reacting import react, who_must_read
from jobs.chores import Work
from jobs.reactions import REACTIONS, Reaction

_MOST_TURNS = 60


def settle(session: Session, work: Work, reactions: Sequence[Reaction] = REACTIONS) -> None:
    """Let every reaction read until nothing is new; a new cursor reads from its second turn."""
    for turn in range(_MOST_TURNS):
        waiting = who_must_read(session, {one.key: one.kinds for one in reactions}, clock.now())
        read = sum(
            react(session, one.key, one.kinds, partial(one.handle, work), clock.now())
            for one in reactions
            if one.key in waiting
        )
        session.flush()
        session.expire_all()
        if turn and not read:
            return
    raise AssertionError("the reactions go round in a circle")
