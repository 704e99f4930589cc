"""Accounts made and kept up to date by signing in."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import WeChatAccount
from app.services.trust.wechat_sign_in import keep_account
from tests.conftest import NOON


@dataclass(frozen=True, slots=True)
class Identity:
    openid: str
    unionid: str | None = None
    session_key: str | None = None


def test_a_person_is_one_account_that_learns_more_with_time(session: Session) -> None:
    first = keep_account(session, "patient", Identity("oAbC", None, "k1"), NOON)
    second = keep_account(session, "patient", Identity("oAbC", "u1", "k2"), NOON)
    third = keep_account(session, "patient", Identity("oAbC"), NOON)

    assert first == second == third
    account = session.scalars(select(WeChatAccount)).one()
    assert (account.unionid, account.session_key) == ("u1", "k2")
    assert b"k2" not in (account.session_key_sealed or b"")


def test_openids_differ_by_case(session: Session) -> None:
    ids = {keep_account(session, "patient", Identity(openid), NOON) for openid in ("oAbC", "oabc")}

    assert len(ids) == 2
