"""How many messages the platforms take in a day, by their own lists.

小程序 发送订阅消息: 10,000,000 a day, 30,000,000 with payment enabled.
公众号 模板消息运营规范: 100,000 a day, more with more than 100,000 followers.
企业微信 发送应用消息: the account limit of the corporation times 200 person-messages a day for each
app, cards and texts together.
SMS: as the contract with the provider says; the inbox is ours.
"""

from typing import Final

from app.domain.outreach.messaging import Channel

_A_DAY: Final = {Channel.SUBSCRIPTION: 10_000_000, Channel.TEMPLATE: 100_000}
_A_SEAT: Final = 200
BY_PERSON: Final = (Channel.WECOM_CARD, Channel.WECOM_TEXT)


def day_quota(channel: Channel, seats: int) -> int | None:
    """Return how many messages a day one app may send; None where no platform says.

    `seats` are the members of the corporation that we know, which are fewer than its limit.
    """
    return seats * _A_SEAT if channel in BY_PERSON else _A_DAY.get(channel)
