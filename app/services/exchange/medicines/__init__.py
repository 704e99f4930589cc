"""Refills, deliveries and pick-ups by proxy: asked, signed, handed over, followed, told."""

from app.services.exchange.medicines.asking import (
    Asked,
    Asking,
    Proxy,
    ask_delivery,
    ask_pickup,
    ask_refill,
    cancel,
)
from app.services.exchange.medicines.following import (
    decline,
    find_for_staff,
    follow,
    lapse,
    lock_asked,
    note_signature,
)
from app.services.exchange.medicines.reading import (
    FlowDetail,
    FlowLine,
    MedicineLine,
    Show,
    flow_in_full,
    flows_for_staff,
    flows_of,
    medicines_of,
)

__all__ = [
    "Asked",
    "Asking",
    "FlowDetail",
    "FlowLine",
    "MedicineLine",
    "Proxy",
    "Show",
    "ask_delivery",
    "ask_pickup",
    "ask_refill",
    "cancel",
    "decline",
    "find_for_staff",
    "flow_in_full",
    "flows_for_staff",
    "flows_of",
    "follow",
    "lapse",
    "lock_asked",
    "medicines_of",
    "note_signature",
]
