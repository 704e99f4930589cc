"""Alarms of sending: a route that is closed, and messages that die in numbers."""

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.domain.outreach.gates import Closed
from app.domain.outreach.messaging import CommunicationState, Outlets
from app.domain.outreach.route_names import route_name
from app.models import Communication, Event, RouteGate
from app.models.outreach.operators import tell_operators

# What needs a person or lasts till midnight is told at once; what is down may be back in a moment.
# A full minute passes by itself, and who paused a route knows it.
_TOLD_AFTER: Final = {
    Closed.OURS: timedelta(),
    Closed.TOKEN: timedelta(),
    Closed.QUOTA: timedelta(),
    Closed.DOWN: timedelta(minutes=2),
}
_WHY: Final = {
    Closed.OURS: "平台说我们的配置或权限不对（密钥、IP 白名单、权限或封禁），需要人处理",
    Closed.TOKEN: "平台拒绝所有访问凭证，可能有别处在用同一个应用",
    Closed.QUOTA: "今天的额度已用完，平台零点后自动恢复",
    Closed.DOWN: "平台没有应答或只返回错误",
}
# Messages that died within one hour by the clock, and so many failures are looked at for them.
DEAD_IN_AN_HOUR: Final = 20
_LOOKED_AT: Final = 2_000


def watch_routes(session: Session, now: datetime, zone: ZoneInfo, outlets: Outlets) -> None:
    """Tell the operators of each closing once, and that a route they were told of is open."""
    changed = select(RouteGate).where(
        or_(RouteGate.closed.is_not(None), RouteGate.told.is_not(None))
    )
    for gate in session.scalars(changed.with_for_update()):
        if gate.closed is None:
            _tell_of_opening(session, gate, now, outlets)
        elif gate.closed is not gate.told and gate.closed_at is not None:
            after = _TOLD_AFTER.get(gate.closed)
            if after is not None and now - gate.closed_at >= after:
                _tell_of_closing(session, gate, gate.closed, gate.closed_at, now, zone, outlets)


def _tell_of_closing(
    session: Session,
    gate: RouteGate,
    why: Closed,
    since: datetime,
    now: datetime,
    zone: ZoneInfo,
    outlets: Outlets,
) -> None:
    name, local = route_name(gate.channel, gate.app_key), since.astimezone(zone)
    text = (
        f"发送告警：{name}暂停发送，{_WHY[why]}（{local:%m-%d %H:%M} 起）。"
        f"消息留在队列里，不会丢失。请查看：{outlets.public_url}/console/sending"
    )
    if _tell(session, gate, text, (why, since.isoformat()), now, outlets):
        gate.told = why


def _tell_of_opening(session: Session, gate: RouteGate, now: datetime, outlets: Outlets) -> None:
    text = f"发送恢复：{route_name(gate.channel, gate.app_key)}已恢复发送，队列里的消息会依次发出。"
    if _tell(session, gate, text, ("open", now.isoformat()), now, outlets):
        gate.told = None


def _tell(
    session: Session,
    gate: RouteGate,
    text: str,
    what: tuple[str, ...],
    now: datetime,
    outlets: Outlets,
) -> bool:
    route = (gate.channel, gate.app_key)
    return tell_operators(
        session, "route-alarm", (*route, *what), "route-alarm:" + ":".join(route), text, now,
        outlets,
    )  # fmt: skip


def watch_dead_letters(session: Session, now: datetime, outlets: Outlets) -> None:
    """Tell the operators, once an hour, that more than `DEAD_IN_AN_HOUR` messages died in it."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    failed = session.execute(
        select(Event.at, Event.payload)
        .where(Event.kind == "communication.failed")
        .order_by(Event.id.desc())
        .limit(_LOOKED_AT)
    )
    ids = {payload["communication_id"] for at, payload in failed if at >= hour}
    if len(ids) <= DEAD_IN_AN_HOUR:
        return
    dead = session.scalars(
        select(Communication.id)
        .where(Communication.id.in_(ids), Communication.state == CommunicationState.DEAD)
        .limit(DEAD_IN_AN_HOUR + 1)
    ).all()
    if len(dead) > DEAD_IN_AN_HOUR:
        text = (
            f"发送告警：这个小时内已有超过 {DEAD_IN_AN_HOUR} 条消息发送失败，不再自动重试。"
            f"请按原因查看：{outlets.public_url}/console/sending"
        )
        tell_operators(
            session, "dead-letters", (hour.isoformat(),), "route-alarm:dead-letters", text, now,
            outlets,
        )  # fmt: skip
