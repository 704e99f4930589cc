"""Receipts that no platform pushes: asked for outside of locks, written in short transactions."""

from collections.abc import Callable, Mapping
from datetime import datetime

from app.database import unit_of_work
from app.domain.outreach.messaging import Channel
from app.domain.outreach.receipts import Inquirer
from app.services.outreach import receipt_queries


def ask_after(inquirers: Mapping[Channel, Inquirer], now: Callable[[], datetime]) -> int:
    """Ask what became of messages whose turn it is; return how many were settled."""
    settled = 0
    for channel, ask in inquirers.items():
        with unit_of_work.begin() as session:
            inquiries = receipt_queries.to_ask(session, channel, now())
        if not inquiries:
            continue
        answers = ask(inquiries)  # no transaction is open here
        for inquiry, answered in zip(inquiries, answers, strict=True):
            if answered is None:
                continue
            with unit_of_work.begin() as session:
                settled += receipt_queries.settle(session, inquiry, answered, now())
    return settled
