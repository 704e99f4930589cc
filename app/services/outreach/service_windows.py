"""The windows in which the customer service may write, opened by what people do."""

from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.outreach.channels import SERVICE_WINDOWS, Opener
from app.domain.outreach.platform_events import Inbound
from app.models import ServiceWindow, WeChatAccount

# Kinds of push by which a mini-program tells that somebody wrote, or came to the session.
OPENERS: Final = {
    "text": Opener.MESSAGE,
    "image": Opener.MESSAGE,
    "miniprogrampage": Opener.MESSAGE,
    "user_enter_tempsession": Opener.ENTER,
}


def open_window(session: Session, inbound: Inbound, now: datetime) -> None:
    """Handle what a person did in the customer-service session; an older one changes nothing."""
    opener, at = OPENERS[inbound.message.kind], inbound.message.created_at
    account = WeChatAccount.known_as(session, inbound.app_key, inbound.message.sender, at)
    window = session.scalar(select(ServiceWindow).filter_by(account_id=account.id, opener=opener))
    closes_at = at + SERVICE_WINDOWS[opener].within
    if window is None:
        session.add(
            ServiceWindow(account_id=account.id, opener=opener, opened_at=at, closes_at=closes_at)
        )
        session.flush()
    elif window.opened_at < at:
        window.opened_at, window.closes_at = at, closes_at
