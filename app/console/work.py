"""团队待办: the team's tasks by the clock, given to people many at once; who is away."""

from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.database import unit_of_work
from app.domain.trust.access import Audience, Permission
from app.models.trust.audit import record
from app.services.staff import sharing
from app.services.staff.worklist import Show, WorkKind, read_worklist
from app.web import gate
from app.web.addresses import cursor, public_id
from app.web.staff import me

views = Blueprint("work", __name__, url_prefix="/work")

SHOWN: Final = {Show.TASKS: "全部随访待办", Show.MINE: "我的", Show.OVERDUE: "已超时"}
TEAM: Final = "team"  # instead of a person: back to the team
_NOTICES: Final = {
    "leave": "已登记请假。",
    "ended": "已撤销请假。转出的待办不会自动转回。",
}


@views.get("")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def overview() -> AnyResponse:
    """Show a page of tasks, narrowed as the address says, and who is away."""
    return _page({})


def _page(problems: Mapping[str, str]) -> AnyResponse:
    """Show the page; with `problems` it keeps what was sent."""
    asked = request.values.get("show", "")
    show = Show(asked) if asked in set(SHOWN) else Show.TASKS
    team = request.values.get("team") or None
    now = clock.now()
    with unit_of_work.begin() as session:
        work = read_worklist(
            session, me(), now, show=show, team=team, after=cursor(request.args.get("after"))
        )
        people = [(one.public_id, one.name or "") for one in sharing.colleagues(session, me())]
        leaves = [
            (one.public_id, one.practitioner.name, one.starts_on, one.ends_on,
             one.substitute.name if one.substitute else None)
            for one in sharing.leaves_ahead(session, me(), clock.today())
        ]  # fmt: skip
        seen = sorted({item.patient_id for item in work.items})
        record(session, gate.actor(), "read", "worklist", now, detail={"patient_ids": seen})
    page = render_template(
        "console/work.html", work=work, show=show, team=team, shown=SHOWN, people=people,
        leaves=leaves, task=WorkKind.TASK, back=TEAM, notice=_notice(), today=clock.today(),
        now=now, problems=problems, given=request.form, ticked=request.form.getlist("id"),
    )  # fmt: skip
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK)


@views.post("/assign")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def assign() -> AnyResponse:
    """Give what was ticked to a colleague, or back to the team."""
    ids = [one for one in request.form.getlist("id") if one.isascii() and len(one) <= 32]
    to = request.form.get("to", "")
    if not ids or not to:
        return _page({"to": "请先勾选待办，再选择交给谁"})
    now = clock.now()
    try:
        with unit_of_work.begin() as session:
            whom = None if to == TEAM else public_id(to)
            changed = sharing.assign(session, ids, whom, me(), now)
            record(
                session, gate.actor(), "update", "task", now,
                detail={"action": "assign", "task_ids": changed, "to": to},
            )  # fmt: skip
    except sharing.NotOfTheTeam:
        return _page({"to": "这位同事不在这项待办的团队里，没有改动"})
    return _back("assigned", count=len(changed))


@views.post("/leave")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def leave() -> AnyResponse:
    """Note that somebody is away, and who stands in."""
    sent = request.form
    now = clock.now()
    if not sent.get("who"):
        return _page({"who": "请选择谁请假"})
    try:
        days = date.fromisoformat(sent.get("from", "")), date.fromisoformat(sent.get("until", ""))
        with unit_of_work.begin() as session:
            substitute = sent.get("substitute", "")
            noted, moved = sharing.go_on_leave(
                session, public_id(sent.get("who", "")), public_id(substitute) if substitute else
                None, *days, me(), now,
            )  # fmt: skip
            record(
                session, gate.actor(), "create", "leave", now,
                detail={"leave": noted.public_id, "moved": moved},
            )  # fmt: skip
    except (ValueError, sharing.LeaveTurnedRound):
        return _page({"until": "请检查日期：结束不能早于开始，也不能已经过去"})
    except sharing.NotOfTheTeam:
        return _page({"substitute": "代班的人要和请假的人在同一个团队"})
    return _back("leave", count=moved)


@views.post("/leave/<leave_id>/end")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def end(leave_id: str) -> AnyResponse:
    """Take a leave back."""
    now = clock.now()
    with unit_of_work.begin() as session:
        sharing.end_leave(session, public_id(leave_id), me(), now)
        record(session, gate.actor(), "delete", "leave", now, detail={"leave": leave_id})
    return _back("ended")


def _back(done: str, count: int | None = None) -> AnyResponse:
    show, team = (request.form.get(name) or None for name in ("show", "team"))
    where = url_for(".overview", done=done, count=count, show=show, team=team)
    return redirect(where, HTTPStatus.SEE_OTHER)


def _notice() -> str | None:
    count, done = request.args.get("count", ""), request.args.get("done", "")
    number = count if count.isdecimal() and len(count) < 5 else "0"
    if done == "assigned":
        return f"已转交 {number} 项。"
    if done == "leave":
        return f"已登记请假，{number} 项待办已转出。"
    return _NOTICES.get(done)
