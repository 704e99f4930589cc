"""When a person may be written to as the customer service: after they wrote or came there."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.database import OPERATION, Base, key_column
from app.domain.outreach.channels import SERVICE_WINDOWS, Opener
from app.domain.outreach.messaging import Channel, CommunicationState, ErrorClass
from app.models.outreach.communication import Communication

_ON_THE_WAY = (
    CommunicationState.QUEUED,
    CommunicationState.CLAIMED,
    CommunicationState.CALLING,
)


class ServiceWindow(Base):
    """The last time an account did one of the things that let us write to it."""

    __tablename__ = "service_window"
    __table_args__ = (UniqueConstraint("account_id", "opener"),)

    id: Mapped[int] = key_column()
    account_id: Mapped[int] = mapped_column(ForeignKey("wechat_account.id"), info=OPERATION)
    opener: Mapped[Opener] = mapped_column(info=OPERATION)
    opened_at: Mapped[datetime] = mapped_column(info=OPERATION)  # the platform's clock
    closes_at: Mapped[datetime] = mapped_column(info=OPERATION)


def room(session: Session, account_id: int, now: datetime) -> int:
    """Return how many customer-service messages the platform would still let through."""
    return _rooms(session, {account_id}, now).get(account_id, (0, now))[0]


def open_windows(
    session: Session, account_ids: Collection[int], now: datetime
) -> dict[int, datetime]:
    """Return until when each account may be written to, of those that may now."""
    return {one: until for one, (left, until) in _rooms(session, account_ids, now).items() if left}


def _rooms(
    session: Session, account_ids: Collection[int], now: datetime
) -> dict[int, tuple[int, datetime]]:
    """Return how many messages each account may still get, and until when.

    What waits in the outbox counts as sent. Once the platform said that the window is closed or
    used up, it is, until the person acts again.
    """
    windows: dict[int, list[ServiceWindow]] = defaultdict(list)
    for window in session.scalars(
        select(ServiceWindow).where(
            ServiceWindow.account_id.in_(account_ids), ServiceWindow.closes_at > now
        )
    ):
        windows[window.account_id].append(window)
    if not windows:
        return {}
    since = min(one.opened_at for some in windows.values() for one in some)
    written: dict[int, list[Communication]] = defaultdict(list)
    for message in session.scalars(
        select(Communication).where(
            Communication.account_id.in_(windows),
            Communication.channel == Channel.CUSTOMER_SERVICE,
            or_(Communication.state.in_(_ON_THE_WAY), Communication.first_called_at >= since),
        )
    ):
        written[message.account_id or 0].append(message)
    return {
        account_id: (_left(some, written[account_id]), max(one.closes_at for one in some))
        for account_id, some in windows.items()
    }


def _left(windows: Sequence[ServiceWindow], written: Sequence[Communication]) -> int:
    since, latest = (pick(one.opened_at for one in windows) for pick in (min, max))
    called = [one for one in written if one.first_called_at and one.first_called_at >= since]
    if any(
        one.error_class == ErrorClass.WINDOW and one.first_called_at >= latest  # type: ignore[operator]  # chosen so
        for one in called
    ):
        return 0
    waiting = sum(one.state in _ON_THE_WAY for one in written)
    counted = sum(
        # A call without an answer may have been one of them.
        one.state not in _ON_THE_WAY and one.error_class in (None, ErrorClass.AMBIGUOUS)
        for one in called
    )
    return max(0, sum(SERVICE_WINDOWS[one.opener].most for one in windows) - waiting - counted)
