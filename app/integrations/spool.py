"""A spool on the local disk: what the database cannot take now, in order, until it can.

Segments are files of records `length, CRC-32, bytes`; the one with the highest number grows.
"""

import fcntl
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog

from app.integrations.durable_files import append_whole, sync_folder

log = structlog.get_logger()

MAX_BYTES: Final = 256 * 1024 * 1024
SEGMENT_BYTES: Final = 8 * 1024 * 1024
_HEAD: Final = struct.Struct(">II")


class SpoolFull(Exception):
    """No more fits; the sender has to keep it."""


class Spool:
    """One folder, shared by processes of this machine."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._has_written = False

    def append(self, record: bytes) -> None:
        """Keep `record`; when this returns, a loss of power does not lose it.

        :raises SpoolFull: the bound is reached
        :raises OSError: the disk does not take it
        """
        entry = _HEAD.pack(len(record), zlib.crc32(record)) + record
        with self._locked():
            segments = self._segments()
            if sum(map(_size, segments)) + len(entry) > self._max_bytes:
                raise SpoolFull
            newest = segments[-1] if segments else self._begin(None)
            size = newest.stat().st_size
            # A crash may have cut the last record of the newest segment: begin behind it.
            if size > (SEGMENT_BYTES if self._has_written else 0):
                newest = self._begin(newest)
            _write(newest, entry)
        self._has_written = True

    def replay(self, store: Callable[[bytes], None]) -> int:
        """Give each record to `store` in order and forget what it took; return how many.

        What `store` raises ends the replay and is raised; its segment is then given again from
        its beginning next time, and so it is after a crash: `store` takes a repeat calmly.
        """
        with self._locked():
            segments = self._segments()
            if segments and segments[-1].stat().st_size:
                self._begin(segments[-1])
            else:
                segments = segments[:-1]  # the newest is empty and stays to be written to
        count = 0
        for segment in segments:
            for record in _records(segment):
                store(record)
                count += 1
            segment.unlink(missing_ok=True)
        return count

    def _segments(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9]*.spool"))

    def _begin(self, after: Path | None) -> Path:
        number = 1 if after is None else int(after.stem) + 1
        path = self._folder / f"{number:012d}.spool"
        path.touch(mode=0o600)
        sync_folder(self._folder)  # the file's name must outlive a crash too
        return path

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self._folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _size(segment: Path) -> int:
    """Return the bytes of a segment; 0 when a replay, which is not locked, has just ended it."""
    try:
        return segment.stat().st_size
    except FileNotFoundError:
        return 0


def _write(path: Path, entry: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        append_whole(descriptor, entry)
    finally:
        os.close(descriptor)


def _records(path: Path) -> Iterator[bytes]:
    """Yield the records of a segment, up to where a crash cut it."""
    with path.open("rb") as file:
        while head := file.read(_HEAD.size):
            length, check = _HEAD.unpack(head) if len(head) == _HEAD.size else (0, -1)
            record = file.read(length)
            if len(record) != length or zlib.crc32(record) != check:
                log.warning("spool_cut", count=path.stat().st_size - file.tell())
                return
            yield record
