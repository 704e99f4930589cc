"""Rights to send, reported by phone and platform without a common name."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import SubscriptionGrant, WeChatAccount
from app.models.outreach.subscription_ledger import balance
from app.services.outreach.subscriptions import Reporter, record_answer
from tests.conftest import NOON

PHONE, CALLBACK = Reporter.PHONE, Reporter.CALLBACK


@pytest.fixture
def account_id(session: Session) -> int:
    account = WeChatAccount(app_key="patient", openid="o1", created_at=NOON, last_seen_at=NOON)
    session.add(account)
    session.flush()
    return account.id


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("reports", "rights"),
    [
        ([(PHONE, 0)], 1),
        ([(CALLBACK, 0)], 1),
        ([(PHONE, 0), (CALLBACK, 1)], 1),
        ([(CALLBACK, 0), (PHONE, 1)], 1),
        ([(PHONE, 0), (CALLBACK, 10)], 1),
        ([(PHONE, 0), (CALLBACK, 10.1)], 2),
        ([(PHONE, 0), (PHONE, 1), (CALLBACK, 2), (CALLBACK, 3)], 2),
        ([(PHONE, 0), (CALLBACK, 1), (PHONE, 2), (CALLBACK, 3)], 2),
        ([(PHONE, 0), (CALLBACK, 1), (CALLBACK, 2)], 2),
    ],
)
def test_one_popup_gives_one_right_whoever_reports_it_first(
    session: Session, account_id: int, reports: list[tuple[Reporter, float]], rights: int
) -> None:
    for number, (reporter, minutes) in enumerate(reports):
        record_answer(session, account_id, "T1", True, reporter, f"r{number}", after(minutes))
        session.flush()

    assert balance(session, account_id, "T1") == rights


def test_the_same_report_twice_counts_once(session: Session, account_id: int) -> None:
    for minutes in (0, 60):
        record_answer(session, account_id, "T1", True, PHONE, "r", after(minutes))
        session.flush()

    assert balance(session, account_id, "T1") == 1


def test_templates_do_not_pair_with_each_other(session: Session, account_id: int) -> None:
    record_answer(session, account_id, "T1", True, PHONE, "r", NOON)
    session.flush()
    record_answer(session, account_id, "T2", True, CALLBACK, "c", NOON)
    session.flush()

    assert balance(session, account_id, "T1") == balance(session, account_id, "T2") == 1


def test_a_refusal_and_a_long_term_yes_are_remembered_without_a_count(
    session: Session, account_id: int
) -> None:
    record_answer(session, account_id, "T1", False, PHONE, "r", NOON)
    record_answer(session, account_id, "T2", True, PHONE, "r", NOON, is_long_term=True)
    session.flush()

    kept = session.execute(select(SubscriptionGrant.reason, SubscriptionGrant.change)).all()
    assert sorted(kept) == [("phone-long-term", 0), ("phone-refused", 0)]
