"""What the demo's pages are handed, and whom their buttons obey."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, cast

from flask import current_app, request

from app.demo.standin_control import StandinControl
from app.domain.errors import NotAllowed
from app.settings import Settings

_EXTENSION: Final = "careloop-demo"


@dataclass(frozen=True, slots=True)
class Demo:
    """Where the other processes of the demo are, and the file that moves the clock of all."""

    standin: StandinControl
    clock_file: Path
    mini_appid: str
    staff_app: str
    hl7_host: str
    hl7_port: int

    def move_clock(self, by: timedelta) -> None:
        """Move the time of every process of the demo."""
        shift = float(self.clock_file.read_text()) if self.clock_file.exists() else 0.0
        new = self.clock_file.with_suffix(".new")
        new.write_text(str(shift + by.total_seconds()))
        new.replace(self.clock_file)  # nobody reads half a number

    def keep(self, extensions: dict[str, object]) -> None:
        extensions[_EXTENSION] = self


def demo_of(settings: Settings) -> Demo | None:
    """Return the demo that the settings describe; None where they describe none."""
    mini = settings.wechat.first("mini-program")
    if not settings.demo or settings.demo_standin is None or settings.demo_clock is None:
        return None
    if mini is None or not settings.wecom.apps:
        return None
    return Demo(
        StandinControl(settings.demo_standin), settings.demo_clock, mini.appid,
        settings.wecom.apps[0].key, settings.hl7.host, settings.hl7.port,
    )  # fmt: skip


def demo() -> Demo:
    return cast(Demo, current_app.extensions[_EXTENSION])


def refuse_other_sites() -> None:
    """Let only our own pages press the demo's buttons: there is no session to keep a token in.

    :raises NotAllowed: the request comes from another site, or does not say
    """
    if request.method in ("GET", "HEAD"):
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    is_ours = origin == request.host_url.rstrip("/") and site in (None, "same-origin")
    if not is_ours:
        raise NotAllowed
