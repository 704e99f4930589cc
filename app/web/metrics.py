"""Counts for a monitoring system, in the Prometheus text format; labels are states, never ids."""

from ipaddress import ip_address

from apiflask import APIFlask
from flask import Response, request

from app import clock
from app.database import unit_of_work
from app.domain.errors import NotFound
from app.domain.trust.access import Audience
from app.services import statistics
from app.services.outreach import outbox
from app.services.staff.feed_status import count_open_alarms
from app.web import gate

_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def register(app: APIFlask) -> None:
    @app.get("/metrics")
    @app.doc(hide=True)
    @gate.policy(Audience.ANYONE, why="counts only, and only to this machine itself")
    def metrics() -> Response:
        if not _is_from_here():
            raise NotFound
        with unit_of_work.begin() as session:
            counts = statistics.count(session)
            counts["communications_overdue"] = {
                str(state): number for state, number in outbox.overdue(session, clock.now()).items()
            }
            counts["feed_alarms"] = count_open_alarms(session)
        lines = [line for name, value in counts.items() for line in _lines(name, value)]
        return Response("\n".join(lines) + "\n", content_type=_TYPE)


def _is_from_here() -> bool:
    """Tell whether a collector on this machine asks, and not the proxy for somebody else."""
    forwarded = request.headers.get("X-Forwarded-For") or request.headers.get("Forwarded")
    return not forwarded and ip_address(request.remote_addr or "0.0.0.0").is_loopback  # noqa: S104


def _lines(name: str, value: object) -> list[str]:
    head = f"# TYPE careloop_{name} gauge"
    if isinstance(value, dict):
        states = [f'careloop_{name}{{state="{state}"}} {number}' for state, number in value.items()]
        return [head, *states]
    return [head, f"careloop_{name} {value}"]
