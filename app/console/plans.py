"""S6 计划: what each plan does, who may come in and how, moving those on an older version."""

from http import HTTPStatus
from typing import Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.definitions import KEY
from app.domain.errors import DomainError, NotFound
from app.domain.plans import plan_words
from app.domain.plans.enrolling import Entry, ReEntry, Way
from app.domain.trust.access import Audience, Permission
from app.integrations.pack_files import write_text
from app.models import MigrationStatus
from app.models.segments.names import names
from app.services.plans import pack_drafts, plan_moving, plan_overview
from app.services.plans.care_plan_reading import all_teams, find_team
from app.services.plans.enrolment import ways
from app.services.plans.enrolment.ways import PolicyWords, set_policy
from app.services.segments.segment_library import list_segments
from app.web import gate, plan_forms, plan_labels
from app.web.addresses import public_id
from app.web.staff import may_here, me

views = Blueprint("plans", __name__, url_prefix="/plans")

_NOTICES: Final = {
    "policy": "已保存，从现在起按新的规定加入。",
    "opened": "已开通。",
    "closed": "已关闭，已经加入的患者不受影响。",
    "moving": "已开始换版本，由系统分批进行，可以随时停下。",
    "stopped": "已停下，换过的保持新版本，可以继续。",
    "running": "继续进行。",
    "dropped": "草稿已放弃。",
    "approved": "已签署，现在生效。正在计划中的患者仍用原版本，可以在计划页换过来。",
    "later": "已签署，到生效日期自动启用。",
}
_MOST_DAYS: Final = 3650


@views.get("")
@gate.policy(Audience.STAFF, Permission.DESIGN_PLANS)
def overview() -> str:
    """List the plans in force, and what is being written."""
    with unit_of_work.begin() as session:
        plans = plan_overview.list_plans(session, clock.today())
        drafts = pack_drafts.list_drafts(session)
        packs = [(one.key, one.title, one.version) for one in pack_drafts.packs_in_force(session)]
    return render_template(
        "console/plans.html", plans=plans, drafts=drafts, packs=packs, labels=plan_labels,
        now=clock.now(), notice=_NOTICES.get(request.args.get("done", "")),
    )  # fmt: skip


@views.get("/packs/<pack_key>/<version>")
@gate.policy(Audience.STAFF, Permission.DESIGN_PLANS)
def export(pack_key: str, version: str) -> AnyResponse:
    """Give out one version of a pack as YAML, exactly as it was installed."""
    with unit_of_work.begin() as session:
        content = pack_drafts.find_version(session, _key(pack_key), version[:32]).content
    answer = make_response(write_text(content))
    answer.mimetype = "text/yaml"
    answer.headers["Content-Disposition"] = f'attachment; filename="{_key(pack_key)}.yaml"'
    return answer


@views.get("/<key>")
@gate.policy(Audience.STAFF, Permission.DESIGN_PLANS)
def show(key: str) -> AnyResponse:
    """Show one plan: stages, actions in words, how one comes in, its versions."""
    return _page(key, {})


@views.post("/<key>/policy")
@gate.policy(Audience.STAFF, Permission.DESIGN_PLANS)
def decide(key: str) -> AnyResponse:
    """Decide how the plan is come into from now on."""
    form = request.form
    days = form.get("days", "0").strip() or "0"
    if not days.isascii() or not days.isdecimal() or int(days) > _MOST_DAYS:
        return _page(key, {"days": f"请写 0 到 {_MOST_DAYS} 的整数"})
    try:
        words = PolicyWords(
            plan_forms.read_word(Entry, form.get("entry", "")),
            plan_forms.read_word(ReEntry, form.get("re_entry", "")),
            int(days), form.get("requests") == "1",
        )  # fmt: skip
        with unit_of_work.begin() as session:
            plan_overview.read_plan(session, _key(key), clock.today())
            set_policy(session, key, words, gate.actor(), clock.now())
    except NotFound:
        raise
    except DomainError as refused:
        return _page(key, {"entry": refused.title})
    return _back(key, "policy")


