"""The whole story, by real processes and real HTTP: discharge to card to nurse to patient."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from playwright.sync_api import Browser, expect

from tests.conftest import create_database
from tests.e2e.stage import MINI, TEMPLATE, Stage, staged, until

OPENID, UNIONID, CARD_NUMBER, PHONE = "oStoryPatient", "uStoryPatient", "00900001", "12000000001"

# Four programs start, live and end; a slow machine needs its time for that.
pytestmark = [pytest.mark.both_databases, pytest.mark.timeout(300)]


@pytest.fixture(params=["sqlite", "mariadb"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    redis_url = None
    if request.param == "mariadb":
        server = request.getfixturevalue("mariadb_url")
        url = create_database(server, f"careloop_story_{uuid4().hex[:8]}")
        redis_url = request.getfixturevalue("redis_url")
    else:
        url = f"sqlite:///{tmp_path / 'story.sqlite3'}"
    with staged(url, tmp_path, redis_url) as running:
        yield running


class Phone:
    """The patient's phone: the mini-program's calls, and WeChat's own screens."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._api = f"{stage.web}/api/v1"
        self._headers: dict[str, str] = {}

    def sign_in(self) -> None:
        code = self._stage.control(
            f"phones/{OPENID}/login-code", {"appid": MINI, "unionid": UNIONID}
        )["code"]
        token = self.call("post", "/sessions", {"code": code})["token"]
        self._headers = {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = requests.request(
            method, self._api + path, json=body, headers=self._headers, timeout=10
        )
        assert answer.ok, answer.text
        return answer.json()

    def bind(self) -> str:
        """Prove to be the patient on file, with the code that comes by SMS."""
        texts = self.call("get", "/consent-texts")["texts"]
        agreed = [
            {"purpose": one["purpose"], "text_version": one["version"]}
            for one in texts
            if one["purpose"] != "guardian"
        ]
        binding = self.call(
            "post",
            "/bindings",
            {
                "name": "李演示", "identifier": CARD_NUMBER, "phone": PHONE, "relation": "self",
                "consents": agreed,
            },
        )["binding"]  # fmt: skip
        (sms,) = until(lambda: self._stage.ledger("sms"))
        code = re.search(r"'code': '(\d{6})'", str(sms)) or pytest.fail("no code in the message")
        person = self.call("post", f"/bindings/{binding}/confirm", {"code": code.group(1)})
        patient: str = person["id"]
        return patient

    def accept_reminders(self) -> None:
        """Tap 接受: WeChat pushes the answer, and the mini-program reports it as well."""
        answers = {TEMPLATE: "accept"}
        self._stage.control(f"phones/{OPENID}/subscriptions", {"appid": MINI, "answers": answers})
        self.call(
            "post",
            "/subscriptions",
            {
                "reference": str(uuid4()),
                "answers": [{"template_id": TEMPLATE, "answer": "accept"}],
            },
        )

    def notifications(self) -> list[dict[str, Any]]:
        return [one for one in self._stage.ledger("subscribe_message") if OPENID in str(one)]


def discharge_with_diabetes(stage: Stage) -> None:
    """Admit and discharge within one second, over two connections."""
    at = f"{datetime.now(UTC):%Y%m%d%H%M%S}+0000"
    header = f"MSH|^~\\&|HIS|HOSP|CARELOOP|HOSP|{at}||ADT^{{0}}|{{1}}|P|2.4|||AL||CHN|UTF-8"
    person = (
        f"PID|1||{CARD_NUMBER}^^^HIS^MR||李演示||19650301|F|||演示路1号||{PHONE}\n"
        "PV1|1|I|ENDO^^12||||||||||||||||ZY900001^^^HIS|||||||||||||||||||||||||{0}|{1}"
    )
    for event, number, out in (("A01", "S1", ""), ("A03", "S2", at)):
        message = "\n".join(
            (
                header.format(event, number),
                f"EVN|{event}|{at}",
                person.format(at, out),
                "DG1|1||E11.900^2型糖尿病^I10|2型糖尿病||F",
            )
        )
        assert "MSA|AA" in stage.send_hl7(message)


def test_the_loop_turns_once(stage: Stage, chromium: Browser) -> None:
    stage.cli(
        "user", "add", "演示陈护士", "--wecom", "nurse-chen", "--role", "nurse",
        "--team", "内分泌随访组", "--department", "ENDO",
    )  # fmt: skip
    phone = Phone(stage)

    # The hospital discharges a patient with type 2 diabetes: profile, tag, plan, tasks.
    discharge_with_diabetes(stage)
    until(lambda: stage.stats()["tasks"].get("requested", 0) > 20)
    assert stage.stats()["care_plans"] == {"active": 1}

    # The patient signs in, proves who they are, and lets us write once.
    phone.sign_in()
    patient = phone.bind()
    phone.accept_reminders()
    tasks = phone.call("get", f"/patients/{patient}/tasks")["tasks"]
    assert all("id" in task for task in tasks)

    # A very low glucose, and a phone that never saw our answer.
    measured = {
        "reference": str(uuid4()), "code": "15074-8", "value": "2.8", "unit": "mmol/L",
        "context": "fasting", "effective_at": datetime.now(UTC).isoformat(),
        "is_own_reading": True,
    }  # fmt: skip
    begun = time.monotonic()
    first = phone.call("post", f"/patients/{patient}/observations", measured)
    assert first["observation"]["interpretation"] == "LL"
    assert "120" in first["advice"]
    for _ in range(3):
        again = phone.call("post", f"/patients/{patient}/observations", measured)
        assert again == first
    (card,) = until(lambda: stage.ledger("app_message"))
    assert time.monotonic() - begun < 5
    assert "nurse-chen" in str(card)
    assert not any(word in str(card) for word in ("2.8", "李演示", "血糖"))
    until(lambda: phone.notifications())

    # The nurse opens the page from the card and sees why.
    with chromium.new_context(viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.goto(f"{stage.web}/wecom/today", wait_until="load")
        page.get_by_role("button", name="演示陈护士").click()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.goto(f"{stage.web}/wecom/patients/{patient}")
        expect(page.get_by_text("李演示").first).to_be_visible()
        alerts = page.get_by_role("region", name="未结束的预警")
        expect(alerts.get_by_text("2.8").first).to_be_visible()

    # 我来处理, pressed in the chat; the platform pushes it three times.
    task_id = stage.control("members/nurse-chen")["messages"][-1]["task_id"]
    stage.control(f"cards/{task_id}/click", {"userid": "nurse-chen", "key": "take", "repeat": 3})
    until(lambda: stage.stats()["alerts"] == {"acknowledged": 1})
    (update,) = until(lambda: stage.ledger("card_update"))
    assert "演示陈护士" in str(update)
    inbox = until(
        lambda: [
            one
            for one in phone.call("get", f"/patients/{patient}/inbox")["messages"]
            if "护理团队" in one["title"]
        ]
    )
    assert "正在处理" in inbox[0]["text"]

    # One alert, one card, one reading; the trail is whole.
    counts = stage.stats()
    assert sum(counts["alerts"].values()) == 1
    assert len(stage.ledger("app_message")) == 1
    assert counts["observations"] == 1
    assert counts["reaction_failures"] == 0
    assert "unbroken" in stage.cli("audit", "verify")
    assert_nobody_is_named(stage)


def assert_nobody_is_named(stage: Stage) -> None:
    """No log and no page of the database file holds who the patient is, or what opens a door."""
    canaries = [
        one.encode()
        for one in ("李演示", PHONE, CARD_NUMBER, "mini-secret", "agent-secret", "演示路1号")
    ]
    files = [*stage.folder.glob("*.log"), *stage.folder.glob("*.sqlite3*")]
    assert len(files) >= 4
    for file in files:
        if file.name == "platform.log":
            continue  # the stand-in is not ours to keep silent
        kept = file.read_bytes()
        assert not [one.decode() for one in canaries if one in kept], file.name
