"""What platforms take in a day."""

import pytest

from app.domain.outreach.channels import day_quota
from app.domain.outreach.messaging import Channel


@pytest.mark.parametrize(
    ("channel", "most"),
    [
        (Channel.SUBSCRIPTION, 10_000_000),
        (Channel.TEMPLATE, 100_000),
        (Channel.WECOM_TEXT, 2_400),  # 12 members
        (Channel.WECOM_CARD, 2_400),
        (Channel.SMS, None),
        (Channel.INBOX, None),
    ],
)
def test_quotas_are_of_the_platform_or_nobody(channel: Channel, most: int | None) -> None:
    assert day_quota(channel, seats=12) == most
