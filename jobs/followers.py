"""Who a follower of the official account is over our apps: asked once they follow."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from sqlalchemy import select, update

from app import clock
from app.database import unit_of_work
from app.integrations.platform_http import CallFailed
from app.integrations.wechat import OfficialAccount
from app.models import Event, WeChatAccount

# Some followers have no unionid yet; they are asked for a while after they came, not for ever.
_ASK_FOR: Final = timedelta(minutes=10)
_BATCH: Final = 20


def name_followers(accounts: Mapping[str, OfficialAccount]) -> int:
    """Fetch the unionid of recent followers; return how many were found."""
    since = clock.now() - _ASK_FOR
    with unit_of_work.begin() as session:
        nameless = session.execute(
            select(WeChatAccount.id, WeChatAccount.app_key, WeChatAccount.openid)
            .where(
                WeChatAccount.app_key.in_(accounts),
                WeChatAccount.is_following.is_(True),
                WeChatAccount.unionid.is_(None),
                WeChatAccount.last_seen_at > since,
            )
            .limit(_BATCH)
        ).all()
    found = 0
    for id_, app_key, openid in nameless:
        try:
            follower = accounts[app_key].follower(openid)  # no transaction is open here
        except CallFailed:
            continue
        if follower.unionid is not None:
            with unit_of_work.begin() as session:
                session.execute(
                    update(WeChatAccount)
                    .where(WeChatAccount.id == id_)
                    .values(unionid=follower.unionid)
                )
                session.add(Event.of("account.named", clock.now(), account_id=id_))
            found += 1
    return found
