"""S5 人群: the list, one segment with its sample, its reasons and its audiences, two compared."""

import time
from http import HTTPStatus
from typing import Any, Final

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.console.desk import desk
from app.console.segments.answering import SLOW, Answer, answer, find
from app.console.segments.blueprint import views
from app.database import unit_of_work
from app.domain.criteria.population_wording import GENDERS
from app.domain.criteria.tree import Criterion
from app.domain.criteria.wording import describe
from app.domain.errors import DomainError, NotFound
from app.domain.segments.errors import TooSlow
from app.domain.trust.access import Audience, Permission
from app.models.segments.names import names
from app.models.segments.reading import reading
from app.services.segments import comparing, explaining, freezing, sampling, segment_library
from app.services.segments.segment_library import SegmentLine
from app.web import gate
from app.web.addresses import public_id
from app.web.staff import me

# All counts of the list together; what is not counted by then is counted on its own page.
_LIST_SECONDS: Final = 3.0
_NOTICES: Final = {
    "saved": "已保存。",
    "retired": "已停用。已经生成的名单不受影响。",
    "frozen": "已生成名单，见下面的“名单”。",
}


@views.get("")
@gate.policy(Audience.STAFF, Permission.USE_SEGMENTS)
def overview() -> str:
    """Show the segments somebody may see, each as a sentence with how many it means now."""
    deadline = time.monotonic() + _LIST_SECONDS
    with reading() as session:
        lines = segment_library.list_segments(session, me())
        answers: dict[int, Answer] = {}
        for line in lines:
            left = deadline - time.monotonic()
            if line.criterion is not None and left > 0:
                answers[line.id] = answer(session, line.criterion, seconds=left)
    return render_template(
        "console/segments.html", lines=lines, answers=answers, now=clock.now(),
        notice=_NOTICES.get(request.args.get("done", "")),
    )  # fmt: skip


@views.get("/<segment_id>")
@gate.policy(Audience.STAFF, Permission.USE_SEGMENTS)
def show(segment_id: str) -> AnyResponse:
    """Show one segment; `show=sample` adds some of the asker's own patients."""
    return _page(segment_id, {}, HTTPStatus.OK)


@views.post("/<segment_id>/freeze")
@gate.policy(Audience.STAFF, Permission.USE_SEGMENTS)
def freeze(segment_id: str) -> AnyResponse:
    """Keep whom the segment means now."""
    try:
        with unit_of_work.begin() as session:
            freezing.freeze_segment(
                session, public_id(segment_id), desk().evaluator, gate.actor(), clock.now()
            )
    except TooSlow:
        return _page(segment_id, {"freeze": SLOW}, HTTPStatus.CONFLICT)
    return redirect(url_for(".show", segment_id=segment_id, done="frozen"), HTTPStatus.SEE_OTHER)


@views.post("/<segment_id>/retire")
@gate.policy(Audience.STAFF, Permission.USE_SEGMENTS)
def retire(segment_id: str) -> AnyResponse:
    """Take the segment out of use."""
    version = request.form.get("version", "")
    try:
        with unit_of_work.begin() as session:
            segment_library.retire_segment(
                session, public_id(segment_id), int(version) if version.isdecimal() else 0,
                gate.actor(), clock.now(),
            )  # fmt: skip
    except NotFound:
        raise
    except DomainError as problem:
        return _page(segment_id, {"retire": problem.title}, HTTPStatus.CONFLICT)
    return redirect(url_for(".overview", done="retired"), HTTPStatus.SEE_OTHER)


