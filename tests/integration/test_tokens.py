"""Access tokens: one fetch for all processes, and never a storm."""

import io
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, select, update
from sqlalchemy.orm import sessionmaker

from app.database import database_time, unit_of_work
from app.domain.outreach.messaging import ErrorClass, Failure
from app.integrations.platform_http import CallFailed
from app.integrations.token_store import TokenStore
from app.integrations.wechat import MiniProgram
from app.models import PlatformToken
from tests.conftest import ROOT
from tests.integration.platforms import MINI_SECRET, PAGE, calls, in_threads, wecom_client
from tests.standin.support import MINI, ONE_TIME, Platform

TOKEN_PATH = "/weixin/cgi-bin/stable_token"
SEND_PATH = "/weixin/cgi-bin/message/subscribe/send"
OPENID = "o-token-test"
DATA = {"thing1": "记录今天的血糖", "time2": "18:30"}


def store() -> TokenStore:
    return TokenStore(unit_of_work, "wechat:test")


def fetcher(*tokens: str) -> tuple[Any, list[str]]:
    """Return a fetch that gives these tokens in turn, and the list of those it gave."""
    given: list[str] = []

    def fetch() -> tuple[str, int]:
        given.append(tokens[len(given)])
        return given[-1], 7200

    return fetch, given


def age(**values: timedelta) -> None:
    """Put times of the row so far from the database's now."""
    with unit_of_work.begin() as session:
        now = database_time(session)
        moved: dict[str, datetime] = {name: now + by for name, by in values.items()}
        session.execute(update(PlatformToken).values(moved))


def fresh(tokens: TokenStore) -> TokenStore:
    """The same store as another process has it: without our short memory."""
    return TokenStore(tokens._sessions, tokens._name)


