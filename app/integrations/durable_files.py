"""Writing to the disk so that a loss of power loses nothing that was said to be written."""

import os
from pathlib import Path


def append_whole(file: int, entry: bytes) -> None:
    """Append `entry` to a locked, open file, whole or not at all, and sync it.

    :raises OSError: nothing of it stands in the file
    """
    size = os.fstat(file).st_size
    try:
        left = memoryview(entry)
        while left:
            left = left[os.write(file, left) :]
        os.fsync(file)
    except OSError:
        # Half a record would hide those after it.
        os.ftruncate(file, size)
        raise


def sync_folder(folder: Path) -> None:
    """Let the names in `folder` outlive a crash, not only what the files hold."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
