"""`make demo`: a synthetic hospital with stand-in WeChat and WeCom on this machine."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, func, inspect, select

from app import clock, settings
from app.database import Base, unit_of_work
from app.demo.cast import HOLDERS, MINI_PROGRAM, OFFICIAL_ACCOUNT
from app.demo.processes import ROOT, CannotRun, Company, free_port, is_free
from app.demo.seed import seed
from app.demo.stage import ACCOUNT_APPID, MINI_APPID, Ports, Stage
from app.demo.standin_control import StandinControl
from app.models import Patient, SubscriptionGrant, WeChatAccount
from app.start import start

_READY_SECONDS: Final = 60
_TRIED_PORTS: Final = 20
_HL7_PORT: Final = 2575


class Stopped(Exception):
    """Somebody asked the demo to end."""


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        stage = Stage(options.folder.resolve(), _ports(options.port))
        environment = stage.set_up(keep=options.keep)
        with Company(stage.folder, environment) as company:
            _raise_curtain(company, stage, environment)
            while True:
                company.check()
                time.sleep(0.2)
    except CannotRun as problem:
        print(f"演示无法继续：{problem}", file=sys.stderr, flush=True)  # noqa: T201
        return 1
    except Stopped:
        print("演示已停止。 / The demo has stopped.", flush=True)  # noqa: T201
        return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m app.demo", description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "var" / "demo")
    parser.add_argument("--port", type=int, default=8080, help="0 picks a free one")
    parser.add_argument("--keep", action="store_true", help="go on with the last database")
    return parser.parse_args()


def _stop(number: int, frame: FrameType | None) -> None:
    for again in (signal.SIGTERM, signal.SIGINT):
        signal.signal(again, signal.SIG_IGN)  # an impatient second Ctrl-C leaves nobody behind
    raise Stopped


def _ports(wanted: int) -> Ports:
    web = wanted or free_port()
    if not is_free(web):
        others = range(web + 1, web + 1 + _TRIED_PORTS)
        found = next((port for port in others if is_free(port)), None)
        if found is None:
            raise CannotRun(f"端口 {web} 已被占用，请用 --port 换一个 / port {web} is taken")
        print(  # noqa: T201
            f"端口 {web} 已被占用，改用 {found}。 / Port {web} is taken, using {found}.",
            file=sys.stderr,
        )
        web = found
    hl7 = _HL7_PORT if wanted and is_free(_HL7_PORT) else free_port()
    return Ports(web, free_port(), hl7)


def _raise_curtain(company: Company, stage: Stage, environment: dict[str, str]) -> None:
    """Start everything in the order of need, seeding while the others start."""
    company.start(
        "standin", "微信和企业微信的替身", "-m", "standin", "--port", str(stage.ports.standin),
        "--config", str(stage.standin_config), "--clock-offset-file", str(stage.clock_file),
    )  # fmt: skip
    os.environ.update(environment)
    engine = start("demo", settings.load(), pool_size=2)
    try:
        _make_tables(engine)
        # The web process takes a while to start and needs no patient for it.
        company.start(
            "web", "网站", "-m", "gunicorn", "wsgi:app", "--bind", f"127.0.0.1:{stage.ports.web}",
            "--worker-class", "gthread", "--workers", "1", "--threads", "8",
            "--log-level", "warning", "--no-control-socket",
        )  # fmt: skip
        _seed_once()
        company.await_url(f"{stage.standin_url}/standin/stats", _READY_SECONDS)
        _register_phones(StandinControl(stage.standin_url))
    finally:
        engine.dispose()
    company.await_url(f"{stage.public_url}/readyz", _READY_SECONDS)
    # Nobody waits for these two; started sooner they would keep the web process from its core.
    company.start("clock", "时钟", "-m", "jobs")
    company.start("hl7", "HL7 接口", "-m", "app.integrations.hl7")
    print(f"演示系统已就绪 / The demo is ready: {stage.public_url}/demo")  # noqa: T201
    print("按 Ctrl-C 停止 / Press Ctrl-C to stop.", flush=True)  # noqa: T201


def _make_tables(engine: Engine) -> None:
    """Bring a kept database up to date; a new one is made as the models say, which is the same."""
    config = Config(ROOT / "alembic.ini")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        if inspect(connection).get_table_names():
            command.upgrade(config, "head")
        else:
            Base.metadata.create_all(connection)
            command.stamp(config, "head")
        connection.commit()


def _seed_once() -> None:
    with unit_of_work.begin() as session:
        patients = session.scalar(select(func.count()).select_from(Patient))
    if not patients:
        seed(unit_of_work, clock.now())


def _register_phones(control: StandinControl) -> None:
    """Tell the stand-in of the phones that the database knows, and the rights each gave."""
    with unit_of_work.begin() as session:
        accounts = session.execute(
            select(WeChatAccount.app_key, WeChatAccount.openid, WeChatAccount.id)
        ).all()
        rights: dict[int, dict[str, int]] = {}
        for account_id, template_id, left in session.execute(
            select(
                SubscriptionGrant.account_id,
                SubscriptionGrant.template_id,
                func.sum(SubscriptionGrant.change),
            ).group_by(SubscriptionGrant.account_id, SubscriptionGrant.template_id)
        ):
            rights.setdefault(account_id, {})[template_id] = max(0, int(left))
    alike: dict[tuple[tuple[str, int], ...], list[str]] = {}
    for app_key, openid, account_id in accounts:
        if app_key == MINI_PROGRAM:
            grants = tuple(sorted(rights.get(account_id, {}).items()))
            alike.setdefault(grants, []).append(openid)
    for grants, openids in alike.items():
        control.add_phones(MINI_APPID, openids, dict(grants))
    for holder in HOLDERS:
        # Signing in tells the stand-in by which unionid the two apps know one person.
        control.login_code(holder.openid, MINI_APPID, holder.unionid)
    followers = [openid for app_key, openid, _ in accounts if app_key == OFFICIAL_ACCOUNT]
    control.add_phones(ACCOUNT_APPID, followers, {}, follow=True)


if __name__ == "__main__":
    sys.exit(main())
