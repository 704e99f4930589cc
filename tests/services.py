"""Throw-away MariaDB, Redis and RabbitMQ for one test run, on free ports in a temporary folder."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pymysql
import redis

MISSING = (
    "{0} is not installed; on Debian: apt-get install {1} (make test does it when run as root)"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class MariaDB:
    """A MariaDB in a folder; it may be killed and started again.

    A `durable` one syncs each commit to the disk; the other loses nothing by being killed, but
    would by a loss of power.
    """

    def __init__(self, folder: Path, *, durable: bool = True, memory_mb: int = 128) -> None:
        server = shutil.which("mariadbd") or shutil.which("mysqld")
        installer = shutil.which("mariadb-install-db")
        if not server or not installer:
            raise RuntimeError(MISSING.format("MariaDB", "mariadb-server"))
        self.port = free_port()
        self.url = f"mysql+pymysql://root@127.0.0.1:{self.port}"  # without a database name
        user = ["--user=root"] if os.geteuid() == 0 else []
        data = folder / "mariadb"
        subprocess.run(
            [installer, "--no-defaults", f"--datadir={data}",
             "--auth-root-authentication-method=normal", "--skip-test-db", *user],
            check=True, capture_output=True,
        )  # fmt: skip
        self._command = [
            server, "--no-defaults", f"--datadir={data}", f"--port={self.port}",
            f"--socket={folder / 'mariadb.sock'}", "--bind-address=127.0.0.1",
            f"--innodb-flush-log-at-trx-commit={1 if durable else 2}", "--max-connections=400",
            f"--innodb-buffer-pool-size={memory_mb}M",
            "--skip-name-resolve",
            f"--pid-file={folder / 'mariadb.pid'}", *user,
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return once it answers."""
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _wait(
            lambda: pymysql.connect(host="127.0.0.1", port=self.port, user="root").close(),
            self._process,
        )

    def kill(self) -> None:
        """End it as a power failure would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def mariadb(folder: Path, *, durable: bool = False, memory_mb: int = 128) -> Iterator[str]:
    """Run a MariaDB in `folder`; yield its URL without a database name.

    It is not durable unless asked: no test cuts its power, and thousands commit to it.
    """
    server = MariaDB(folder, durable=durable, memory_mb=memory_mb)
    try:
        server.start()
        yield server.url
    finally:
        server.kill()  # nothing in it outlives the run


class Redis:
    """A Redis in a folder, that keeps nothing; it may be killed, started again, and hung."""

    def __init__(self, folder: Path) -> None:
        server = shutil.which("redis-server")
        if not server:
            raise RuntimeError(MISSING.format("Redis", "redis-server"))
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [
            server, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
            "--dir", str(folder),
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return once it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        _wait(self._ping, self._process)

    def _ping(self) -> None:
        with redis.Redis(port=self.port) as client:
            client.ping()

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as a power failure would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Run a Redis in `folder`; yield its URL."""
    server = Redis(folder)
    try:
        server.start()
        yield server.url
    finally:
        server.kill()


class RabbitMQ:
    """A RabbitMQ in a folder; it may be killed and started again with what it kept."""

    def __init__(self, folder: Path) -> None:
        server = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
        if not server.exists():
            raise RuntimeError(MISSING.format("RabbitMQ", "rabbitmq-server"))
        self.port = free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        folder.mkdir(parents=True, exist_ok=True)
        self._command = [str(server)]
        self._environment = {
            **os.environ,
            "HOME": str(folder),  # its cookie
            "RABBITMQ_NODENAME": f"careloop{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "none-either"),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return once it answers."""
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        _wait(self._greet, self._process, 60)

    def _greet(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            if not connection.recv(1):
                raise ConnectionError("not yet")

    def kill(self) -> None:
        """End it and all it started, as a power failure would."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@contextmanager
def rabbitmq(folder: Path) -> Iterator[str]:
    """Run a RabbitMQ in `folder`; yield its URL."""
    server = RabbitMQ(folder)
    try:
        server.start()
        yield server.url
    finally:
        server.kill()


def _wait(probe: object, process: subprocess.Popen[bytes], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            probe()  # type: ignore[operator]
            return
        except (OSError, pymysql.Error, redis.RedisError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def main(command: list[str]) -> int:
    """Run `command` with TEST_DATABASE_URL and TEST_REDIS_URL pointing at throw-away servers."""
    environment = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="careloop-test-") as name, ExitStack() as stack:
        folder = Path(name)
        if "TEST_DATABASE_URL" not in environment:
            environment["TEST_DATABASE_URL"] = stack.enter_context(mariadb(folder))
        if "TEST_REDIS_URL" not in environment:
            environment["TEST_REDIS_URL"] = stack.enter_context(redis_server(folder))
        return subprocess.run(command, env=environment).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except RuntimeError as problem:
        sys.exit(str(problem))
