"""The third-party samples of the shared folder, message by message."""

import json
from collections.abc import Iterator
from pathlib import Path

from app.integrations.hl7.envelope import split_messages


def sample_bodies(shared_data: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the file's name and the bytes of each message of each file."""
    for path in sorted((shared_data / "clinical/hl7v2").rglob("*")):
        if not path.is_file():
            continue
        if path.suffix == ".jsonl":
            lines = path.read_text().split("\n")
            bodies = [json.loads(line)["text"].encode() for line in lines if line]
        else:
            bodies = split_messages(path.read_bytes())
        for body in bodies:
            yield path.name, body
