"""The relay process: `python -m wecom.relay`. It wires, it decides nothing."""

import sys
from typing import Any

from gunicorn.app.base import BaseApplication
from pydantic import ValidationError

from app import logs, settings
from app.database import make_engine
from app.integrations.callback_crypto import CallbackCrypto
from app.integrations.spool import Spool
from app.settings import RelayApp, RelaySettings
from wecom.relay.doors import Relay, RelayDoor
from wecom.relay.forwarding import Forwarder


class _Server(BaseApplication):  # type: ignore[misc]
    """One worker, since one thread forwards in order; its threads wait on the disk alone."""

    def __init__(self, configured: RelaySettings) -> None:
        self._configured = configured
        self._spool = Spool(configured.spool_folder, configured.spool_megabytes * 1024 * 1024)
        self._forwarder: Forwarder | None = None
        super().__init__()

    def load_config(self) -> None:
        options = {
            "bind": f"{self._configured.host}:{self._configured.port}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": 16,
            "timeout": 30,
            "limit_request_line": 4094,
            "limit_request_fields": 50,
            "control_socket_disable": True,
            "post_worker_init": lambda worker: self._start(),
            "worker_exit": lambda server, worker: self._stop(),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        doors = [_door(app) for app in self._configured.apps]
        return Relay(doors, self._spool, self._wake)

    def _start(self) -> None:
        # After the fork: neither a thread nor a connection survives one.
        engine = make_engine(self._configured.database_url.get_secret_value(), pool_size=1)
        self._forwarder = Forwarder(self._spool, engine)
        self._forwarder.start()

    def _wake(self) -> None:
        if self._forwarder is not None:
            self._forwarder.wake()

    def _stop(self) -> None:
        if self._forwarder is not None:
            self._forwarder.stop()
            self._forwarder.join(10)


def _door(app: RelayApp) -> RelayDoor:
    token = app.callback_token.get_secret_value()
    if app.callback_aes_key is None or app.receive_id is None:
        return RelayDoor(app.source, token)
    key = app.callback_aes_key.get_secret_value()
    return RelayDoor(app.source, token, CallbackCrypto.of(token, key, app.receive_id))


def main() -> int:
    try:
        configured = settings.load_relay()
    except ValidationError as problem:
        print(problem, file=sys.stderr)  # noqa: T201  # logs are not set up yet
        return 2
    logs.configure("relay")
    _Server(configured).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
