"""What people call the channels, and the routes of each."""

from typing import Final

from app.domain.outreach.messaging import Channel

NO_APP: Final = "-"  # in a key: the route needs no app of ours (SMS)
CHANNELS: Final = {
    Channel.INBOX: "小程序消息",
    Channel.SUBSCRIPTION: "订阅消息",
    Channel.TEMPLATE: "公众号消息",
    Channel.SMS: "短信",
    Channel.WECOM_CARD: "企业微信卡片",
    Channel.WECOM_TEXT: "企业微信文字",
    Channel.WECOM_CARD_UPDATE: "企业微信卡片更新",
}


def route_name(channel: Channel, key: str) -> str:
    """Return the name of a route whose app is written as in keys."""
    return CHANNELS[channel] if key == NO_APP else f"{CHANNELS[channel]} · {key}"
