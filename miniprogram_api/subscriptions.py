"""Rights to send subscription messages, as the phone reports them; they belong to the account."""

from typing import Any

from sqlalchemy.orm import Session

from app import clock
from app.database import unit_of_work
from app.domain.errors import NotFound
from app.models.outreach.subscription_ledger import balance
from app.services.outreach.subscriptions import Reporter, record_answer
from miniprogram_api.doors import account_id, blueprint, for_wechat_users
from miniprogram_api.schemas import RightsOut, SubscriptionsIn
from miniprogram_api.services import phone_services

subscriptions = blueprint("subscriptions")


@subscriptions.post("/subscriptions")
@for_wechat_users
@subscriptions.input(SubscriptionsIn, arg_name="body")
@subscriptions.output(RightsOut, status_code=201)
def report(body: dict[str, Any]) -> dict[str, Any]:
    """Report what wx.requestSubscribeMessage answered

    One `reference` a popup; sent again, it counts once. The platform's own report of the same
    popup is not counted twice.
    """
    now, account = clock.now(), account_id()
    known = {one.template_id: one for one in phone_services().outlets.subscriptions.values()}
    if any(one["template_id"] not in known for one in body["answers"]):
        raise NotFound
    with unit_of_work.begin() as session:
        for one in body["answers"]:
            record_answer(
                session,
                account,
                one["template_id"],
                one["answer"] in ("accept", "acceptWithAudio"),
                Reporter.PHONE,
                str(body["reference"]),
                now,
                is_long_term=known[one["template_id"]].is_long_term,
            )
        return {"rights": _rights(session, account)}


@subscriptions.get("/subscriptions")
@for_wechat_users
@subscriptions.output(RightsOut)
def left() -> dict[str, Any]:
    """Read how many messages of each purpose I may still be sent"""
    account = account_id()
    with unit_of_work.begin() as session:
        return {"rights": _rights(session, account)}


def _rights(session: Session, account: int) -> list[dict[str, Any]]:
    session.flush()
    return [
        {
            "purpose": purpose,
            "template_id": template.template_id,
            "is_long_term": template.is_long_term,
            "left": balance(session, account, template.template_id),
        }
        for purpose, template in phone_services().outlets.subscriptions.items()
    ]
