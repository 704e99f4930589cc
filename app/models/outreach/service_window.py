"""When a person may be written to as the customer service: after they wrote or came there."""

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
    """Return how many customer-service messages the platform would still let through.

    What waits in the outbox counts as sent. Once the platform said that the window is closed or
    used up, it is, until the person acts again.
    """
    windows = session.scalars(
        select(ServiceWindow).where(
            ServiceWindow.account_id == account_id, ServiceWindow.closes_at > now
        )
    ).all()
    if not windows:
        return 0
    since, latest = (pick(one.opened_at for one in windows) for pick in (min, max))
    written = session.scalars(
        select(Communication).where(
            Communication.account_id == account_id,
            Communication.channel == Channel.CUSTOMER_SERVICE,
            or_(Communication.state.in_(_ON_THE_WAY), Communication.first_called_at >= since),
        )
    ).all()
    if any(
        one.error_class == ErrorClass.WINDOW
        and one.first_called_at is not None
        and one.first_called_at >= latest
        for one in written
    ):
        return 0
    counted = [
        one
        for one in written
        # A call without an answer may have been one of them.
        if one.state in _ON_THE_WAY or one.error_class in (None, ErrorClass.AMBIGUOUS)
    ]
    return max(0, sum(SERVICE_WINDOWS[one.opener].most for one in windows) - len(counted))
