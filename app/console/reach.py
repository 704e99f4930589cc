"""能联系到谁: before anything is sent, whom it would reach; and the SMS that were not needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import numpy as np
from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.clock import HOSPITAL
from app.console.desk import desk
from app.database import unit_of_work
from app.domain.errors import NotFound
from app.domain.outreach.decency import Purpose
from app.domain.segments.errors import TooSlow
from app.domain.trust.access import Audience, Permission
from app.models.segments.evaluating import AT_A_DEED
from app.models.segments.reading import reading
from app.models.trust.audit import record
from app.services.outreach.reach_counts import read_months
from app.services.outreach.reach_report import have_called, report_reach
from app.services.segments import freezing, segment_library
from app.web import gate, reach_words
from app.web.addresses import public_id
from app.web.staff import me

views = Blueprint("reach", __name__, url_prefix="/reach")

# More than a page can ask about while somebody waits: of them every second, third… is asked.
MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Asked:
    """Of whom the page tells: `ids` are those who are asked about, `size` is of all."""

    name: str
    size: int
    ids: Sequence[int]
    segment: str | None = None
    audience: str | None = None


@views.get("")
@gate.policy(Audience.STAFF, Permission.USE_SEGMENTS)
def overview() -> str:
    """Show how many of a segment or an audience a message of a purpose would reach."""
    purpose, now = _purpose(request.args.get("purpose")), clock.now()
    problem, asked, found = None, None, None
    price = desk().outlets.sms_price
    with reading() as session:
        segments = segment_library.list_segments_for(session, me())
        months = read_months(session, price)
    if request.args.get("segment") or request.args.get("audience"):
        try:
            asked = _asked(request.args.get("segment"), request.args.get("audience"))
            with reading() as session:
                found = report_reach(session, asked.ids, purpose, now, desk().outlets)
        except TooSlow:
            problem = "这个人群太慢，没有算完。请把条件写得更具体，或先生成名单"
        with unit_of_work.begin() as session:
            record(session, gate.actor(), "read", "reach-report", now)
    return render_template(
        "console/reach.html", segments=segments, purpose=purpose, asked=asked, found=found,
        months=months, price=price, words=reach_words, segment=request.args.get("segment"),
        problems={"segment": problem} if problem else {},
        notice=_notice(request.args.get("made"), request.args.get("there")),
    )  # fmt: skip


@views.post("")
@gate.policy(Audience.STAFF, Permission.USE_SEGMENTS)
def call() -> AnyResponse:
    """Make a nurse's task of each high-risk patient whom messages do not reach, once."""
    purpose, now = _purpose(request.form.get("purpose")), clock.now()
    segment, audience = request.form.get("segment") or None, request.form.get("audience") or None
    asked = _asked(segment, audience)
    with reading() as session:
        worrying = report_reach(session, asked.ids, purpose, now, desk().outlets).worrying
    with unit_of_work.begin() as session:
        calls = have_called(session, worrying, now, HOSPITAL)
        detail = {"made": calls.made, "without_team": calls.without_team}
        record(session, gate.actor(), "create", "contact-tasks", now, detail=detail)
    return redirect(
        url_for(
            ".overview", segment=segment, audience=audience, purpose=purpose.value,
            made=calls.made, there=calls.there_already,
        ),
        HTTPStatus.SEE_OTHER,
    )  # fmt: skip


def _asked(segment: str | None, audience: str | None) -> _Asked:
    """Return whom a segment means now, or who was frozen in an audience.

    :raises NotFound: no such one, or none of theirs
    :raises TooSlow: the segment cannot be answered in time
    """
    if audience:
        with unit_of_work.begin() as session:
            chunks = freezing.read_audience(session, public_id(audience), gate.actor(), clock.now())
            ids = [int(one) for chunk in chunks for one in chunk]
        return _Asked("名单", len(ids), _part(ids), audience=audience)
    with reading() as session:
        return _of_segment(session, public_id(segment or ""))


def _of_segment(session: Session, segment: str) -> _Asked:
    line = segment_library.read_segment(session, segment, me())
    if line.criterion is None:
        raise NotFound
    found = desk().evaluator.ids(session, line.criterion, clock.now(), seconds=AT_A_DEED)
    ids = np.asarray(found).tolist()
    return _Asked(line.name, len(ids), _part(ids), segment=segment)


def _part(ids: Sequence[int]) -> Sequence[int]:
    return ids[:: -(-len(ids) // MOST)] if len(ids) > MOST else ids


def _purpose(text: str | None) -> Purpose:
    return Purpose(text) if text in set(Purpose) else Purpose.EDUCATION


def _notice(made: str | None, there: str | None) -> str | None:
    if made is None or not made.isdecimal():
        return None
    before = f"，{there} 位之前已经交给护士" if there and there.isdecimal() and int(there) else ""
    return f"已为 {made} 位患者生成护士待办{before}。"
