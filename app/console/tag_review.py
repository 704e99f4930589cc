"""待确认标签: what machines were not sure of, accepted or declined with one press."""

from http import HTTPStatus
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.database import unit_of_work
from app.domain.definitions import KEY
from app.domain.profile.tag_standing import TagSource
from app.domain.trust.access import Audience, Permission
from app.services.profile.tags import tag_review
from app.services.profile.tags.tag_words import NothingToUndo, ProposalSettled, TagRetired
from app.web import gate
from app.web.addresses import public_id

views = Blueprint("tag_review", __name__, url_prefix="/tag-review")

SOURCES: Final = {
    TagSource.RULE: "规则",
    TagSource.TEXT: "文字",
    TagSource.MODEL: "模型",
    TagSource.PERSON: "人工",
}


@views.get("")
@gate.policy(Audience.STAFF, Permission.DECIDE_TAGS)
def overview() -> str:
    """Show what waits, of the patients of the asker's teams."""
    asked = request.args.get("tag", "")
    tag_key = asked if KEY.fullmatch(asked) else None
    now = clock.now()
    with unit_of_work.begin() as session:
        queue = tag_review.list_proposals(session, gate.actor(), now, tag_key=tag_key)
    return render_template(
        "console/tag_review.html", queue=queue, tag_key=tag_key, sources=SOURCES, now=now,
        notice=_notice(), undoable=_undoable(),
    )  # fmt: skip


@views.post("/<proposal_id>")
@gate.policy(Audience.STAFF, Permission.DECIDE_TAGS)
def decide(proposal_id: str) -> AnyResponse:
    """Accept or decline one proposal."""
    is_accepted = request.form.get("word") == "accept"
    tag = _tag_shown()
    try:
        with unit_of_work.begin() as session:
            patient_id, key = tag_review.decide(
                session, public_id(proposal_id), gate.actor(), clock.now(), is_accepted=is_accepted
            )
    except (ProposalSettled, TagRetired):
        return redirect(url_for(".overview", done="stale", tag=tag), HTTPStatus.SEE_OTHER)
    done = "accepted" if is_accepted else "declined"
    return redirect(
        url_for(".overview", done=done, tag=tag, patient=patient_id, of=key), HTTPStatus.SEE_OTHER
    )


@views.post("/all")
@gate.policy(Audience.STAFF, Permission.DECIDE_TAGS)
def decide_all() -> AnyResponse:
    """Accept or decline what was shown of one tag, all at once."""
    ids = [one for one in request.form.getlist("id") if one.isascii() and len(one) <= 32]
    is_accepted = request.form.get("word") == "accept"
    with unit_of_work.begin() as session:
        count = tag_review.decide_all(
            session, ids, gate.actor(), clock.now(), is_accepted=is_accepted
        )
    return redirect(url_for(".overview", done="all", count=count), HTTPStatus.SEE_OTHER)


@views.post("/undo")
@gate.policy(Audience.STAFF, Permission.DECIDE_TAGS)
def undo() -> AnyResponse:
    """Take back the decision just made."""
    done, key = "undone", request.form.get("of", "")
    try:
        with unit_of_work.begin() as session:
            tag_review.undo(
                session, public_id(request.form.get("patient", "")), key, gate.actor(), clock.now()
            )
    except NothingToUndo:
        done = "stale"
    return redirect(url_for(".overview", done=done, tag=_tag_shown()), HTTPStatus.SEE_OTHER)


def _tag_shown() -> str | None:
    shown = request.form.get("tag", "")
    return shown if KEY.fullmatch(shown) else None


def _undoable() -> dict[str, str] | None:
    patient, key = request.args.get("patient", ""), request.args.get("of", "")
    if request.args.get("done") not in ("accepted", "declined") or not KEY.fullmatch(key):
        return None
    return {"patient": patient, "of": key}


def _notice() -> str | None:
    count = request.args.get("count", "")
    return {
        "accepted": "已添加，由您确认；系统不会再改动它。",
        "declined": "已记录为不符合，不会再提示。",
        "all": f"已处理 {count if count.isdecimal() else 0} 条。",
        "undone": "已撤销，恢复为处理前的样子。",
        "stale": "这一条刚刚已有人处理，或依据已经变化，没有重复处理。",
    }.get(request.args.get("done", ""))
