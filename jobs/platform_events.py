"""What the platforms' pushes set off: receipts, rights, followers, pressed cards."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.domain.outreach.platform_events import CardClick, Inbound, contact_added
from app.domain.staff.alert_card import CardButton
from app.models import Communication, Event, WeChatAccount
from app.services.outreach import receipts, subscriptions
from app.services.outreach.platform_inbox import Handler
from app.services.plans.enrolment import contacts
from app.services.staff import alert_cards, alert_handling
from jobs.chores import Work

log = structlog.get_logger()

# What people send: types of messages, not of events (WeChat, receiving messages).
_SPOKEN: Final = (
    "text", "image", "voice", "video", "shortvideo", "location", "link", "miniprogrampage",
)  # fmt: skip


def handlers(work: Work) -> Mapping[str, Handler]:
    """Return what to do with each kind of push; other kinds are kept and left."""
    answers = receipts.record_answers(_record_answer(work))
    return {
        **dict.fromkeys(_SPOKEN, _hear(work.outlets.mini_program)),
        "subscribe_msg_sent_event": receipts.settle_subscription,
        "TEMPLATESENDJOBFINISH": receipts.settle_template,
        "subscribe_msg_popup_event": answers,
        "subscribe_msg_change_event": answers,
        "subscribe": receipts.follow(_followed),
        "unsubscribe": receipts.follow(_followed),
        "template_card_event": receipts.click(_press(work)),
        "change_external_contact": _came,
    }


def _record_answer(work: Work) -> receipts.RecordAnswer:
    long_term = {one.template_id for one in work.outlets.subscriptions.values() if one.is_long_term}

    def record(
        session: Session,
        account_id: int,
        template_id: str,
        answer: str,
        now: datetime,
        *,
        source_key: bytes,
    ) -> None:
        subscriptions.record_answer(
            session, account_id, template_id, answer == "accept", subscriptions.Reporter.CALLBACK,
            source_key.hex(), now, is_long_term=template_id in long_term,
        )  # fmt: skip

    return record


def _hear(mini_program: str | None) -> Handler:
    """Return what notes that somebody wrote to us; staff write to WeCom's apps too."""

    def note(session: Session, inbound: Inbound, now: datetime) -> None:
        if inbound.app_key == mini_program:
            receipts.hear(session, inbound, now)

    return note


def _followed(session: Session, account: WeChatAccount, now: datetime) -> None:
    """Note it; a worker fetches the unionid, since no call is made in a transaction."""
    kind = "account.followed" if account.is_following else "account.unfollowed"
    session.add(Event.of(kind, now, account_id=account.id))


def _came(session: Session, inbound: Inbound, now: datetime) -> None:
    """Note who came by a contact way; a worker asks who they are."""
    added = contact_added(inbound.message)
    if added is not None:
        contacts.note_arrival(session, inbound.app_key, added, now)


def _press(work: Work) -> Callable[[Session, CardClick, datetime], None]:
    def press(session: Session, click: CardClick, now: datetime) -> None:
        try:
            button = CardButton(click.key)
            pressed = alert_handling.press_card(
                session, click.task_id, click.userid, button, now, work.zone
            )
        except (NotFound, ValueError):
            log.warning("card_press_refused", kind=click.key)
            return
        card = session.scalars(select(Communication).filter_by(public_id=click.task_id)).one()
        alert_cards.update_card(session, card, click.response_code, pressed.words, now)

    return press
