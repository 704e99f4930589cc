"""The relay of the outer zone: what it lets in, what it keeps, and what its account can reach."""

import ast
import io
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy import Engine, func, make_url, select
from sqlalchemy.exc import DBAPIError
from werkzeug.test import Client

from app.cli.relay import COLUMNS, TABLE, grant_statements
from app.database import Base, make_engine, unit_of_work
from app.integrations.callback_crypto import MAX_BODY, CallbackCrypto, signature
from app.integrations.relayed_push import RelayedPush
from app.integrations.spool import Spool
from app.models import InboundMessage, RelayedCallback
from jobs.relayed import take_callbacks
from tests.conftest import NOON, ROOT, WORKER
from tests.integration.callback_site import DOORS, make_receiver, signed
from tests.standin.support import AES_KEY, AGENT, CORP, TOKEN
from wecom.relay.doors import Relay, RelayDoor
from wecom.relay.forwarding import hand_in

WECOM = DOORS[2]
WECHAT = DOORS[0]
ACCOUNT = f"relay_{WORKER}"
PASSWORD = "only-for-tests-of-the-relay"
CANARY = "o-canary-of-the-relay"


def event(number: int = 1, sender: str = CANARY) -> str:
    return (
        f"<xml><ToUserName>{CORP}</ToUserName><FromUserName>{sender}</FromUserName>"
        f"<CreateTime>{1_777_867_200 + number}</CreateTime><MsgType>event</MsgType>"
        f"<Event>template_card_event</Event><EventKey>take</EventKey><TaskId>k{number}</TaskId>"
        f"<ResponseCode>r</ResponseCode><AgentID>{AGENT}</AgentID></xml>"
    )


def post(client: Client, query: object, body: bytes, path: str = "/wecom/callback/nurse") -> int:
    return client.post(f"{path}?{urlencode(query)}", data=body).status_code  # type: ignore[arg-type]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "outer")


@pytest.fixture
def relay(spool: Spool) -> Client:
    return Client(Relay([RelayDoor("wecom:nurse", TOKEN), RelayDoor("wechat:mini", TOKEN)], spool))


def spooled(spool: Spool) -> list[RelayedPush]:
    records: list[bytes] = []
    spool.replay(records.append)
    return [RelayedPush.unpack(record) for record in records]


# ------------------------------------------------------------------------------------ the doors


def test_a_genuine_push_is_kept_as_it_came_and_answered(relay: Client, spool: Spool) -> None:
    query, body = signed(event(), WECOM, time.time())

    assert post(relay, query, body) == 200

    (push,) = spooled(spool)
    assert (push.source, push.body) == ("wecom:nurse", body)
    assert {name: list(values) for name, values in push.query.items()} == {
        name: [value] for name, value in query.items()
    }


def test_everything_wrong_is_refused_alike_and_leaves_nothing(relay: Client, spool: Spool) -> None:
    query, body = signed(event(), WECOM, time.time())
    late, late_body = signed(event(), WECOM, time.time() - 301)
    early, early_body = signed(event(), WECOM, time.time() + 330)
    other = CallbackCrypto.of("OtherToken", AES_KEY, CORP)
    forged, forged_body = signed(event(), type(WECOM)("x", other), time.time())
    wrong: list[tuple[object, bytes]] = [
        (query | {"msg_signature": "0" * 40}, body),
        (query | {"msg_signature": "é" * 40}, body),
        (query | {"nonce": "n2"}, body),
        ({}, body),
        ([*query.items(), ("nonce", "n1")], body),
        (late, late_body),
        (early, early_body),
        (forged, forged_body),
        (query, body[:-20]),
        (query, b""),
        (query, body.replace(b"<xml>", b"<!DOCTYPE xml><xml>")),
        (query, body.replace(b"</xml>", b"<Encrypt>x</Encrypt></xml>")),
        (query, body + b" " * MAX_BODY),
    ]

    assert [post(relay, one, text) for one, text in wrong] == [403] * len(wrong)
    assert post(relay, query, body, "/wecom/callback/unknown") == 403
    assert post(relay, query, body, "/wechat/callback/nurse") == 403
    assert post(relay, query, body, "/wecom/today") == 404
    assert relay.put("/wecom/callback/nurse").status_code == 405
    assert spooled(spool) == []


def test_a_full_spool_leaves_the_push_with_the_platform(tmp_path: Path) -> None:
    relay = Client(Relay([RelayDoor("wecom:nurse", TOKEN)], Spool(tmp_path, max_bytes=2000)))
    answers = []
    for number in range(5):
        answers.append(post(relay, *signed(event(number), WECOM, time.time())))

    assert answers[0] == 200
    assert answers[-1] == 503


