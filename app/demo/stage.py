"""What the demo's processes are told: a folder, keys, the environment, the stand-in's file."""

import base64
import json
import secrets
import string
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import Any, Final

from app import clock
from app.demo.cast import (
    ALERT_TEMPLATE,
    CORP_ID,
    MINI_PROGRAM,
    OFFICIAL_ACCOUNT,
    STAFF,
    STAFF_APP,
    TASK_TEMPLATE,
)
from app.settings import DEMO_KEY_ID

MINI_APPID: Final = "wx00000000000demo1"
ACCOUNT_APPID: Final = "wx00000000000demo2"
AGENT_ID: Final = 1000002
# A morning, when people are awake to be reminded; WeCom's own night is 21:00 to 8:00.
_OPENS_AT: Final = time(9, 10)
_PURPOSES: Final = (
    ("task-reminder", TASK_TEMPLATE, "任务提醒"),
    ("alert-notice", ALERT_TEMPLATE, "健康提醒"),
)
_PAGES: Final = ["pages/today/index", "pages/task/index", "pages/inbox/index"]


@dataclass(frozen=True, slots=True)
class Ports:
    web: int
    standin: int
    hl7: int


@dataclass(frozen=True, slots=True)
class Stage:
    """Where everything of one demo lies."""

    folder: Path
    ports: Ports

    @property
    def database(self) -> Path:
        return self.folder / "demo.sqlite3"

    @property
    def clock_file(self) -> Path:
        return self.folder / "clock"

    @property
    def standin_config(self) -> Path:
        return self.folder / "standin.json"

    @property
    def public_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.web}"

    @property
    def standin_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.standin}"

    def set_up(self, *, keep: bool) -> dict[str, str]:
        """Prepare the folder and return the environment of the processes.

        Without `keep` an earlier database is thrown away and the clock stands at this morning.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key_file = self.folder / "key"
        if not (keep and self.database.exists() and key_file.exists()):
            for old in self.folder.glob("demo.sqlite3*"):
                old.unlink()
            key_file.touch(mode=0o600)
            key_file.write_text(base64.b64encode(secrets.token_bytes(32)).decode())
            self.clock_file.write_text(str(_seconds_to_morning()))
        apps = _apps()
        self._write_standin(apps)
        return self._environment(key_file.read_text(), apps)

    def _environment(self, key: str, apps: dict[str, dict[str, Any]]) -> dict[str, str]:
        mini, account, staff = (
            apps[MINI_PROGRAM], apps[OFFICIAL_ACCOUNT], apps[STAFF_APP],
        )  # fmt: skip
        return {
            "CARELOOP_DATABASE_URL": f"sqlite:///{self.database}",
            "CARELOOP_SECRET_KEYS": f"{DEMO_KEY_ID}:{key}",
            "CARELOOP_HOSPITAL_NAME": "演示医院",
            "CARELOOP_HOSPITAL_PHONE": "12000000000（演示号码）",
            "CARELOOP_PUBLIC_URL": self.public_url,
            "CARELOOP_SPOOL_FOLDER": str(self.folder / "spool"),
            "CARELOOP_DEMO": "true",
            "CARELOOP_DEMO_CLOCK": str(self.clock_file),
            "CARELOOP_DEMO_STANDIN": self.standin_url,
            "CARELOOP_WECHAT__API_BASE": f"{self.standin_url}/weixin",
            "CARELOOP_WECHAT__APPS": json.dumps([mini["ours"], account["ours"]]),
            "CARELOOP_WECOM__API_BASE": f"{self.standin_url}/qyapi",
            "CARELOOP_WECOM__AUTHORIZE_URL": f"{self.standin_url}/open/connect/oauth2/authorize",
            "CARELOOP_WECOM__APPS": json.dumps([staff["ours"]]),
            "CARELOOP_SMS__URL": f"{self.standin_url}/sms/send",
            "CARELOOP_SMS__KEY": "demo-sms-key",
            "CARELOOP_HL7__PORT": str(self.ports.hl7),
        }

    def _write_standin(self, apps: dict[str, dict[str, Any]]) -> None:
        base = self.public_url
        mini, account, staff = (
            apps[MINI_PROGRAM]["theirs"], apps[OFFICIAL_ACCOUNT]["theirs"],
            apps[STAFF_APP]["theirs"],
        )  # fmt: skip
        mini["callback_url"] = f"{base}/wechat/callback/{MINI_PROGRAM}"
        account["callback_url"] = f"{base}/wechat/callback/{OFFICIAL_ACCOUNT}"
        staff["callback_url"] = f"{base}/wecom/callback/{STAFF_APP}"
        staff["trusted_domains"] = [f"127.0.0.1:{self.ports.web}"]
        members = [{"userid": one.userid, "name": one.name, "agents": [AGENT_ID]} for one in STAFF]
        config = {
            "mini_programs": [mini],
            "official_accounts": [account],
            "corps": [{"corpid": CORP_ID, "agents": [staff], "members": members}],
            "sms": {"key": "demo-sms-key"},
        }
        self.standin_config.touch(mode=0o600)
        self.standin_config.write_text(json.dumps(config, ensure_ascii=False, indent=1))


def _seconds_to_morning() -> float:
    now = clock.now().astimezone(clock.HOSPITAL)
    return (datetime.combine(now.date(), _OPENS_AT, clock.HOSPITAL) - now).total_seconds()


def _apps() -> dict[str, dict[str, Any]]:
    """Return each app as our settings and as the stand-in's file tell it, with one secret."""
    data = {"thing1": "{title}", "time2": "{time}"}
    ours_templates = {
        purpose: {"template_id": template_id, "data": data} for purpose, template_id, _ in _PURPOSES
    }
    mini_templates = [
        {"id": template_id, "title": title, "kind": "one-time",
         "keywords": {"thing1": "thing", "time2": "time"}}
        for _, template_id, title in _PURPOSES
    ]  # fmt: skip
    account_templates = [
        {"id": template_id, "title": title, "keywords": list(data)}
        for _, template_id, title in _PURPOSES
    ]
    mini = _app(MINI_PROGRAM, {"kind": "mini-program", "appid": MINI_APPID})
    mini["ours"]["templates"] = ours_templates
    mini["theirs"] |= {"appid": MINI_APPID, "templates": mini_templates, "pages": _PAGES}
    account = _app(OFFICIAL_ACCOUNT, {"kind": "official-account", "appid": ACCOUNT_APPID})
    account["ours"]["templates"] = ours_templates
    account["theirs"] |= {"appid": ACCOUNT_APPID, "templates": account_templates}
    staff = _app(STAFF_APP, {"corpid": CORP_ID, "agentid": AGENT_ID})
    staff["theirs"] |= {"agentid": AGENT_ID, "name": "康伴"}
    return {MINI_PROGRAM: mini, OFFICIAL_ACCOUNT: account, STAFF_APP: staff}


def _app(key: str, known: dict[str, Any]) -> dict[str, Any]:
    letters = string.ascii_letters + string.digits
    secret, token = secrets.token_hex(16), secrets.token_hex(12)
    aes_key = "".join(secrets.choice(letters) for _ in range(42)) + "A"  # 43 letters, 32 bytes
    ours = {"callback_token": token, "callback_aes_key": aes_key, "secret": secret, "key": key}
    theirs = {"token": token, "aes_key": aes_key, "secret": secret}
    return {"ours": ours | known, "theirs": theirs}
