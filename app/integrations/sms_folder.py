"""SMS by a folder: one JSON line a message, for a gateway inside the hospital that empties it.

The lines are in the clear: phone, template and its parameters, which is what an SMS shows. Keep
the folder on an encrypted volume; files and folder are for their owner alone.
"""

import fcntl
import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import structlog

from app.clock import HOSPITAL
from app.domain.outreach.messaging import Accepted, ErrorClass, Failure, Outcome, Outgoing, Sender
from app.integrations.durable_files import append_whole, sync_folder

log = structlog.get_logger()


def sms_folder_sender(folder: Path, now: Callable[[], datetime], prefix: str = "sms") -> Sender:
    """Return the sender that appends to `{prefix}-YYYYMMDD.jsonl`, a file for each hospital day.

    A message is taken once its line is on the disk. `id` is our key: of two lines of one id the
    gateway sends the first alone.
    """

    def send(outgoing: Outgoing) -> Outcome:
        content, at = outgoing.content, now()
        try:
            phone, template, params = (content[name] for name in ("phone", "template", "params"))
        except KeyError:
            return Failure(ErrorClass.CONTENT)
        line = {
            "id": outgoing.public_id, "at": at.isoformat(), "phone": phone, "template": template,
            "params": params,
        }  # fmt: skip
        entry = json.dumps(line, ensure_ascii=False).encode() + b"\n"
        path = folder / f"{prefix}-{at.astimezone(HOSPITAL):%Y%m%d}.jsonl"
        try:
            _append(path, entry)
        except OSError as error:
            log.warning("sms_call_failed", error_class=ErrorClass.NOT_SENT.value, exc_info=error)
            return Failure(ErrorClass.NOT_SENT)
        return Accepted(outgoing.public_id)

    return send


def _append(path: Path, entry: bytes) -> None:
    """Write whole or not at all; when this returns, a loss of power does not lose it.

    :raises OSError: nothing of it stands in the file
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    is_new = not path.exists()
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        append_whole(file, entry)
    finally:
        os.close(file)
    if is_new:
        sync_folder(path.parent)
