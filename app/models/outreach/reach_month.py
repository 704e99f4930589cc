"""How many messages reached patients, by month and channel: counted each night."""

from datetime import date

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import OPERATION, Base, Big, key_column
from app.domain.outreach.messaging import Channel


class ReachMonth(Base):
    """What one channel brought to patients in one month of the hospital's calendar."""

    __tablename__ = "reach_month"
    __table_args__ = (UniqueConstraint("month", "channel"),)

    id: Mapped[int] = key_column()
    month: Mapped[date] = mapped_column(info=OPERATION)  # its first day
    channel: Mapped[Channel] = mapped_column(info=OPERATION)
    messages: Mapped[int] = mapped_column(info=OPERATION)
    # No message planned in this month has a smaller id: where the next count begins.
    first_id: Mapped[int] = mapped_column(Big, info=OPERATION)
