"""A life lived: the clock goes from one moment at which anything is due to the next.

The journal holds what patient and staff saw of it.
"""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.plans.plan_schedule import TaskStatus
from app.models import Alert, CarePlan, Task, TaskOwner
from app.models.plans.knowledge import knowledge
from app.services.plans.enrolment import begin_plan
from app.services.profile.tags.tag_words import give_tag
from jobs import chores
from jobs.workers import react_to_events
from tests.integration.postbox import send_due
from tests.lives.hospital import WORK, Hospital, Phone, diagnose, discharge
from tests.lives.journal import Seen, pages
from tests.lives.script import Deed, Script

_SEEN: Final = (TaskStatus.READY, TaskStatus.IN_PROGRESS)
_OPEN: Final = (TaskStatus.REQUESTED, *_SEEN)
# What the clock does every minute, and what it does at some hours, here at fewer of them.
_MINUTELY: Final = (
    chores.open_due_tasks,
    chores.judge_due_tasks,
    chores.send_plan_messages,
    chores.remind_of_tasks,
    chores.miss_past_tasks,
    chores.climb_alerts,
)
_AT: Final[dict[time, tuple[Callable[..., None], ...]]] = {
    time(0, 17): (chores.expand_plans, chores.expire_tags, chores.wake_tags),
    time(8, 13): (chores.judge_absences,),
    time(14, 13): (chores.judge_absences,),
}
_MINUTE: Final = timedelta(minutes=1)


class Life:
    """`hands` is the clock that everybody reads; the journal grows as it moves."""

    def __init__(self, hospital: Hospital, script: Script, hands: list[datetime]) -> None:
        self.journal: list[tuple[datetime, str]] = []
        self._hospital = hospital
        self._script = script
        self._hands = hands
        self._deeds = sorted(script.deeds, key=lambda one: one.at)
        self._seen = Seen()

    def live(self, days: int) -> list[str]:
        """Return the journal of so many days, line by line."""
        script = self._script
        self._set(script.begins_at)
        self._begin()
        self._tick(script.begins_at)
        until = script.begins_at + timedelta(days=days)
        while (now := self._next(self._hands[0])) < until:
            self._set(now)
            self._act(now)
            self._tick(now)
        return list(pages(self.journal, script))

    # ------------------------------------------------------------------------------ the clock

    def _set(self, now: datetime) -> None:
        self._hands[0] = now

    def _next(self, now: datetime) -> datetime:
        """Return the next full minute at which something is due."""
        moments = [one.at for one in self._deeds if one.at > now]
        moments += [_coming(hour, now) for hour in _AT]
        with unit_of_work() as session:
            moments += _due(session, now)
            waits = select(Task.id).filter_by(owner=TaskOwner.PATIENT).where(Task.status.in_(_SEEN))
            if session.scalar(waits.limit(1)) is not None:
                moments += [_coming(hour, now) for hour in self._script.looks]
        first = max(min(moments), now + _MINUTE)
        even = first.replace(second=0, microsecond=0)
        return even if even == first else even + _MINUTE

    def _tick(self, now: datetime) -> None:
        hour = now.astimezone(HOSPITAL).time()
        for chore in (*_AT.get(hour, ()), *_MINUTELY):
            chore(WORK, now)
        self._settle(now)

    def _settle(self, now: datetime) -> None:
        """Let everything that was set off come to its end, messages on the wire included."""
        hospital = self._hospital
        while True:
            while react_to_events(WORK):
                pass
            if not send_due(hospital.senders, lambda: now, 4):
                break
        with unit_of_work() as session:
            for line in self._seen.news(session, hospital):
                self.journal.append((now, line))

    # -------------------------------------------------------------------------- what people do

    def _begin(self) -> None:
        script, hospital, now = self._script, self._hospital, self._hands[0]
        with unit_of_work.begin() as session:
            for tag in script.tags:
                give_tag(session, hospital.patient_id, tag, hospital.nurse, now)
            (discharge if script.is_of_a_stay else diagnose)(
                session, script, hospital.patient_id, now
            )
        self._settle(now)
        with unit_of_work.begin() as session:
            if session.scalar(select(CarePlan.id).filter_by(plan_key=script.plan)) is None:
                plan = knowledge(session).plans[script.plan]
                begin_plan(session, hospital.patient_id, plan, script.day_0, hospital.team_id, now)

    def _act(self, now: datetime) -> None:
        day = (now.astimezone(HOSPITAL).date() - self._script.day_0).days
        for deed in self._deeds:
            if deed.at == now:
                self._do(deed)
        if now.astimezone(HOSPITAL).time() in self._script.looks and day not in self._script.silent:
            # What opens at this very minute is there to be seen.
            for chore in _MINUTELY[:2]:
                chore(WORK, now)
            self._look(now)

    def _do(self, deed: Deed) -> None:
        phone, told = self._hospital.phone(deed.at), dict(deed.what)
        if form := told.get("questionnaire"):
            self._fill(phone, form, told["answers"], deed.at)
        else:
            self._measure(phone, told, deed.at)

    def _fill(self, phone: Phone, form: str, answers: dict[str, Any], now: datetime) -> None:
        """Fill the form that waits, calmly but for these answers."""
        waiting = (
            phone.call("GET", f"/tasks/{one['id']}")
            for one in phone.call("GET", "/tasks")["tasks"]
            if one["status"] in ("ready", "in-progress")
        )
        task = next(one for one in waiting if (one.get("questionnaire") or {}).get("key") == form)
        self._respond(phone, task, answers)

    def _look(self, now: datetime) -> None:
        """Do everything that is open and that the script has a value for."""
        phone = self._hospital.phone(now)
        for task in phone.call("GET", "/tasks")["tasks"]:
            if task["status"] in ("ready", "in-progress"):
                self._answer(phone, task["id"], now)

    def _answer(self, phone: Phone, task_id: str, now: datetime) -> None:
        task = phone.call("GET", f"/tasks/{task_id}")
        if measure := task.get("measurement"):
            name = "/".join(filter(None, (measure["code"], measure["context"])))
            value = self._usual(name, now)
            if value is not None:
                told = {"code": measure["code"], "value": value, "context": measure["context"]}
                self._measure(phone, told, now)
        elif task.get("questionnaire"):
            self._respond(phone, task, {})
        else:
            phone.call("POST", f"/tasks/{task_id}/complete")

    def _respond(self, phone: Phone, task: dict[str, Any], answers: dict[str, Any]) -> None:
        form = task["questionnaire"]
        told = {item["link_id"]: _calm(item) for item in form["items"]}
        body = {
            "reference": str(uuid4()), "questionnaire": form["key"], "task": task["id"],
            "answers": told | dict(self._script.answers.get(form["key"], {})) | answers,
        }  # fmt: skip
        phone.call("POST", "/responses", body)

    def _usual(self, name: str, now: datetime) -> str | None:
        """Return what is measured as a rule; `3.40+0.03` is so much more each day."""
        told = self._script.usual.get(name)
        if told is None or "+" not in told:
            return told
        begin, daily = (Decimal(part) for part in told.split("+"))
        days = (now.astimezone(HOSPITAL).date() - self._script.day_0).days
        return str(begin + daily * days)

    def _measure(self, phone: Phone, told: dict[str, Any], now: datetime) -> None:
        body = {
            "reference": str(uuid4()), "effective_at": now.isoformat(), "is_own_reading": True,
            **told, "value": str(told["value"]),
        }  # fmt: skip
        phone.call("POST", "/observations", body)