@views.post("/<segment_id>/why")
@gate.policy(Audience.STAFF, Permission.USE_SEGMENTS)
def look_up(segment_id: str) -> AnyResponse:
    """Find a patient by record number, which no address may hold, and lead to the reasons."""
    number = request.form.get("number", "").strip()[:64]
    try:
        with reading() as session:
            patient = explaining.find_by_number(session, number, gate.actor(), clock.now())
    except NotFound:
        problems = {"number": "没有找到这个病历号，或者不是您团队的患者"}
        return _page(segment_id, problems, HTTPStatus.UNPROCESSABLE_ENTITY, number=number)
    return redirect(
        url_for(".why", segment_id=segment_id, patient_id=patient), HTTPStatus.SEE_OTHER
    )


@views.get("/<segment_id>/why/<patient_id>")
@gate.policy(Audience.STAFF, Permission.USE_SEGMENTS)
def why(segment_id: str, patient_id: str) -> str:
    """Show for one patient which conditions hold, and what is known of each."""
    now = clock.now()
    with unit_of_work.begin() as session:
        line = segment_library.read_segment(session, public_id(segment_id), me())
        explanation = explaining.explain(
            session, _criterion(line), names(session), public_id(patient_id), gate.actor(),
            now, clock.HOSPITAL,
        )  # fmt: skip
    return render_template("console/segment_why.html", line=line, explanation=explanation)


@views.get("/compare")
@gate.policy(Audience.STAFF, Permission.USE_SEGMENTS)
def compare() -> AnyResponse:
    """Show two segments beside each other."""
    asked = {side: request.args.get(side, "") for side in ("first", "second")}
    with reading() as session:
        lines = segment_library.list_segments_for(session, me())
    known = {line.public_id: line for line in lines}
    shown: dict[str, Any] = {}
    problems: dict[str, str] = {}
    if any(asked.values()):
        chosen = [known.get(one) for one in asked.values()]
        if None in chosen or asked["first"] == asked["second"]:
            problems["first"] = "请选择两个不同的人群"
        else:
            try:
                shown = _compared(*(one for one in chosen if one is not None))
            except TooSlow:
                problems["first"] = SLOW
    page = render_template(
        "console/segment_compare.html", lines=lines, asked=asked, problems=problems,
        genders=GENDERS, **shown,
    )  # fmt: skip
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK
    return make_response(page, status)


def _compared(first: SegmentLine, second: SegmentLine) -> dict[str, Any]:
    today = clock.today()
    first_ids, second_ids = find(_criterion(first)), find(_criterion(second))
    with reading() as session:
        found = comparing.compare(session, first_ids, second_ids, me(), today)
        called = names(session)
        sentences = [describe(_criterion(line), called) for line in (first, second)]
    groups = (found.only_first, found.both, found.only_second)
    with unit_of_work.begin() as session:
        samples = [
            sampling.read_sample(session, ids, gate.actor(), clock.now(), today) for ids in groups
        ]
    return {
        "pair": (first, second), "sentences": sentences, "comparison": found,
        "samples": samples, "sizes": (first_ids.size, second_ids.size),
    }  # fmt: skip


def _page(
    segment_id: str, problems: dict[str, str], status: HTTPStatus, number: str = ""
) -> AnyResponse:
    now = clock.now()
    with reading() as session:
        line = segment_library.read_segment(session, public_id(segment_id), me())
        told = answer(session, line.criterion) if line.criterion is not None else None
        audiences = freezing.list_audiences(session, line.id)
    sample = None
    if request.args.get("show") == "sample" and line.criterion is not None:
        try:
            ids = find(line.criterion)
        except TooSlow:
            problems["sample"] = SLOW
        else:
            with unit_of_work.begin() as session:
                sample = sampling.read_sample(session, ids, gate.actor(), now, clock.today())
    page = render_template(
        "console/segment.html", line=line, told=told, audiences=audiences, sample=sample,
        problems=problems, number=number, genders=GENDERS, now=now, slow=SLOW,
        notice=_NOTICES.get(request.args.get("done", "")),
    )  # fmt: skip
    return make_response(page, status)


def _criterion(line: SegmentLine) -> Criterion:
    if line.criterion is None:
        raise NotFound
    return line.criterion
