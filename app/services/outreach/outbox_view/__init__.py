"""What operators see of sending: lanes, routes, and what waits for a person. Reading only.

The outbox has millions of rows: every question reads an index, and counts end at a bound.
"""

from app.services.outreach.outbox_view.routes import (
    Counted,
    Deed,
    GateState,
    RouteStatus,
    count_token_drops,
    list_deeds,
    read_route,
    read_routes,
)
from app.services.outreach.outbox_view.waiting import (
    MOST,
    PAGE,
    SAMPLE,
    DeadGroup,
    LaneStatus,
    MessageLine,
    count_at_rest,
    list_messages,
    read_dead_letters,
    read_lanes,
)

__all__ = [
    "MOST",
    "PAGE",
    "SAMPLE",
    "Counted",
    "DeadGroup",
    "Deed",
    "GateState",
    "LaneStatus",
    "MessageLine",
    "RouteStatus",
    "count_at_rest",
    "count_token_drops",
    "list_deeds",
    "list_messages",
    "read_dead_letters",
    "read_lanes",
    "read_route",
    "read_routes",
]