def test_wechat_may_check_the_address_and_wecom_only_while_it_is_set_up(spool: Spool) -> None:
    door = RelayDoor("wecom:nurse", TOKEN)
    in_use = Client(Relay([door, RelayDoor("wechat:mini", TOKEN)], spool))
    set_up = Client(Relay([RelayDoor("wecom:nurse", TOKEN, WECOM.crypto)], spool))
    stamp = str(int(time.time()))
    echo = WECOM.crypto.encrypt(b"4711")
    asked = urlencode(
        {"msg_signature": signature(TOKEN, stamp, "n", echo), "timestamp": stamp, "nonce": "n",
         "echostr": echo}
    )  # fmt: skip
    plain = urlencode(
        {"signature": signature(TOKEN, stamp, "n"), "timestamp": stamp, "nonce": "n",
         "echostr": "4711"}
    )  # fmt: skip

    assert in_use.get(f"/wechat/callback/mini?{plain}").data == b"4711"
    assert set_up.get(f"/wecom/callback/nurse?{asked}").data == b"4711"
    assert in_use.get(f"/wecom/callback/nurse?{asked}").status_code == 403


def test_what_lies_on_the_relays_disk_names_nobody(tmp_path: Path, relay: Client) -> None:
    post(relay, *signed(event(), WECOM, time.time()))

    kept = b"".join(path.read_bytes() for path in (tmp_path / "outer").iterdir())

    assert kept
    assert CANARY.encode() not in kept
    assert TOKEN.encode() not in kept


