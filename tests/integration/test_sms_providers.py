"""SMS by two providers: a folder that a gateway empties, and reports asked for over HTTP."""

import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app import clock
from app.domain.outreach.messaging import Accepted, Channel, ErrorClass, Failure, Outgoing
from app.domain.outreach.receipts import Answered, Inquiry
from app.integrations.sms import sms_inquirer, sms_sender
from app.integrations.sms_folder import sms_folder_sender
from app.settings import Settings, Sms
from tests.conftest import SECRET_KEYS
from tests.integration.platforms import in_threads
from tests.standin.support import Platform
from wiring import outlets, platforms, senders

NIGHT = datetime(2026, 5, 4, 17, 30, tzinfo=UTC)  # 5 May in China


def code(public_id: str = "s1", phone: str = "13800138000") -> Outgoing:
    content = {"phone": phone, "template": "binding-code", "params": {"code": "123456"}}
    return Outgoing(public_id, Channel.SMS, "", content)


def lines(folder: Path) -> list[dict[str, object]]:
    (file,) = folder.iterdir()
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_a_message_is_one_line_of_the_hospitals_day_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "sms"

    assert sms_folder_sender(folder, lambda: NIGHT)(code()) == Accepted("s1")
    assert lines(folder) == [
        {
            "id": "s1", "at": "2026-05-04T17:30:00+00:00", "phone": "13800138000",
            "template": "binding-code", "params": {"code": "123456"},
        }
    ]  # fmt: skip
    (file,) = folder.iterdir()
    assert file.name == "sms-20260505.jsonl"
    assert [stat.S_IMODE(one.stat().st_mode) for one in (folder, file)] == [0o700, 0o600]


def test_many_writers_leave_whole_lines(tmp_path: Path) -> None:
    send = sms_folder_sender(tmp_path / "sms", lambda: NIGHT)
    long = "1" * 20_000

    outcomes = in_threads(16, lambda: [send(code(str(n), long)) for n in range(8)])

    assert all(isinstance(one, Accepted) for some in outcomes for one in some)
    assert len(lines(tmp_path / "sms")) == 128


def test_a_disk_that_takes_half_a_line_keeps_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, real = sms_folder_sender(tmp_path / "sms", lambda: NIGHT), os.write
    assert send(code("first")) == Accepted("first")
    written: list[int] = []

    def half(file: int, data: memoryview) -> int:
        if written:
            raise OSError(28, "No space left on device")
        written.append(real(file, data[: len(data) // 2]))
        return written[0]

    monkeypatch.setattr(os, "write", half)
    assert send(code("second")) == Failure(ErrorClass.NOT_SENT)
    monkeypatch.undo()
    assert send(code("third")) == Accepted("third")
    assert [one["id"] for one in lines(tmp_path / "sms")] == ["first", "third"]


def test_a_message_without_a_phone_is_not_written(tmp_path: Path) -> None:
    send = sms_folder_sender(tmp_path / "sms", clock.now)

    assert send(Outgoing("s1", Channel.SMS, "", {})) == Failure(ErrorClass.CONTENT)
    assert not (tmp_path / "sms").exists()


def test_the_settings_choose_the_provider(tmp_path: Path) -> None:
    def chosen(**sms: object) -> bool:
        settings = Settings(secret_keys=SECRET_KEYS, sms=Sms(**sms))  # type: ignore[arg-type]
        has_sender = Channel.SMS in senders(settings, platforms(settings))
        assert outlets(settings).sms is has_sender
        return has_sender

    assert not chosen()
    assert not chosen(url="http://127.0.0.1:9/send")
    assert chosen(url="http://127.0.0.1:9/send", key="k")
    assert not chosen(provider="folder", url="http://127.0.0.1:9/send", key="k")
    assert chosen(provider="folder", folder=tmp_path)


def test_the_provider_is_asked_for_many_at_once(standin: Platform, session: Session) -> None:
    send = sms_sender(f"{standin.url}/sms/send", "sms-key")
    sent = [send(code(f"s{number}")) for number in range(2)]
    asked = [
        Inquiry(number, "", one.platform_id or "")
        for number, one in enumerate(sent)
        if isinstance(one, Accepted)
    ]
    ask = sms_inquirer(f"{standin.url}/sms/reports", "sms-key")
    unknown = Inquiry(9, "", "unknown")

    assert ask([*asked, unknown]) == [Answered(frozenset({"delivered"}))] * 2 + [None]
    standin.control("/receipts", outcome="failed")
    assert ask(asked[:1]) == [Answered(refused={"phone": "failed"})]
    assert standin.get("/standin/stats")["requests"]["/sms/send"] == 2


def test_a_provider_that_is_down_or_refuses_us_tells_nothing(standin: Platform) -> None:
    asked = [Inquiry(1, "", "id")]

    assert sms_inquirer("http://127.0.0.1:9/reports", "sms-key")(asked) == [None]
    assert sms_inquirer(f"{standin.url}/sms/reports", "wrong")(asked) == [None]
    assert sms_inquirer(f"{standin.url}/sms/nowhere", "sms-key")(asked) == [None]
