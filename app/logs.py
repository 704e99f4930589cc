"""Structured logs that name no patient: a constant event, and fields from a list."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

# Ids, counts and codes. A name, a phone number, a value or free text is never a field.
ALLOWED: Final = frozenset(
    {
        "event", "level", "timestamp", "logger", "process", "request_id", "job", "method",
        "route", "status", "ms", "count", "total", "kind", "state", "channel", "errcode",
        "error_class", "rid", "reason", "attempt", "app", "port", "host", "version",
        "lease", "holder", "alert_id", "task_id", "communication_id", "event_id",
        "message_id", "patient_id", "plan_id", "session_id", "reaction", "rule", "chain",
        "sequence", "source", "exception", "where", "slot", "pack", "seconds", "revision",
        "peers", "segment_id", "way_id",
    }
)  # fmt: skip


def _allow_listed(_: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: value for name, value in fields.items() if name in ALLOWED}


def _exception_place(_: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Say which exception and where; its text may quote a patient or an access token."""
    info = fields.pop("exc_info", None)
    if info:
        kind, _, trace = info if isinstance(info, tuple) else sys.exc_info()
        fields["exception"] = getattr(kind, "__name__", "Exception")
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is not None:
            code = trace.tb_frame.f_code
            fields["where"] = f"{code.co_filename.rsplit('/', 2)[-1]}:{trace.tb_lineno}"
    return fields


class _Lines:
    """Writes to standard error as it is at each line, not as it was when logging began."""

    def msg(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)  # noqa: T201  # this is the logger

    log = debug = info = warning = error = critical = exception = msg


def configure(process: str) -> None:
    """Write one JSON object a line to standard error, for `process` (web, clock, listener…)."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _exception_place,
            _allow_listed,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: _Lines(),
    )
    structlog.contextvars.bind_contextvars(process=process)
    # Libraries quote URLs (with tokens) and rows (with names): only that something happened.
    logging.basicConfig(level=logging.CRITICAL, force=True)
    for name in ("urllib3", "requests", "sqlalchemy", "apscheduler", "werkzeug"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