def test_the_relays_process_loads_no_table_of_the_hospital() -> None:
    script = (
        "import sys, wecom.relay.__main__; "
        "print([name for name in sys.modules if name.startswith(('app.models', 'app.services',"
        " 'app.web', 'app.encryption', 'app.start', 'flask'))])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    assert ast.literal_eval(loaded) == []


# --------------------------------------------------------------------------------- the account


@pytest.fixture
def account(mariadb: Engine) -> Iterator[Engine]:
    """The relay's own account, made as `relay grant` says, on the migrated database."""
    database = make_url(str(mariadb.url)).database or ""
    with mariadb.connect() as connection:
        connection.exec_driver_sql(f"DROP USER IF EXISTS '{ACCOUNT}'@'127.0.0.1'")
        for one in grant_statements(database, ACCOUNT, "127.0.0.1", PASSWORD, tls=False):
            connection.exec_driver_sql(one)
    engine = make_engine(account_url(mariadb), pool_size=1)
    yield engine
    engine.dispose()
    with mariadb.connect() as connection:
        connection.exec_driver_sql(f"DROP USER '{ACCOUNT}'@'127.0.0.1'")


def account_url(mariadb: Engine) -> str:
    url = make_url(str(mariadb.url)).set(username=ACCOUNT, password=PASSWORD)
    return url.render_as_string(hide_password=False)


def refusal(engine: Engine, statement: str) -> int:
    """Return the error code the database refuses a statement with; 0 where it does not."""
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
    except DBAPIError as error:
        code: int = error.orig.args[0] if error.orig else -1
        return code
    return 0


# ER_DBACCESS_DENIED, ER_TABLEACCESS_DENIED, ER_COLUMNACCESS_DENIED, ER_SPECIFIC_ACCESS_DENIED
DENIED = {1044, 1142, 1143, 1227, 1410}


@pytest.mark.mariadb
def test_the_account_can_insert_callbacks_and_reach_nothing_else(account: Engine) -> None:
    let_through = []
    for table in [*Base.metadata.tables.values()]:
        first = next(iter(table.columns)).name
        for statement in (
            f"SELECT 1 FROM `{table.name}` LIMIT 1",
            f"SELECT `{first}` FROM `{table.name}` LIMIT 1",
            f"INSERT INTO `{table.name}` (`{first}`) VALUES (1)",
            f"UPDATE `{table.name}` SET `{first}` = `{first}`",
            f"DELETE FROM `{table.name}`",
            f"DROP TABLE `{table.name}`",
            f"ALTER TABLE `{table.name}` ADD COLUMN x INT",
            f"TRUNCATE `{table.name}`",
        ):
            if refusal(account, statement) not in DENIED:
                let_through.append(statement)

    assert let_through == []
    for column in {column.name for column in RelayedCallback.__table__.columns} - set(COLUMNS):
        assert refusal(account, f"INSERT INTO {TABLE} ({column}) VALUES (NULL)") in DENIED
        assert refusal(account, f"SELECT {column} FROM {TABLE}") in DENIED
    values = "VALUES ('x', 'x', 'x', NOW())"
    columns = ", ".join(COLUMNS)
    for statement in (
        "SELECT * FROM alembic_version",
        "SELECT user FROM mysql.user",
        "CREATE TABLE x (y INT)",
        "CREATE USER x",
        "SELECT 1 INTO OUTFILE '/tmp/status-x'",
        f"INSERT INTO {TABLE} ({columns}) SELECT {columns} FROM {TABLE}",
        f"REPLACE INTO {TABLE} ({columns}) {values}",
        f"INSERT INTO {TABLE} ({columns}) {values} RETURNING id",
        f"INSERT INTO {TABLE} ({columns}) {values} ON DUPLICATE KEY UPDATE source = 'y'",
    ):
        assert refusal(account, statement) not in (0, -1), statement


@pytest.mark.mariadb
def test_the_account_hands_in_a_push_once_however_often(account: Engine) -> None:
    query, body = signed(event(), WECOM, NOON.timestamp())
    one = RelayedPush("wecom:nurse", {k: [v] for k, v in query.items()}, body, NOON)
    later = RelayedPush(one.source, one.query, body, NOON + timedelta(seconds=9))

    for push in (one, one, later):
        hand_in(account, push.pack())

    with unit_of_work.begin() as session:
        row = session.scalars(select(RelayedCallback)).one()
        assert (row.source, row.received_at, row.taken_at) == ("wecom:nurse", NOON, None)
        assert RelayedPush.unpack(row.push_sealed).body == body


# ----------------------------------------------------------------------------- the inner tier


def relayed(plain: str, at: datetime = NOON, source: str = "wecom:nurse", **more: object) -> None:
    door = WECOM if source == "wecom:nurse" else WECHAT
    query, body = signed(plain, door, at.timestamp(), **more)  # type: ignore[arg-type]
    push = RelayedPush(source, {name: [value] for name, value in query.items()}, body, at)
    with unit_of_work.begin() as session:
        session.add(
            RelayedCallback(
                source=source, delivery_key=push.delivery_key, push_sealed=push.pack(),
                received_at=at,
            )
        )  # fmt: skip


def outcomes() -> list[str | None]:
    with unit_of_work.begin() as session:
        return list(session.scalars(select(RelayedCallback.outcome).order_by(RelayedCallback.id)))


def test_relayed_pushes_reach_the_inbox_in_order_and_once(database: Engine, tmp_path: Path) -> None:
    for number in range(5):
        relayed(event(number))
    relayed(event(2), nonce="n2")  # the platform's second try, encrypted anew
    pushes = make_receiver(tmp_path)

    assert take_callbacks(pushes) == 6
    assert take_callbacks(pushes) == 0

    with unit_of_work.begin() as session:
        rows = session.scalars(select(InboundMessage).order_by(InboundMessage.id)).all()
        assert [f"k{n}" in (row.body or "") for n, row in enumerate(rows)] == [True] * 5
        assert [row.repeats for row in rows] == [0, 0, 1, 0, 0]
        assert {(row.source, row.status) for row in rows} == {("wecom:nurse", "received")}
        assert rows[0].received_at == NOON
    assert outcomes() == [*["kept"] * 5, "repeat"]


def test_what_a_taken_relay_makes_up_is_refused_inside(database: Engine, tmp_path: Path) -> None:
    """Whoever owns the relay knows the token: signing alone opens nothing without the AES key."""
    stranger = type(WECOM)("wecom:nurse", CallbackCrypto.of(TOKEN, "b" * 42 + "A", CORP), AGENT)
    query, body = signed(event(), stranger, NOON.timestamp())
    forged = RelayedPush("wecom:nurse", {k: [v] for k, v in query.items()}, body, NOON)
    with unit_of_work.begin() as session:
        for number, record in enumerate((forged.pack(), b"not a record", b"{}", b"[]")):
            session.add(
                RelayedCallback(
                    source="wecom:nurse", delivery_key=number.to_bytes(32, "big"),
                    push_sealed=record, received_at=NOON,
                )
            )  # fmt: skip
    relayed(event(7))
    relayed(event(8), source="wechat:mini")

    assert take_callbacks(make_receiver(tmp_path)) == 6

    assert outcomes() == ["refused"] * 4 + ["kept", "kept"]
    with unit_of_work.begin() as session:
        assert session.scalar(select(func.count()).select_from(InboundMessage)) == 2


def test_a_push_that_came_directly_too_is_one(database: Engine, tmp_path: Path) -> None:
    pushes = make_receiver(tmp_path)
    query, body = signed(event(), WECOM, datetime.now(UTC).timestamp())
    now = datetime.now(UTC)
    pushes.receive("wecom:nurse", {k: [v] for k, v in query.items()}, body, now)
    relayed(event(), now)

    take_callbacks(pushes)

    assert outcomes() == ["repeat"]


def test_what_is_said_of_a_refused_push_names_nobody(
    database: Engine, tmp_path: Path, logged: io.StringIO
) -> None:
    with unit_of_work.begin() as session:
        session.add(
            RelayedCallback(
                source="wecom:nurse", delivery_key=bytes(32), push_sealed=CANARY.encode(),
                received_at=NOON,
            )
        )  # fmt: skip

    take_callbacks(make_receiver(tmp_path))

    assert "relayed_callback_refused" in logged.getvalue()
    assert CANARY not in logged.getvalue()
