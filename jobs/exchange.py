"""What goes to other systems: claim in one short transaction, call in none, settle in another."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final, TypeVar

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.database import unit_of_work
from app.domain.exchange.delivering import Broken, CallError, CallOutcome
from app.domain.exchange.documents import DocumentStatus
from app.domain.exchange.targets import DocumentSender, HospitalTargets
from app.domain.exchange.webhooks import WebhookCall
from app.models import OutboundDocument
from app.models.exchange.answering import take_answers
from app.services.exchange import deliveries, handing_over, telling
from jobs.insisting import insist

log = structlog.get_logger()

WebhookSender = Callable[[WebhookCall], CallOutcome]
Now = Callable[[], datetime]
Outgoing = TypeVar("Outgoing")

# Three calls of 15 s one after another fit into a lease of a minute.
_DOCUMENTS: Final = 3
# Of one subscriber in one round, so that a slow one takes no more than its share.
_PER_SUBSCRIBER: Final = 4
WEBHOOKS_AT_ONCE: Final = 8
_ASKED: Final = 200
# Theirs, and more is to be said of it.
_UNFINISHED: Final = (DocumentStatus.SENT, DocumentStatus.ACCEPTED, DocumentStatus.READY)


def queue_approved(targets: HospitalTargets, now: Now) -> int:
    """Queue what is approved; return how many."""
    if not targets.routes:
        return 0
    with unit_of_work.begin() as session:
        return handing_over.queue_approved(session, targets.routes, now())


def hand_over(name: str, send: DocumentSender, now: Now) -> int:
    """Send what is due to one hospital system, one after another; return how many were claimed.

    In their order and one at a time: interfaces of hospital systems take one connection, and a
    cancellation must not overtake what it cancels.
    """
    with unit_of_work.begin() as session:
        token, claimed = deliveries.claim(session, [f"his:{name}"], now(), _DOCUMENTS)
    for id_ in claimed:
        calls = insist(
            lambda session, id_=id_: handing_over.begin_handing_over(  # type: ignore[misc]
                session, token, [id_], now()
            )
        )
        # No transaction is open here: the system may keep us waiting.
        _settle(token, {called: _attempt(send, document) for called, document in calls}, now)
    return len(claimed)


def tell_subscribers(send: WebhookSender, pool: ThreadPoolExecutor, now: Now) -> int:
    """Make the webhook calls that are due, one batch; return how many were claimed."""
    with unit_of_work.begin() as session:
        due = deliveries.due_webhooks(session, now())
        token, claimed = deliveries.claim(session, due, now(), _PER_SUBSCRIBER)
    for start in range(0, len(claimed), WEBHOOKS_AT_ONCE):
        ids = claimed[start : start + WEBHOOKS_AT_ONCE]
        calls = insist(
            lambda session, ids=ids: telling.begin_telling(session, token, ids, now())  # type: ignore[misc]
        )
        flying = {id_: pool.submit(_attempt, send, call) for id_, call in calls}
        _settle(token, {id_: future.result() for id_, future in flying.items()}, now)
    return len(claimed)


def ask_back(targets: HospitalTargets, now: Now) -> int:
    """Ask the systems that answer in a table; return how many answers they gave."""
    found = 0
    for name, target in targets.read_back.items():
        with unit_of_work.begin() as session:
            numbers = list(
                session.scalars(
                    select(OutboundDocument.number)
                    .where(
                        OutboundDocument.target == f"his:{name}",
                        OutboundDocument.status.in_(_UNFINISHED),
                    )
                    .order_by(OutboundDocument.answered_at, OutboundDocument.id)
                    .limit(_ASKED)
                )
            )
        if not numbers:
            continue
        try:
            answers = target.answers(numbers, now())
        except SQLAlchemyError as error:
            log.warning("table_not_read", exc_info=error)
            continue
        for answer in answers:
            with unit_of_work.begin() as session:
                take_answers(session, [answer], now())
        found += len(answers)
    return found


def _attempt(send: Callable[[Outgoing], CallOutcome], what: Outgoing) -> CallOutcome:
    try:
        return send(what)
    except Exception as error:
        # A sender that raises broke off somewhere: whether bytes left is not known.
        log.error("sender_failed", exc_info=error)
        return Broken(CallError.AMBIGUOUS)


def _settle(token: str, outcomes: Mapping[int, CallOutcome], now: Now) -> None:
    if not outcomes:
        return
    try:
        lost = insist(lambda session: deliveries.settle(session, token, outcomes, now()))
    except Exception as error:
        if len(outcomes) == 1:
            # The sweeper will find a call without an outcome.
            log.error("settling_failed", message_id=next(iter(outcomes)), exc_info=error)
            return
        for id_, outcome in outcomes.items():
            _settle(token, {id_: outcome}, now)
        return
    for id_ in lost:
        log.warning("claim_lost", message_id=id_)
