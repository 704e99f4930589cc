"""MLLP over real sockets: nothing acknowledged is lost, nothing repeated is doubled."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from app import clock
from app.database import unit_of_work
from app.integrations.feeds import Feeds
from app.integrations.hl7 import gateway
from app.integrations.hl7.envelope import glimpse_header, identify
from app.integrations.hl7.framing import enframe
from app.integrations.hl7.interpret import Reader
from app.integrations.hl7.listener import Patience
from app.models import Encounter, Event, InboundMessage, Observation, Patient
from app.services.intake import Arrival, gathering, interpret_pending, interpret_stored, receive
from app.settings import HL7Source
from tests.conftest import ROOT
from tests.integration.mllp import Sender, count, listening, running, statuses, wait_for
from tests.unit.hl7.messages import OBR, PID, PV1, admission, message, result

GLUCOSE = result("OBX|1|NM|GLU^葡萄糖^L||2.8|mmol/L", control_id="R1")


# ------------------------------------------------------------------------ the real process


def test_the_process_stores_answers_and_interprets(database: Engine) -> None:
    with running(database) as listener:
        sender = Sender(listener.port)
        assert sender.send(admission()) == "MSA|AA|C1"
        assert sender.send(GLUCOSE) == "MSA|AA|R1"
        wait_for(lambda: statuses(database) == ["processed"] * 2)
        sender.close()
        listener.child.send_signal(signal.SIGTERM)
        assert listener.child.wait(timeout=10) == 0

    assert (count(database, Patient), count(database, Observation)) == (1, 1)


@pytest.mark.parametrize(
    ("sabotage", "answer"),
    [
        pytest.param("gateway.acknowledge = die", "", id="between-store-and-answer"),
        pytest.param("process.interpret_stored = die", "MSA|AA|C1", id="after-the-answer"),
        pytest.param(
            "from app.services.intake import interpreting as i\n"
            "one = i._interpret_one\n"
            "i._interpret_one = lambda *a, **k: (one(*a, **k), die())",
            "MSA|AA|C1",
            id="before-the-interpretation-commits",
        ),
    ],
)
@pytest.mark.parametrize("remedy", ["resend", "sweep"])
def test_a_killed_listener_loses_and_doubles_nothing(
    database: Engine, sabotage: str, answer: str, remedy: str
) -> None:
    with running(database, sabotage) as listener:
        sender = Sender(listener.port)
        assert sender.send(admission()) == answer
        assert listener.child.wait(timeout=10) == -signal.SIGKILL
        sender.close()
    assert statuses(database) == ["received"]
    assert count(database, Patient) == 0

    if remedy == "sweep":
        later = clock.now() + timedelta(minutes=1)
        assert interpret_pending(unit_of_work, Feeds({"hl7": Reader([])}), later, limit=10) == 1
    else:
        with listening() as connect:
            assert connect().send(admission()) == "MSA|AA|C1"
            wait_for(lambda: statuses(database) == ["processed"])

    assert statuses(database) == ["processed"]
    assert [count(database, m) for m in (Patient, Encounter, Event)] == [1, 1, 2]


def test_a_bad_setting_stops_the_process_with_a_sentence(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CARELOOP_SECRET")}

    done = subprocess.run(
        [sys.executable, "-m", "app.integrations.hl7"],
        cwd=ROOT, env=environment, capture_output=True, timeout=30,
    )  # fmt: skip

    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


# ------------------------------------------------------------------------ answers


def test_what_is_refused_is_kept_and_said(database: Engine) -> None:
    with listening() as connect:
        sender = connect()
        assert sender.send(message(PID, kind="BAR^P01", control_id="V1")) == "MSA|AR|V1"
        assert sender.send(b"GET / HTTP/1.1") == "MSA|AR|"
        assert sender.send(admission()) == "MSA|AA|C1"
        wait_for(lambda: "received" not in statuses(database))

    assert statuses(database) == ["rejected", "rejected", "processed"]


def test_a_big_message_is_taken_and_a_huge_one_refused_and_survived(database: Engine) -> None:
    note = "OBX|1|TX|S^结论^L||" + "字" * 24_000
    huge = result(note * 4, control_id="R3")
    assert len(huge) > 256 * 1024 > 70_000

    with listening() as connect:
        sender = connect()
        assert sender.send(result(note, control_id="R2")) == "MSA|AA|R2"
        assert sender.send(huge) == "MSA|AR|R3"
        assert sender.send(admission()) == "MSA|AA|C1"
        wait_for(lambda: "received" not in statuses(database))

    assert statuses(database) == ["processed", "rejected", "processed"]
    with Session(database) as session:
        kept = session.scalars(select(InboundMessage).filter_by(status="rejected")).one()
        assert kept.reason == "too-large: 262144 bytes"
        assert 0 < len(kept.body or "") <= 4096


def test_the_configured_charset_holds(database: Engine) -> None:
    body = message("EVN|A04|20260504", "PID|1||7^^^HIS^MR||郑一", kind="ADT^A04")

    with listening(HL7Source(name="his", charset="GBK")) as connect:
        assert connect().send(body.decode().encode("gb18030")) == "MSA|AA|C1"
        wait_for(lambda: statuses(database) == ["processed"])

    with Session(database) as session:
        assert session.scalars(select(Patient)).one().name == "郑一"


def test_interleaved_connections_do_not_mix(database: Engine) -> None:
    bodies = [
        message(f"PID|1||7{n}^^^HIS^MR||演示{n}", kind="ADT^A04", control_id=f"I{n}")
        for n in range(2)
    ]
    wires = [enframe(body) for body in bodies]

    with listening() as connect:
        senders = [connect(), connect()]
        for start in range(0, max(map(len, wires)), 7):
            for sender, wire in zip(senders, wires, strict=True):
                sender.socket.sendall(wire[start : start + 7])
        assert [sender.answer() for sender in senders] == ["MSA|AA|I0", "MSA|AA|I1"]
        wait_for(lambda: statuses(database) == ["processed"] * 2)

    with Session(database) as session:
        assert {p.name for p in session.scalars(select(Patient))} == {"演示0", "演示1"}


def test_many_connections_with_one_new_patient_and_repeats_make_one(database: Engine) -> None:
    bodies = [admission(), GLUCOSE, *(
        message(PID, PV1, OBR, f"OBX|1|NM|N{n}^n^L||{n}|mmol/L", kind="ORU^R01", control_id=f"N{n}")
        for n in range(4)
    )]  # fmt: skip
    answers: list[str] = []

    with listening() as connect:

        def send_all(sender: Sender, shift: int) -> None:
            answers.extend(sender.send(b) for b in [*bodies[shift:], *bodies[:shift]])

        threads = [threading.Thread(target=send_all, args=(connect(), n)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_for(lambda: set(statuses(database)) == {"processed"}, 30)

    assert {answer[:6] for answer in answers} == {"MSA|AA"}
    assert len(answers) == 36
    assert count(database, InboundMessage) == 6
    assert [count(database, m) for m in (Patient, Encounter, Observation)] == [1, 1, 5]


def test_a_patient_made_between_two_looks_holds_nothing_up(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.dialect.name == "sqlite":
        pytest.skip("SQLite lets one transaction in at a time")
    look, read = gathering._visits, Feeds({"hl7": Reader([])})
    sooner, later = keep(GLUCOSE), keep(admission())

    def interrupted(*arguments: Any) -> None:
        monkeypatch.setattr(gathering, "_visits", look)
        assert interpret_stored(unit_of_work, sooner, read, clock.now()).status == "processed"
        look(*arguments)

    monkeypatch.setattr(gathering, "_visits", interrupted)

    assert interpret_stored(unit_of_work, later, read, clock.now()).status == "processed"
    assert [count(database, m) for m in (Patient, Encounter)] == [1, 1]


def keep(body: bytes) -> int:
    header, _ = glimpse_header(body, None)
    arrival = Arrival("hl7:his", identify(body, header), header.kind, header.control_id)
    with unit_of_work.begin() as session:
        kept = receive(session, arrival, body, clock.now())
        session.flush()
        return kept.id


# ------------------------------------------------------------------------ trouble


def test_a_dripping_sender_is_cut_off_and_holds_up_nobody(database: Engine) -> None:
    with listening(patience=Patience(seconds=0.6)) as connect:
        slow, started = connect(), time.monotonic()
        slow.socket.settimeout(0.05)
        cut = False
        while not cut and time.monotonic() - started < 5:
            try:
                slow.socket.sendall(b"\x0b")
                cut = slow.socket.recv(1) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                cut = True
        assert cut
        assert time.monotonic() - started < 2
        assert connect().send(admission()) == "MSA|AA|C1"
        wait_for(lambda: statuses(database) == ["processed"])


def test_a_frame_without_cr_is_answered_after_a_short_silence(database: Engine) -> None:
    with listening() as connect:
        sender, started = connect(), time.monotonic()
        sender.socket.sendall(b"\x0b" + admission() + b"\x1c")
        assert sender.answer() == "MSA|AA|C1"
        assert 0.15 < time.monotonic() - started < 3
        wait_for(lambda: statuses(database) == ["processed"])


def test_who_never_sent_anything_makes_room_for_a_newcomer(database: Engine) -> None:
    with listening(patience=Patience(max_connections=2)) as connect:
        first, second = connect(), connect()
        assert first.send(admission()) == "MSA|AA|C1"
        third = connect()
        assert third.send(admission()) == "MSA|AA|C1"
        assert second.answer() == ""
        assert first.send(admission()) == "MSA|AA|C1"
        wait_for(lambda: statuses(database) == ["processed"])


def test_strangers_are_turned_away(database: Engine) -> None:
    with listening(HL7Source(name="his", peers=("10.9.9.0/24",))) as connect:
        assert connect().answer() == ""
    with listening(HL7Source(name="his", facilities=("OTHER",))) as connect:
        assert connect().send(admission()) == "MSA|AR|C1"

    assert statuses(database) == ["rejected"]


def test_the_facility_chooses_between_sources_of_one_address(database: Engine) -> None:
    sources = (
        HL7Source(name="his", facilities=("YSYY",)),
        HL7Source(name="branch", facilities=("FY",)),
    )

    with listening(*sources) as connect:
        connect().send(admission(facility="FY"))
        wait_for(lambda: statuses(database) == ["processed"])

    with Session(database) as session:
        assert session.scalars(select(InboundMessage.source)).all() == ["hl7:branch"]


def test_a_database_that_does_not_answer_is_an_ae_in_time_and_the_repeat_is_one_row(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "ANSWER_WITHIN_SECONDS", 0.5)

    with listening() as connect:
        sender = connect()
        with database.connect() as blocker:
            if database.dialect.name != "sqlite":
                blocker.execute(text("LOCK TABLES inbound_message WRITE"))
            else:
                blocker.begin()
            started = time.monotonic()
            assert sender.send(admission()) == "MSA|AE|C1"
            assert time.monotonic() - started < 3
            blocker.rollback()
            if database.dialect.name != "sqlite":
                blocker.execute(text("UNLOCK TABLES"))
        wait_for(lambda: count(database, InboundMessage) == 1)
        monkeypatch.setattr(gateway, "ANSWER_WITHIN_SECONDS", 5)
        assert sender.send(admission()) == "MSA|AA|C1"
        wait_for(lambda: statuses(database) == ["processed"])
