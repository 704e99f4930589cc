"""S2 患者: find one's patients. S3 患者 360°: everything known of one, and what to do."""

from http import HTTPStatus
from typing import Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.console import patient_words as words
from app.database import unit_of_work
from app.domain.criteria.tree import Criterion
from app.domain.errors import DomainError, NotFound
from app.domain.profile.record_views import EntryKind
from app.domain.profile.social_history import SOCIAL_ITEMS, NotAnAnswer
from app.domain.trust.access import Audience, Permission, may
from app.models import StatedBy
from app.models.profile.tag_reading import tags_taken, tags_to_give
from app.models.staff.staff_access import find_cared_for
from app.models.trust.audit import record
from app.services.profile.patient_profile import read_profile
from app.services.profile.patient_search import (
    FoundBy,
    PatientPage,
    Searcher,
    find_patients,
    list_patients,
)
from app.services.profile.patient_timeline import read_timeline
from app.services.profile.social_history import state_social_history
from app.services.profile.tags.tag_words import give_tag, take_tag, undo_word
from app.services.segments.segment_library import list_segments_for, read_segment
from app.web import gate
from app.web.addresses import cursor, public_id
from app.web.staff import may_here, me

views = Blueprint("patients", __name__, url_prefix="/patients")

_MOST_TABS: Final = 20
_LONGEST_REASON: Final = 200


@views.get("")
@gate.policy(Audience.STAFF, Permission.READ_PATIENT)
def overview() -> str:
    """List one's patients, or those of a saved segment."""
    segment, after = request.args.get("segment") or None, request.args.get("after") or None
    now = clock.now()
    with unit_of_work.begin() as session:
        criterion = _criterion(session, segment) if segment else None
        page = list_patients(
            session, _searcher(), now, criterion=criterion,
            after=public_id(after) if after else None,
        )  # fmt: skip
        return _list(session, page, segment=segment, is_further=after is not None)


@views.post("")
@gate.policy(Audience.STAFF, Permission.READ_PATIENT)
def search() -> AnyResponse | str:
    """Find by number, phone or name; who is found alone is opened.

    The answer is to the form itself: an address with a name or a phone would stay in logs.
    """
    text = request.form.get("query", "").strip()
    now = clock.now()
    with unit_of_work.begin() as session:
        page, by = find_patients(session, _searcher(), text, now)
        if len(page.lines) != 1:
            answer = _list(session, page, query=text, by=by)
            is_empty = not text
            return make_response(
                answer, HTTPStatus.UNPROCESSABLE_ENTITY if is_empty else HTTPStatus.OK
            )
        record(session, gate.actor(), "search", "patient", now, patient_id=page.lines[0].id)
    found = page.lines[0].public_id
    return redirect(url_for(".show", patient_id=found), HTTPStatus.SEE_OTHER)


@views.get("/<patient_id>")
@gate.policy(Audience.STAFF, Permission.READ_PATIENT)
def show(patient_id: str) -> str:
    """Show everything known of a patient; that somebody looked is kept before it is served."""
    return _page(patient_id, {})


@views.post("/<patient_id>/tags")
@gate.policy(Audience.STAFF, Permission.DECIDE_TAGS)
def decide_tag(patient_id: str) -> AnyResponse:
    """Give or take a tag, or take back the last word on it."""
    deed, key = request.form.get("do", ""), request.form.get("tag", "")
    reason = request.form.get("reason", "").strip()
    if len(reason) > _LONGEST_REASON:
        return _again(patient_id, {"reason": f"原因最多 {_LONGEST_REASON} 个字"})
    if not key:
        return _again(patient_id, {"tag": "请选择标签"})
    now = clock.now()
    try:
        with unit_of_work.begin() as session:
            patient = find_cared_for(session, public_id(patient_id), me(), now)
            if deed == "take":
                take_tag(session, patient.id, key, gate.actor(), now, reason=reason)
                done = "taken"
            elif deed == "undo":
                undo_word(session, patient.id, key, gate.actor(), now)
                done = "undone"
            else:
                give_tag(session, patient.id, key, gate.actor(), now, reason=reason)
                done = "given"
    except NotFound:
        raise
    except DomainError as refused:
        return _again(patient_id, {"tag": refused.title})
    return redirect(url_for(".show", patient_id=patient_id, done=done), HTTPStatus.SEE_OTHER)