@pytest.mark.mariadb
def test_four_processes_of_eight_threads_fetch_one_token(
    mariadb: Engine, standin: Platform
) -> None:
    url = mariadb.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.integration.token_worker", url, standin.url]
    start_at = str(time.time() + 4)
    processes = [
        subprocess.Popen([*command, start_at], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    got = [token for one in processes for token in one.communicate(timeout=60)[0].split()]

    assert len(got) == 32
    assert len(set(got)) == 1
    assert calls(standin, TOKEN_PATH) == 1


def test_threads_on_a_cold_store_fetch_one_token(mini: MiniProgram, standin: Platform) -> None:
    standin.control("/latency", ms=200)
    tokens = mini._tokens

    got = in_threads(12, lambda: fresh(tokens).get() or tokens.refresh(mini.fetch_token))

    assert len(set(got)) == 1
    assert calls(standin, TOKEN_PATH) == 1


@pytest.mark.mariadb
def test_threads_that_want_the_token_leave_the_connections_to_others(mariadb: Engine) -> None:
    tokens, (fetch, _) = store(), fetcher("one")
    tokens.refresh(fetch)
    narrow = create_engine(mariadb.url, pool_size=1, max_overflow=0, pool_timeout=0.01)
    here = TokenStore(sessionmaker(narrow), "wechat:test")

    assert set(in_threads(30, here.get)) == {"one"}
    assert set(in_threads(30, lambda: here.drop_if("another"))) == {True}
    narrow.dispose()


def test_an_endless_40001_costs_one_refresh_and_one_retry(
    mini: MiniProgram, standin: Platform
) -> None:
    standin.control("/faults", path="/message/subscribe/send", kind="errcode", value=40001)

    with pytest.raises(CallFailed) as first:
        mini.send_subscription(OPENID, ONE_TIME, PAGE, DATA)

    assert first.value.failure == Failure(ErrorClass.TOKEN, 40001)
    assert calls(standin, SEND_PATH) == 2
    assert calls(standin, TOKEN_PATH) == 2  # the cold store's, and the one after the refusal

    for _ in range(5):
        with pytest.raises(CallFailed):
            mini.send_subscription(OPENID, ONE_TIME, PAGE, DATA)

    assert calls(standin, SEND_PATH) == 7
    assert calls(standin, TOKEN_PATH) == 2


def test_one_refused_token_is_replaced_and_the_message_sent(
    mini: MiniProgram, standin: Platform
) -> None:
    standin.control("/phones", appid=MINI, openids=[OPENID], grants={ONE_TIME: 1})
    mini._tokens.refresh(mini.fetch_token)
    # Somebody else forces a new token: ours is dead from now on.
    standin.stable_token(force_refresh=True)

    msgid = mini.send_subscription(OPENID, ONE_TIME, PAGE, DATA)

    assert [entry["msgid"] for entry in standin.ledger("subscribe_message")] == [msgid]


def test_a_wrong_secret_at_wecom_is_ours_and_not_retried(
    database: Engine, standin: Platform
) -> None:
    client = wecom_client(standin, secret="wrong")

    with pytest.raises(CallFailed) as error:
        client.send_message(["NurseChen"], "text", {"content": "测试"})

    assert error.value.failure == Failure(ErrorClass.OURS, 40001)
    assert calls(standin, "/qyapi/cgi-bin/gettoken") == 1


def test_a_slow_answer_does_not_throw_away_the_token_fetched_since(database: Engine) -> None:
    tokens, (fetch, given) = store(), fetcher("first", "second")
    tokens.refresh(fetch)
    assert tokens.drop_if("first")
    tokens.refresh(fetch)

    assert tokens.drop_if("first")

    assert fresh(tokens).get() == "second"
    assert given == ["first", "second"]


def test_a_token_is_not_dropped_twice_within_thirty_seconds(database: Engine) -> None:
    tokens, (fetch, _) = store(), fetcher("first", "second")
    tokens.refresh(fetch)
    assert tokens.drop_if("first")
    tokens.refresh(fetch)

    assert not tokens.drop_if("second")
    age(dropped_at=timedelta(seconds=-31))
    assert tokens.drop_if("second")


def test_a_token_is_dropped_at_most_twenty_times_a_day(database: Engine) -> None:
    tokens, (fetch, _) = store(), fetcher("first")
    tokens.refresh(fetch)
    with unit_of_work.begin() as session:
        session.execute(update(PlatformToken).values(drops=20, dropped_at=database_time(session)))

    assert not tokens.drop_if("first")
    age(dropped_at=timedelta(days=-1))
    assert tokens.drop_if("first")


def test_while_one_renews_early_the_others_use_the_old_token(database: Engine) -> None:
    tokens, (fetch, given) = store(), fetcher("old")
    tokens.refresh(fetch)
    age(expires_at=timedelta(seconds=200), fetched_at=timedelta(hours=-1))
    begun, may_end = threading.Event(), threading.Event()

    def slow() -> tuple[str, int]:
        begun.set()
        may_end.wait(10)
        return "new", 7200

    renewer = threading.Thread(target=fresh(tokens).refresh, args=(slow,))
    renewer.start()
    begun.wait(10)
    other = fresh(tokens)

    assert other.get() is None
    assert other.refresh(fetch) == "old"
    may_end.set()
    renewer.join(10)
    assert fresh(tokens).get() == "new"
    assert given == ["old"]


def test_who_waits_gets_the_token_the_other_fetched(database: Engine) -> None:
    tokens, begun = store(), threading.Event()

    def slow() -> tuple[str, int]:
        begun.set()
        time.sleep(0.3)
        return "theirs", 7200

    other = threading.Thread(target=fresh(tokens).refresh, args=(slow,))
    other.start()
    begun.wait(10)

    assert tokens.refresh(lambda: pytest.fail("a second fetch")) == "theirs"
    other.join(10)


def test_the_lease_of_a_dead_refresher_ends(database: Engine) -> None:
    tokens, (fetch, _) = store(), fetcher("mine")
    with unit_of_work.begin() as session:
        later = database_time(session) + timedelta(seconds=10)
        session.add(PlatformToken(app="wechat:test", refresher="dead", refreshing_until=later))
    started = time.monotonic()

    with pytest.raises(CallFailed) as error:
        tokens.refresh(fetch)

    assert error.value.failure.error_class is ErrorClass.NOT_SENT
    assert 2.5 < time.monotonic() - started < 5
    age(refreshing_until=timedelta(seconds=-1))
    assert tokens.refresh(fetch) == "mine"


def test_a_failed_fetch_is_not_repeated_by_everybody(database: Engine) -> None:
    tokens, count = store(), []

    def failing() -> tuple[str, int]:
        count.append(1)
        time.sleep(0.2)
        raise CallFailed(Failure(ErrorClass.BUSY, -1))

    def attempt() -> str:
        try:
            return fresh(tokens).refresh(failing)
        except CallFailed as error:
            return error.failure.error_class.value

    assert sorted(set(in_threads(6, attempt))) == ["busy", "not-sent"]
    assert len(count) == 1


def test_a_failed_early_fetch_leaves_the_old_token_in_use(database: Engine) -> None:
    tokens, (fetch, _) = store(), fetcher("old")
    tokens.refresh(fetch)
    age(expires_at=timedelta(seconds=100), fetched_at=timedelta(hours=-1))

    def failing() -> tuple[str, int]:
        raise CallFailed(Failure(ErrorClass.NOT_SENT))

    assert fresh(tokens).refresh(failing) == "old"


def test_a_platform_that_repeats_its_token_is_not_asked_at_every_call(database: Engine) -> None:
    tokens, count = store(), []

    def same() -> tuple[str, int]:
        count.append(1)
        return "same", 250  # the remaining time: already inside the early margin or close to it

    tokens.refresh(same)

    assert fresh(tokens).get() == "same"
    assert len(count) == 1


def test_neither_row_nor_log_holds_secret_or_token(
    mini: MiniProgram, standin: Platform, database: Engine, logged: io.StringIO
) -> None:
    standin.control("/faults", path="/message/subscribe/send", kind="errcode", value=40001)
    with pytest.raises(CallFailed) as error:
        mini.send_subscription(OPENID, ONE_TIME, PAGE, DATA)
    token = mini._tokens.get()
    assert token

    with database.connect() as connection:
        row = str(connection.execute(select(PlatformToken.__table__)).one())
    said = logged.getvalue() + repr(error.value) + str(error.value.__context__)

    assert '"errcode": 40001' in said
    assert '"rid": "' in said
    for secret in (token, MINI_SECRET):
        assert secret not in row
        assert secret not in said
