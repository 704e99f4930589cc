"""What people call the channels."""

from typing import Final

from app.domain.outreach.messaging import Channel

CHANNELS: Final = {
    Channel.INBOX: "小程序消息",
    Channel.SUBSCRIPTION: "订阅消息",
    Channel.TEMPLATE: "公众号消息",
    Channel.SMS: "短信",
    Channel.WECOM_CARD: "企业微信卡片",
    Channel.WECOM_TEXT: "企业微信文字",
    Channel.WECOM_CARD_UPDATE: "企业微信卡片更新",
}
