"""What the relay handed in: opened with the keys of this tier, kept like a direct callback."""

from datetime import datetime

from app import clock
from app.database import unit_of_work
from app.integrations.callback_crypto import CallbackRefused
from app.integrations.relayed_push import RelayedPush
from app.services.outreach import platform_inbox
from app.services.outreach.relayed import NotGenuine, take_relayed
from app.web.callbacks import CallbackReceiver


def take_callbacks(pushes: CallbackReceiver) -> int:
    """Take over one batch; return how many pushes it had."""

    def open_push(record: bytes) -> tuple[str, bytes, datetime]:
        try:
            push = RelayedPush.unpack(record)
            return push.source, pushes.open(push), push.received_at
        except (CallbackRefused, ValueError, KeyError, TypeError):
            raise NotGenuine from None

    with unit_of_work.begin() as session:
        return take_relayed(
            session, open_push, platform_inbox.keep, platform_inbox.count_repeat, clock.now()
        )
