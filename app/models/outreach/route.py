"""What is known of each route to people: whether it is closed, and how much went by it."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from app.database import OPERATION, Base, PlatformId
from app.domain.outreach.gates import Closed
from app.domain.outreach.messaging import Channel, Route
from app.domain.outreach.route_names import NO_APP


def key_of(route: Route) -> str:
    """Return how the app of a route is written in a key, where nothing may be NULL."""
    return route.app_key or NO_APP


def route_of(channel: Channel, key: str) -> Route:
    return Route(channel, "" if key == NO_APP else key)


class RouteGate(Base):
    """The gate of one route, made when something goes wrong by it for the first time."""

    __tablename__ = "route_gate"

    channel: Mapped[Channel] = mapped_column(primary_key=True, info=OPERATION)
    app_key: Mapped[str] = mapped_column(PlatformId(32), primary_key=True, info=OPERATION)
    failures: Mapped[int] = mapped_column(default=0, info=OPERATION)
    closed: Mapped[Closed | None] = mapped_column(info=OPERATION)
    closed_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    until: Mapped[datetime | None] = mapped_column(info=OPERATION)
    # What the operators were told last; NULL: that it is open, or nothing.
    told: Mapped[Closed | None] = mapped_column(info=OPERATION)


class RouteMinute(Base):
    """How many calls were made by one route in one minute, and what came of them."""

    __tablename__ = "route_minute"

    channel: Mapped[Channel] = mapped_column(primary_key=True, info=OPERATION)
    app_key: Mapped[str] = mapped_column(PlatformId(32), primary_key=True, info=OPERATION)
    minute: Mapped[datetime] = mapped_column(primary_key=True, info=OPERATION)
    called: Mapped[int] = mapped_column(default=0, info=OPERATION)
    accepted: Mapped[int] = mapped_column(default=0, info=OPERATION)


class MemberMinute(Base):
    """How many WeCom messages one member was sent in one minute: past 30 they vanish unsaid."""

    __tablename__ = "member_minute"

    recipient_key: Mapped[str] = mapped_column(PlatformId(96), primary_key=True, info=OPERATION)
    minute: Mapped[datetime] = mapped_column(primary_key=True, info=OPERATION)
    called: Mapped[int] = mapped_column(default=0, info=OPERATION)
