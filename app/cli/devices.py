"""The verb `devices push`: plays a maker's cloud, to try the door before a real one does."""

import json
from pathlib import Path
from typing import Any, Final

import click
from sqlalchemy import Engine

from app import clock
from app.cli.frame import Failed, with_database
from app.domain.exchange.delivering import Broken
from app.domain.trust import signatures
from app.integrations.bounded_http import Bounds, Reach, call
from app.settings import Settings

# A full batch is two hundred readings, each in the record before the answer.
_BOUNDS: Final = Bounds(read=60, total=60)


@click.group()
def devices() -> None:
    """Devices that measure at home."""


@devices.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--vendor", required=True, help="One of CARELOOP_DEVICES__VENDORS.")
@click.option("--to", "base", help="Our address; CARELOOP_PUBLIC_URL where left out.")
@with_database
def push(loaded: Settings, engine: Engine, *, path: Path, vendor: str, base: str | None) -> None:
    """Sign a file of readings as VENDOR would and push it; see docs/devices.md.

    Exit 1 when one is held, or the call is refused.
    """
    known = next((one for one in loaded.devices.vendors if one.name == vendor), None)
    if known is None:
        raise Failed(f"{vendor} is no vendor of CARELOOP_DEVICES__VENDORS")
    body = path.read_bytes()
    secrets = [one.get_secret_value() for one in known.secrets]
    headers = {
        "Content-Type": "application/json",
        signatures.HEADER: signatures.sign(secrets, clock.now(), body),
    }
    url = f"{(base or loaded.public_url).rstrip('/')}/devices/{vendor}/readings"
    answer = call("POST", url, headers, body, reach=Reach(is_anywhere=True), bounds=_BOUNDS)
    if isinstance(answer, Broken):
        said = f"was refused: {answer.code}" if answer.code else f"failed: {answer.error}"
        raise Failed(f"the call {said}")
    lines: list[dict[str, Any]] = json.loads(answer.body)["readings"]
    for line in lines:
        print(line["id"] or "-", line["result"], line["reason"] or line["doubt"] or "")
    if any(line["result"] == "held" for line in lines):
        raise Failed("some readings are held")
