"""The spool: in order, on the disk before we say so, and calm about a cut."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.integrations import spool as spool_module
from app.integrations.spool import Spool, SpoolFull
from tests.conftest import ROOT


def drained(folder: Path) -> list[bytes]:
    got: list[bytes] = []
    Spool(folder).replay(got.append)
    return got


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.spool"))


def test_records_come_back_in_order_and_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    records = [f"record {number}".encode() * number for number in range(50)]
    for record in records:
        spool.append(record)

    assert drained(tmp_path / "spool") == records
    assert drained(tmp_path / "spool") == []
    spool.append(b"later")
    assert drained(tmp_path / "spool") == [b"later"]


def test_an_empty_or_missing_spool_gives_nothing(tmp_path: Path) -> None:
    assert drained(tmp_path / "never-made") == []


def test_segments_keep_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 100)
    spool = Spool(tmp_path)
    records = [f"{number:04d}".encode() * 10 for number in range(40)]
    for record in records:
        spool.append(record)

    assert len(segments(tmp_path)) > 5
    assert drained(tmp_path) == records
    assert len(segments(tmp_path)) <= 1


def test_a_record_cut_by_a_crash_hides_no_other(tmp_path: Path) -> None:
    first = Spool(tmp_path)
    first.append(b"before")
    first.append(b"cut in the middle")
    (newest,) = segments(tmp_path)
    newest.write_bytes(newest.read_bytes()[:-5])
    Spool(tmp_path).append(b"after the crash")

    assert drained(tmp_path) == [b"before", b"after the crash"]


@pytest.mark.parametrize("length", range(0, 30, 3))
def test_a_segment_cut_anywhere_gives_its_whole_records(tmp_path: Path, length: int) -> None:
    spool = Spool(tmp_path)
    spool.append(b"one")
    spool.append(b"two")
    (path,) = segments(tmp_path)
    path.write_bytes(path.read_bytes()[:length])

    assert drained(tmp_path) == [b"one", b"two"][: length // 11]


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    Spool(tmp_path).append(b"as it was written")
    (path,) = segments(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"was", b"is "))

    assert drained(tmp_path) == []


def test_what_the_store_refuses_stays_with_what_follows(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in range(4):
        spool.append(str(number).encode())
    got: list[bytes] = []

    def store(record: bytes) -> None:
        if record == b"2":
            raise ConnectionError
        got.append(record)

    with pytest.raises(ConnectionError):
        spool.replay(store)
    spool.append(b"4")

    assert got == [b"0", b"1"]
    # From the beginning of the segment: the store takes repeats calmly.
    assert drained(tmp_path) == [b"0", b"1", b"2", b"3", b"4"]


def test_an_outage_of_many_replays_and_restarts_leaves_no_files_behind(tmp_path: Path) -> None:
    def store(record: bytes) -> None:
        raise ConnectionError

    for number in range(5):
        Spool(tmp_path).append(str(number).encode())
        for _ in range(3):
            with pytest.raises(ConnectionError):
                Spool(tmp_path).replay(store)

    assert len(segments(tmp_path)) == 6
    assert drained(tmp_path) == [b"0", b"1", b"2", b"3", b"4"]
    assert len(segments(tmp_path)) == 1


def test_a_full_spool_says_so_and_takes_more_once_emptied(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=100)
    spool.append(b"x" * 60)

    with pytest.raises(SpoolFull):
        spool.append(b"y" * 40)
    spool.append(b"z")
    assert drained(tmp_path) == [b"x" * 60, b"z"]
    spool.append(b"y" * 40)


def test_a_full_disk_leaves_the_records_before_it_whole(tmp_path: Path) -> None:
    """A limit on file size stands for the disk: the kernel writes a part and then refuses."""
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from app.integrations.spool import Spool\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "spool = Spool(Path(sys.argv[1])); spool.append(b'first')\n"
        "try: spool.append(b'x' * 2000)\n"
        "except OSError: print('refused')\n"
        "spool.append(b'second')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, capture_output=True, check=True
    )

    assert done.stdout.strip() == b"refused"
    assert drained(tmp_path) == [b"first", b"second"]


def test_processes_share_one_spool(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from app.integrations.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1]))\n"
        "for n in range(100): spool.append(f'{sys.argv[2]} {n}'.encode())\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path), name], cwd=ROOT)
        for name in "abc"
    ]
    assert [one.wait(60) for one in processes] == [0, 0, 0]

    got = [record.decode() for record in drained(tmp_path)]

    assert len(got) == 300
    for name in "abc":
        assert [one for one in got if one.startswith(name)] == [f"{name} {n}" for n in range(100)]


def test_a_replay_that_ends_a_segment_stops_no_append(tmp_path: Path) -> None:
    spool, given, done = Spool(tmp_path), 3000, threading.Event()
    got: list[bytes] = []

    def replay() -> None:
        while not done.is_set():
            spool.replay(got.append)

    with ThreadPoolExecutor() as pool:
        replaying = pool.submit(replay)
        try:
            for number in range(given):
                spool.append(b"%d" % number)
        finally:
            done.set()
        replaying.result(30)
    spool.replay(got.append)

    assert [int(record) for record in got] == list(range(given))


def test_only_this_user_may_read_the_spool(tmp_path: Path) -> None:
    Spool(tmp_path / "spool").append(b"still encrypted")

    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in segments(tmp_path / "spool"))
