"""Through whom a patient can be reached: what messages and segments both mean by it."""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select
from sqlalchemy.orm import aliased

from app.domain.criteria.population import Reach
from app.models.profile.patient import Patient
from app.models.trust.account import PatientLink, WeChatAccount


def follows_as(follower: type[WeChatAccount], unionid: Any) -> ColumnElement[bool]:
    """Return that `follower` (WeChatAccount) follows its account and is the person of `unionid`.

    One person has an account of ours for each app; only the unionid joins them.
    """
    return and_(follower.unionid == unionid, follower.is_following.is_(True))


def is_follower() -> ColumnElement[bool]:
    """Return that a WeChatAccount, or the same person by another one, follows us."""
    other = aliased(WeChatAccount)
    return or_(
        WeChatAccount.is_following.is_(True),
        exists().where(follows_as(other, WeChatAccount.unionid)),
    )


def reached_by(way: Reach) -> Select[int]:
    """Select the ids of the patients whom a way leads to, or to someone who may act for them.

    Only a user of the mini-program can bind a record, so any live link leads there.
    """
    if way is Reach.PHONE:
        return select(Patient.id).where(Patient.phone_index.is_not(None))
    linked = select(PatientLink.patient_id).where(PatientLink.is_live.is_(True))
    if way is Reach.OFFICIAL_ACCOUNT:
        linked = linked.join(WeChatAccount, WeChatAccount.id == PatientLink.account_id)
        linked = linked.where(is_follower())
    return linked
