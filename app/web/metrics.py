"""Counts for a monitoring system, in the Prometheus text format; labels are states, never ids."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from ipaddress import ip_address

from apiflask import APIFlask
from flask import Response, request
from sqlalchemy.orm import Session

from app import clock
from app.database import unit_of_work
from app.domain.errors import NotFound
from app.domain.trust.access import Audience
from app.services import statistics
from app.services.outreach import outbox, outbox_view
from app.services.staff.feed_status import count_open_alarms
from app.web import gate

_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_Point = tuple[Mapping[str, str], int]  # labels and the number


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
            series = _of_sending(session, clock.now())
        lines = [line for name, value in counts.items() for line in _lines(name, value)]
        lines += [line for name, points in series.items() for line in _labelled(name, points)]
        return Response("\n".join(lines) + "\n", content_type=_TYPE)


def _of_sending(session: Session, now: datetime) -> dict[str, list[_Point]]:
    """Return the outbox by lane and route: bounded counts, the calls of the last whole minute."""
    lanes = outbox_view.read_lanes(session)
    routes = outbox_view.read_routes(session, now, clock.start_of_day(clock.today()))
    at_rest = outbox_view.count_at_rest(session)
    called: Counter[str] = Counter()
    accepted: Counter[str] = Counter()
    for route in routes:
        called[route.channel] += route.minute.called
        accepted[route.channel] += route.minute.accepted
    closed = Counter((route.channel, route.gate.why) for route in routes if route.gate)
    return {
        "outbox_queued": [({"lane": one.lane}, one.queued) for one in lanes],
        "outbox_oldest_seconds": [
            ({"lane": one.lane}, _waited(one.oldest_due_at, now)) for one in lanes
        ],
        "outbox_unknown": [({"lane": one.lane}, one.unknown) for one in lanes],
        "outbox_at_rest": [({"state": state}, count) for state, count in at_rest.items()],
        "route_called_last_minute": [({"channel": one}, called[one]) for one in sorted(called)],
        "route_accepted_last_minute": [
            ({"channel": one}, accepted[one]) for one in sorted(accepted)
        ],
        "route_closed": [
            ({"channel": channel, "why": why}, count) for (channel, why), count in closed.items()
        ],
        "token_drops": [({}, outbox_view.count_token_drops(session))],
    }


def _waited(since: datetime | None, now: datetime) -> int:
    return 0 if since is None else max(0, int((now - since).total_seconds()))


def _labelled(name: str, points: Sequence[_Point]) -> list[str]:
    lines = [f"# TYPE careloop_{name} gauge"]
    for labels, number in points:
        told = ",".join(f'{label}="{value}"' for label, value in labels.items())
        lines.append(f"careloop_{name}{{{told}}} {number}" if told else f"careloop_{name} {number}")
    return lines


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
