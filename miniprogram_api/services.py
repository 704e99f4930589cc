"""What the wiring hands to this face, and how a route gets at it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from flask import Flask, current_app

from app.domain.exchange.medicine_rules import MedicineRules
from app.domain.outreach.messaging import Outlets
from app.services.trust.wechat_sign_in import WeChatIdentity

_KEY: Final = "phone-services"


@dataclass(frozen=True, slots=True)
class PhoneServices:
    """`exchange_code` asks WeChat who is behind a login code; `device_vendors` maps keys to labels.

    It raises `app.services.trust.wechat_sign_in.CodeRefused` or `PlatformUnavailable`.
    """

    exchange_code: Callable[[str], WeChatIdentity]
    mini_program_key: str
    outlets: Outlets
    medicines: MedicineRules = field(default_factory=MedicineRules)
    device_vendors: Mapping[str, str] = field(default_factory=dict)


def install(app: Flask, services: PhoneServices) -> None:
    app.extensions[_KEY] = services


def phone_services() -> PhoneServices:
    found: PhoneServices = current_app.extensions[_KEY]
    return found