@views.post("/<key>/ways")
@gate.policy(Audience.STAFF, Permission.DESIGN_PLANS)
def open_way(key: str) -> AnyResponse:
    """Open a way in: for a segment, or a code."""
    form, now = request.form, clock.now()
    is_automatic = form.get("automatic") == "1"
    if form.get("do") == "contact" and not form.get("team"):
        return _page(key, {"team": "企业微信二维码要选团队：扫码会添加这个团队的成员"})
    try:
        with unit_of_work.begin() as session:
            team = find_team(session, form["team"]) if form.get("team") else None
            team_id = team.id if team else None
            if form.get("do") in ("code", "contact"):
                kind = Way.CONTACT if form["do"] == "contact" else Way.CODE
                ways.open_code_way(
                    session, _key(key), gate.actor(), now, HOSPITAL, kind=kind,
                    is_automatic=is_automatic, care_team_id=team_id,
                )  # fmt: skip
            else:
                ways.open_segment_way(
                    session, _key(key), public_id(form.get("segment", "-")), gate.actor(), now,
                    HOSPITAL, is_automatic=is_automatic, care_team_id=team_id,
                )  # fmt: skip
    except NotFound:
        return _page(key, {"segment": "请选择人群"})
    except DomainError as refused:
        return _page(key, {"segment": refused.title})
    return _back(key, "opened")


@views.post("/<key>/ways/<way_id>/close")
@gate.policy(Audience.STAFF, Permission.DESIGN_PLANS)
def close_way(key: str, way_id: str) -> AnyResponse:
    """Close a way in."""
    with unit_of_work.begin() as session:
        ways.close_way(session, public_id(way_id), gate.actor(), clock.now())
    return _back(key, "closed")


@views.get("/<key>/move")
@gate.policy(Audience.STAFF, Permission.DESIGN_PLANS)
def ask_to_move(key: str) -> AnyResponse:
    """Say what moving everybody to the version in force does, before it does."""
    try:
        with unit_of_work.begin() as session:
            preview = plan_moving.preview_move(session, _key(key), clock.now(), HOSPITAL)
            page = plan_overview.read_plan(session, key, clock.today())
    except plan_moving.NothingToMove as refused:
        return _page(key, {"move": refused.title})
    return make_response(
        render_template("console/plan_move.html", plan=page, preview=preview, labels=plan_labels)
    )


@views.post("/<key>/move")
@gate.policy(Audience.STAFF, Permission.DESIGN_PLANS)
def move(key: str) -> AnyResponse:
    """Begin to move, stop, or go on."""
    deed, now, actor = request.form.get("do", ""), clock.now(), gate.actor()
    try:
        with unit_of_work.begin() as session:
            if deed == "begin":
                plan_moving.begin_move(session, _key(key), actor, now)
                done = "moving"
            else:
                status = MigrationStatus.RUNNING if deed == "go-on" else MigrationStatus.STOPPED
                named = public_id(request.form.get("move", ""))
                plan_moving.turn_move(session, named, status, actor, now)
                done = status.value
    except plan_moving.MigrationSettled as refused:
        return _page(key, {"move": refused.title})
    return _back(key, done)


def _page(key: str, problems: dict[str, str]) -> AnyResponse:
    now = clock.now()
    with unit_of_work.begin() as session:
        plan = plan_overview.read_plan(session, _key(key), clock.today())
        moves = plan_moving.moves_of(session, key)
        teams = all_teams(session)
        segments = list_segments(session, me()) if may_here(Permission.USE_SEGMENTS) else ()
        packs = [
            (one.version, one.status, one.approved_by, one.installed_at)
            for one in pack_drafts.versions_of(session, plan.line.pack_key)
        ]
        told = names(session)
    page = render_template(
        "console/plan.html", plan=plan, moves=moves, teams=teams, segments=segments, packs=packs,
        labels=plan_labels, words=plan_words, told=told, problems=problems,
        given=request.form if problems else {}, now=now,
        notice=_NOTICES.get(request.args.get("done", "")),
    )  # fmt: skip
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK)


def _back(key: str, done: str) -> AnyResponse:
    return redirect(url_for(".show", key=key, done=done), HTTPStatus.SEE_OTHER)


def _key(text: str) -> str:
    """:raises NotFound: no key looks like this"""
    if not KEY.fullmatch(text):
        raise NotFound
    return text
