"""值班: who answers alerts now, the shifts to come, one more, one less."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.database import unit_of_work
from app.domain.errors import NotFound
from app.domain.staff.alert_clock import CHAIN, Responder
from app.domain.trust.access import Audience, Permission
from app.services.staff import duty_roster
from app.services.staff.duty_roster import ShiftRefused
from app.web import gate
from app.web.addresses import public_id
from app.web.staff import me

views = Blueprint("duty", __name__, url_prefix="/duty")

_NOTICES: Final = {"planned": "已排上。到时间就由他接预警。", "cancelled": "已取消这个班次。"}


@views.get("")
@gate.policy(Audience.STAFF, Permission.KEEP_ROSTER)
def overview() -> AnyResponse:
    """Show who answers now, and the shifts of two weeks."""
    return _page({}, {})


@views.post("")
@gate.policy(Audience.STAFF, Permission.KEEP_ROSTER)
def plan() -> AnyResponse:
    """Put somebody on the roster of one of the viewer's teams."""
    given = request.form.to_dict()
    starts, ends = _moment(given.get("starts", "")), _moment(given.get("ends", ""))
    team, _, who = given.get("who", "").partition("/")
    problems = {}
    if not team or not who:
        problems["who"] = "请选择团队里的一位同事"
    if given.get("responder") not in list(Responder):
        problems["responder"] = "请选择担任的角色"
    if starts is None:
        problems["starts"] = "请填开始的日期和时间"
    if ends is None:
        problems["ends"] = "请填结束的日期和时间"
    if problems or starts is None or ends is None:
        return _page(given, problems)
    try:
        with unit_of_work.begin() as session:
            duty_roster.plan_shift(
                session, public_id(team), public_id(who), Responder(given["responder"]), starts,
                ends, clock.now(), gate.actor(), of=me(),
            )  # fmt: skip
    except ShiftRefused as refused:
        return _page(given, {"starts": refused.title})
    return redirect(url_for(".overview", done="planned"), HTTPStatus.SEE_OTHER)


@views.post("/<shift_id>/cancel")
@gate.policy(Audience.STAFF, Permission.KEEP_ROSTER)
def cancel(shift_id: str) -> AnyResponse:
    """Take a shift off the roster."""
    try:
        with unit_of_work.begin() as session:
            duty_roster.cancel_shift(
                session, public_id(shift_id), clock.now(), gate.actor(), of=me()
            )
    except ShiftRefused:
        raise NotFound from None
    return redirect(url_for(".overview", done="cancelled"), HTTPStatus.SEE_OTHER)


def _page(given: Mapping[str, str], problems: Mapping[str, str]) -> AnyResponse:
    now = clock.now()
    with unit_of_work.begin() as session:
        page = render_template(
            "console/duty.html", given=given, problems=problems, chain=CHAIN, now=now,
            duties=duty_roster.duties(session, now, of=me()),
            shifts=duty_roster.shifts_ahead(session, now, of=me()),
            members=duty_roster.members_of(session, me()),
            notice=_NOTICES.get(request.args.get("done", "")),
        )  # fmt: skip
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK)


def _moment(text: str) -> datetime | None:
    """Return a moment on the hospital's clock."""
    try:
        at = datetime.fromisoformat(text.strip().replace(" ", "T"))
    except ValueError:
        return None
    return at.replace(tzinfo=clock.HOSPITAL) if at.tzinfo is None else None
