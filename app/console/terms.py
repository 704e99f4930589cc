"""术语对照: what other systems' codes mean here. Codes and names of tests only, nobody's data."""

from datetime import date
from http import HTTPStatus
from typing import Final, TypeVar

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.database import unit_of_work
from app.domain.errors import NotATarget
from app.domain.intake.hospital_records import Coded
from app.domain.intake.term_suggestions import search_tests
from app.domain.intake.term_targets import is_judged, read_target
from app.domain.intake.terminology import TermKind
from app.domain.profile.unit_spellings import UCUM_UNITS
from app.domain.trust.access import Audience, Permission
from app.models import TermStatus
from app.models.intake.mappings import ALWAYS
from app.services.staff import term_mapping, term_queue
from app.services.staff.term_queue import TermLine
from app.web import gate
from app.web.addresses import public_id

views = Blueprint("terms", __name__)

KINDS: Final = {
    TermKind.OBSERVATION: "检验项目",
    TermKind.UNIT: "单位",
    TermKind.DEPARTMENT: "科室",
    TermKind.CONDITION: "诊断",
    TermKind.MEDICATION: "药品",
}
STATUSES: Final = {
    TermStatus.OPEN: "待对照",
    TermStatus.MAPPED: "已对照",
    TermStatus.IGNORED: "已忽略",
}
_LONGEST: Final = 255
_Choice = TypeVar("_Choice", TermStatus, TermKind)


@views.get("/terms")
@gate.policy(Audience.STAFF, Permission.MAP_TERMS)
def overview() -> str:
    """Show the terms of one status, the most used first."""
    status = _chosen(TermStatus, "status") or TermStatus.OPEN
    kind = _chosen(TermKind, "kind")
    source = request.args.get("source") or None
    page = _number("page")
    with unit_of_work.begin() as session:
        queue = term_queue.list_terms(
            session, status=status, source=_bounded(source), kind=kind, page=page
        )
    return render_template(
        "console/terms.html",
        queue=queue, status=status, kind=kind, source=source, page=page,
        pages=-(-queue.total // term_queue.PAGE), kinds=KINDS, statuses=STATUSES,
        notice=_notice(), now=clock.now(),
    )  # fmt: skip


@views.get("/terms/<term_id>")
@gate.policy(Audience.STAFF, Permission.MAP_TERMS)
def term(term_id: str) -> str:
    """Show one term: suggestions, a search, and, once a code is chosen, what confirming does."""
    return _term_page(term_id, request.args.get("target", "").strip())


@views.post("/terms/<term_id>/map")
@gate.policy(Audience.STAFF, Permission.MAP_TERMS)
def resolve(term_id: str) -> AnyResponse | tuple[str, int]:
    """Keep the decision; the clock process reads again what used the term."""
    target = request.form.get("target", "").strip()
    display = request.form.get("target_display", "").strip()[:_LONGEST]
    try:
        starts_on = _day(request.form.get("starts_on", ""))
        with unit_of_work.begin() as session:
            decision = term_mapping.resolve_term(
                session, public_id(term_id), target[:_LONGEST], gate.actor(), clock.now(),
                target_display=display, starts_on=starts_on,
            )  # fmt: skip
    except NotATarget as problem:
        return _term_page(term_id, target, problem.title), HTTPStatus.UNPROCESSABLE_ENTITY
    return redirect(
        url_for(".overview", done="mapped", messages=decision.messages), HTTPStatus.SEE_OTHER
    )


@views.post("/terms/<term_id>/ignore")
@gate.policy(Audience.STAFF, Permission.MAP_TERMS)
def ignore(term_id: str) -> AnyResponse:
    """Take a term off the queue without a meaning."""
    with unit_of_work.begin() as session:
        term_mapping.ignore_term(session, public_id(term_id), gate.actor(), clock.now())
    return redirect(url_for(".overview", done="ignored"), HTTPStatus.SEE_OTHER)


@views.post("/terms/<term_id>/reopen")
@gate.policy(Audience.STAFF, Permission.MAP_TERMS)
def reopen(term_id: str) -> AnyResponse:
    """Put an ignored term back on the queue."""
    with unit_of_work.begin() as session:
        term_mapping.reopen_term(session, public_id(term_id), gate.actor(), clock.now())
    return redirect(url_for(".term", term_id=term_id, done="reopened"), HTTPStatus.SEE_OTHER)


def _term_page(term_id: str, wanted: str, problem: str = "") -> str:
    with unit_of_work.begin() as session:
        line = term_queue.find_term(session, public_id(term_id))
        departments = term_queue.our_departments(session)
        messages = term_queue.count_messages(session, line.id)
    target: Coded | None = None
    if wanted and not problem:
        try:
            target = read_target(line.kind, wanted[:_LONGEST], departments)
        except NotATarget as refused:
            problem = refused.title
    search = request.args.get("q", "").strip()[:60]
    return render_template(
        "console/term.html",
        line=line, target=target, wanted=wanted, messages=messages, search=search,
        problems={"target": problem} if problem else {},
        is_judged=target is None or is_judged(target),
        found=search_tests(search) if line.kind is TermKind.OBSERVATION else (),
        choices=_choices(line, departments), kinds=KINDS, statuses=STATUSES,
        notice=_notice(), now=clock.now(),
    )  # fmt: skip


def _choices(line: TermLine, departments: dict[str, str]) -> dict[str, str]:
    """Return what a term of a closed list may be mapped to, by code; empty: anything is typed."""
    if line.kind is TermKind.DEPARTMENT:
        return departments
    return {unit: unit for unit in sorted(UCUM_UNITS)} if line.kind is TermKind.UNIT else {}


def _notice() -> str | None:
    done, messages = request.args.get("done", ""), _number("messages")
    return {
        "mapped": (
            f"已保存。之前收到的 {messages} 条消息会按新的含义重新读取，进度在“已对照”中。"
            if messages
            else "已保存。之前收到的消息没有用到它，新消息会按这个含义读取。"
        ),
        "ignored": "已忽略。以后仍会计数，可在“已忽略”中找回。",
        "reopened": "已放回待对照。",
    }.get(done)


def _chosen(choices: type[_Choice], name: str) -> _Choice | None:
    asked = request.args.get(name, "")
    return next((one for one in choices if one == asked), None)


def _number(name: str) -> int:
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 0


def _bounded(source: str | None) -> str | None:
    """Return a source as its column may be asked for; none is called otherwise."""
    if source is None:
        return None
    return source if source.isascii() and source.isprintable() and len(source) <= 64 else "-"


def _day(text: str) -> date:
    """:raises NotATarget: no day looks like this"""
    if not text.strip():
        return ALWAYS
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise NotATarget("日期请写成 2026-05-04 的样子，或留空") from None