def _calm(item: dict[str, Any]) -> Any:
    """Return the answer of somebody who is well: forms put that first, or lowest."""
    match item["type"]:
        case "choice":
            return item["options"][0]["code"]
        case "multi-choice":
            return [item["options"][0]["code"]]
        case "boolean":
            return False
        case "text":
            return "没有"
        case "integer" | "scale":
            return int(item.get("minimum") or 0)
        case _:
            return item.get("minimum") or "0"


def _coming(hour: time, now: datetime) -> datetime:
    local = now.astimezone(HOSPITAL)
    at = datetime.combine(local.date(), hour, HOSPITAL)
    return at if at > now else at + timedelta(days=1)


def _due(session: Session, now: datetime) -> list[datetime]:
    """Return when the next task opens, reminds or passes, and the next alert climbs.

    What a tick itself set off, or should have been before the plan began, is the next minute's.
    """
    just = now - _MINUTE
    asked = (
        select(func.min(Task.starts_at)).where(
            Task.status == TaskStatus.REQUESTED, Task.starts_at > just
        ),
        select(func.min(Task.remind_at)).where(Task.status.in_(_OPEN)),
        select(func.min(Task.judge_at)).where(Task.status == TaskStatus.REQUESTED),
        select(func.min(Task.ends_at)).where(Task.status.in_(_OPEN), Task.ends_at > just),
        select(func.min(Alert.acknowledge_by)).where(
            Alert.is_open.is_(True), Alert.acknowledge_by > just
        ),
    )
    return [moment for one in asked if (moment := session.scalar(one)) is not None]
