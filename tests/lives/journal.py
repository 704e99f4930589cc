"""What patient and staff saw of a life, in words, by the hospital's day and minute."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.plans.plan_schedule import TaskStatus
from app.models import Alert, Task, TaskOwner
from tests.lives.hospital import Hospital
from tests.lives.script import Script

_SENT: Final = ("微信：", "企业微信 → ")


class Seen:
    """What has already been written down."""

    def __init__(self) -> None:
        self._ledger = 0
        self._alerts: dict[int, str] = {}
        self._tasks: set[tuple[int, TaskStatus]] = set()

    def news(self, session: Session, hospital: Hospital) -> Iterator[str]:
        yield from self._staff_work(session)
        yield from self._alert_lines(session)
        yield from self._messages(hospital)

    def _staff_work(self, session: Session) -> Iterator[str]:
        """Yield tasks that staff now see, and what patients let pass."""
        found = session.execute(
            select(Task.id, Task.status, Task.owner, Task.title)
            .where(Task.status.in_((TaskStatus.READY, TaskStatus.MISSED)))
            .order_by(Task.id)
        )
        for id_, status, owner, title in found:
            if (id_, status) in self._tasks:
                continue
            self._tasks.add((id_, status))
            if status is TaskStatus.MISSED:
                yield f"错过：{title}"
            elif owner is TaskOwner.STAFF:
                yield f"医护任务：{title}"
            elif owner is TaskOwner.PATIENT:
                yield f"待办：{title}"

    def _alert_lines(self, session: Session) -> Iterator[str]:
        for alert in session.scalars(select(Alert).order_by(Alert.id)):
            state = f"{alert.grade.label}预警 {alert.name}（{alert.status}，第{alert.level + 1}级）"
            if self._alerts.get(alert.id) != state:
                self._alerts[alert.id] = state
                yield state

    def _messages(self, hospital: Hospital) -> Iterator[str]:
        answer = hospital.platform.get("/standin/ledger", since=self._ledger, limit=500)
        self._ledger = answer["last"]
        for entry in answer["entries"]:
            if (line := _in_words(entry)) is not None:
                yield line


def _in_words(entry: dict[str, Any]) -> str | None:
    if entry["kind"] == "subscribe_message":
        return f"微信：{entry['data']['thing1']}"
    if entry["kind"] == "app_message":
        data = entry["data"]
        title = data.get("main_title", data).get("title") or data.get("content")
        return f"企业微信 → {entry['userid']}：{title}"
    return None


def pages(journal: list[tuple[datetime, str]], script: Script) -> Iterator[str]:
    yield f"# {script.title}"
    day = None
    for at, seen in groupby(journal, key=itemgetter(0)):
        local = at.astimezone(HOSPITAL)
        if local.date() != day:
            day = local.date()
            number = (day - script.day_0).days
            yield from ("", f"## 第 {number} 天 · {day} 周{'一二三四五六日'[day.weekday()]}", "")
        yield from (f"- {local:%H:%M} {line}" for line in in_order(line for _, line in seen))


def in_order(lines: Iterable[str]) -> list[str]:
    """Put the messages of a minute last and in order: several threads send them."""
    told = list(lines)
    sent = sorted(line for line in told if line.startswith(_SENT))
    return [line for line in told if not line.startswith(_SENT)] + sent