@views.post("/<patient_id>/life")
@gate.policy(Audience.STAFF, Permission.READ_PATIENT)
def state_life(patient_id: str) -> AnyResponse:
    """Keep what staff learnt of how a patient lives; each answer is "code=value"."""
    code, _, value = request.form.get("answer", "").partition("=")
    now = clock.now()
    try:
        with unit_of_work.begin() as session:
            patient = find_cared_for(session, public_id(patient_id), me(), now)
            state_social_history(session, patient.id, code, value, StatedBy.STAFF, now)
            record(
                session, gate.actor(), "update", "social-history", now, patient_id=patient.id,
                detail={"code": code},
            )  # fmt: skip
    except NotAnAnswer:
        return _again(patient_id, {"life": "请选择一项"})
    return redirect(url_for(".show", patient_id=patient_id, done="stated"), HTTPStatus.SEE_OTHER)


def _criterion(session: Session, segment: str) -> Criterion:
    """:raises NotFound: no such segment, none of theirs, or one that can no longer be read"""
    found = read_segment(session, public_id(segment), me()).criterion
    if found is None:
        raise NotFound
    return found


def _searcher() -> Searcher:
    return Searcher(me(), gate.signed_in().role)


def _list(
    session: Session,
    page: PatientPage,
    *,
    segment: str | None = None,
    is_further: bool = False,
    query: str | None = None,
    by: tuple[FoundBy, ...] = (),
) -> str:
    """Return the list; whose names were shown is kept, not what was typed."""
    tabs = list_segments_for(session, me())[:_MOST_TABS]
    record(
        session, gate.actor(), "list", "patient", clock.now(),
        detail={
            "patients": [line.id for line in page.lines], "segment": segment,
            "by": [str(one) for one in by],
        },
    )  # fmt: skip
    return render_template(
        "console/patients.html", page=page, tabs=tabs, segment=segment, is_further=is_further,
        query=query, by=by, words=words, today=clock.today(), now=clock.now(),
    )  # fmt: skip


def _again(patient_id: str, problems: dict[str, str]) -> AnyResponse:
    return make_response(_page(patient_id, problems), HTTPStatus.UNPROCESSABLE_ENTITY)


def _page(patient_id: str, problems: dict[str, str]) -> str:
    now = clock.now()
    before = cursor(request.args.get("before"))
    kinds = [EntryKind(one) for one in request.args.getlist("kind") if one in set(EntryKind)]
    role = gate.signed_in().role
    with unit_of_work.begin() as session:
        patient = read_profile(session, public_id(patient_id), me(), now, clock.today())
        timeline = read_timeline(
            session, patient.id, now, before, kinds=kinds, practitioner_id=me()
        )
        may_tag = role is not None and may(role, Permission.DECIDE_TAGS)
        choices = tags_to_give(session, me()) if may_tag else ()
        taken = tags_taken(session, patient.id, me())
        record(session, gate.actor(), "read", "patient-profile", now, patient_id=patient.id)
    return render_template(
        "console/patient.html", patient=patient, timeline=timeline, kinds=kinds,
        is_older=before is not None, may_tag=may_tag, taken=taken,
        may_enrol=may_here(Permission.ENROL), may_handle=may_here(Permission.HANDLE_ALERT),
        given=request.form if problems else {},
        choices=[one for one in choices if one.key not in {tag.key for tag in patient.tags}],
        social=SOCIAL_ITEMS.values(), words=words, problems=problems, today=clock.today(), now=now,
        notice=words.TAG_NOTICES.get(request.args.get("done", "")),
    )  # fmt: skip
