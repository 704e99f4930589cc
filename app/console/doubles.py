"""患者重复档案: pairs that may be one person, side by side; merged, linked, or told apart."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, TypeVar

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.console import double_words
from app.database import unit_of_work
from app.domain.trust.access import Audience, Permission
from app.models.trust.audit import record
from app.services.intake.patient_index import MergeHeld, deciding
from app.services.intake.patient_index.deciding import DismissReason, DoubleDecided, MergeReason
from app.web import gate
from app.web.addresses import public_id
from app.web.staff import me

views = Blueprint("doubles", __name__, url_prefix="/patients")

Done = TypeVar("Done")
_TRIES: Final = 3
_NOTICES: Final = {
    "merged": "已合并。需要时可以在下面撤销。",
    "linked": "已关联：两份档案都保留。",
    "dismissed": "已记录为不是同一人，不再提示这一对。",
    "stale": "这一对刚刚已有人处理，没有重复处理。",
    "undone": "已撤销合并，两份档案恢复为各自的内容。",
    "undone-but": "已撤销合并。有些内容在合并后又有改动或已转给别人，保持现状，请人工核对。",
}


@views.get("/doubles")
@gate.policy(Audience.STAFF, Permission.RESOLVE_IDENTITY)
def overview() -> str:
    """Show the pairs that wait for a decision, and the merges that can be undone."""
    now = clock.now()
    with unit_of_work.begin() as session:
        doubles = deciding.list_doubles(session)
        merges = deciding.list_merges(session)
        record(
            session, gate.actor(), "list", "patient-index", now,
            detail={"doubles": len(doubles), "merges": len(merges)},
        )  # fmt: skip
    return render_template(
        "console/doubles.html", doubles=doubles, merges=merges, words=double_words, now=now,
        notice=_NOTICES.get(request.args.get("done", "")),
    )  # fmt: skip


@views.get("/doubles/<double_id>")
@gate.policy(Audience.STAFF, Permission.RESOLVE_IDENTITY)
def show(double_id: str) -> AnyResponse:
    """Show two records side by side, nothing in full, and why they look alike."""
    return _pair(double_id, {}, HTTPStatus.OK)


@views.get("/doubles/<double_id>/merge")
@gate.policy(Audience.STAFF, Permission.RESOLVE_IDENTITY)
def ask(double_id: str) -> AnyResponse:
    """Say what a merge would move, before it does."""
    return _question(double_id, request.args.get("keep", ""), {}, HTTPStatus.OK)


@views.post("/doubles/<double_id>/merge")
@gate.policy(Audience.STAFF, Permission.RESOLVE_IDENTITY)
def merge(double_id: str) -> AnyResponse:
    """Merge a pair into the record that is kept."""
    keep = request.form.get("keep", "")
    reason = request.form.get("reason", "")
    if reason not in set(MergeReason):
        problems = {"reason": "请选择怎样确认了是同一人"}
        return _question(double_id, keep, problems, HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        return _decide(
            "merged",
            lambda session: deciding.merge_double(
                session, public_id(double_id), public_id(keep), MergeReason(reason), me(),
                clock.now(), gate.actor().origin,
            ),
        )  # fmt: skip
    except MergeHeld as held:
        problems = {"reason": double_words.HELD.get(held.reason, "现在不能合并这两份档案。")}
        return _question(double_id, keep, problems, HTTPStatus.CONFLICT)


@views.post("/doubles/<double_id>/link")
@gate.policy(Audience.STAFF, Permission.RESOLVE_IDENTITY)
def link(double_id: str) -> AnyResponse:
    """Say that a pair is one person and both records stay in use."""
    return _decide(
        "linked",
        lambda session: deciding.link_double(
            session, public_id(double_id), me(), clock.now(), gate.actor().origin
        ),
    )


@views.post("/doubles/<double_id>/dismiss")
@gate.policy(Audience.STAFF, Permission.RESOLVE_IDENTITY)
def dismiss(double_id: str) -> AnyResponse:
    """Say that a pair is two people; it is not proposed again."""
    reason = request.form.get("reason", "")
    if reason not in set(DismissReason):
        problems = {"dismiss": "请选择为什么不是同一人"}
        return _pair(double_id, problems, HTTPStatus.UNPROCESSABLE_ENTITY)
    return _decide(
        "dismissed",
        lambda session: deciding.dismiss_double(
            session, public_id(double_id), DismissReason(reason), me(), clock.now(),
            gate.actor().origin,
        ),
    )  # fmt: skip


@views.get("/merges/<merge_id>")
@gate.policy(Audience.STAFF, Permission.RESOLVE_IDENTITY)
def ask_undo(merge_id: str) -> str:
    """Say what undoing a merge means, before it is done."""
    with unit_of_work.begin() as session:
        done = deciding.read_merge(session, public_id(merge_id))
    return render_template("console/merge_undo.html", done=done, words=double_words)


@views.post("/merges/<merge_id>")
@gate.policy(Audience.STAFF, Permission.RESOLVE_IDENTITY)
def undo(merge_id: str) -> AnyResponse:
    """Part two records again."""
    parting = _in_transaction(
        lambda session: deciding.undo_merge(
            session, public_id(merge_id), me(), clock.now(), gate.actor().origin
        )
    )
    done = "undone-but" if parting.left else "undone"
    return redirect(url_for(".overview", done=done), HTTPStatus.SEE_OTHER)


def _pair(double_id: str, problems: dict[str, str], status: HTTPStatus) -> AnyResponse:
    now = clock.now()
    with unit_of_work.begin() as session:
        double = deciding.read_double(session, public_id(double_id))
        _note_reading(session, double)
    page = render_template(
        "console/double.html", double=double, problems=problems, words=double_words, now=now
    )
    return make_response(page, status)


def _question(
    double_id: str, keep: str, problems: dict[str, str], status: HTTPStatus
) -> AnyResponse:
    with unit_of_work.begin() as session:
        double = deciding.read_double(session, public_id(double_id))
        kept = double.side(public_id(keep))
        retired = double.second if kept is double.first else double.first
        moving = deciding.what_moves(session, retired.id)
        _note_reading(session, double)
    page = render_template(
        "console/double_merge.html", double=double, kept=kept, retired=retired, moving=moving,
        problems=problems, words=double_words,
    )  # fmt: skip
    return make_response(page, status)


def _note_reading(session: Session, double: deciding.Double) -> None:
    """Say in the trail whose records were shown, before anything is served."""
    for patient_id in sorted({double.first.patient_id, double.second.patient_id}):
        record(session, gate.actor(), "read", "patient-index", clock.now(), patient_id=patient_id)


def _decide(done: str, work: Callable[[Session], Any]) -> AnyResponse:
    try:
        _in_transaction(work)
    except DoubleDecided:
        done = "stale"
    return redirect(url_for(".overview", done=done), HTTPStatus.SEE_OTHER)


def _in_transaction(work: Callable[[Session], Done]) -> Done:
    """Do it whole; where it met a message about the same people in a deadlock, once more."""
    for _ in range(_TRIES - 1):
        try:
            with unit_of_work.begin() as session:
                return work(session)
        except OperationalError:
            continue
    with unit_of_work.begin() as session:
        return work(session)
