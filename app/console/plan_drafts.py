"""计划草稿: a new version written as YAML, what it changes in sentences, and a second signature."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.database import unit_of_work
from app.domain.definitions import KEY, InvalidDefinition
from app.domain.errors import DomainError, NotFound
from app.domain.plans import plan_words
from app.domain.trust.access import Audience, Permission
from app.integrations.pack_files import read_text, write_text
from app.services.plans import pack_drafts, plan_library
from app.web import gate, plan_labels
from app.web.addresses import public_id
from app.web.staff import may_here, me

views = Blueprint("plan_drafts", __name__, url_prefix="/plan-drafts")

# What is edited at once: some keys of the pack; the first has all that the others leave.
PARTS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "plans": ("计划", ("plans",)),
    "rules": ("规则", ("rules",)),
    "articles": ("文章", ("articles",)),
    "questionnaires": ("问卷", ("questionnaires",)),
    "tags": ("标签", ("tags", "tag_rules")),
    "head": ("生效日期、出处、通知和界限", ("title", "effective_from", "effective_until", "sources",
                                "notices", "limits", "sign_off")),
    "whole": ("全部", ()),
}  # fmt: skip
_NOTICES: Final = {
    "begun": "已建立草稿，内容和现用版本一样。",
    "saved": "已保存。",
    "submitted": "已提交，等另一位同事签署。",
    "returned": "已退回。",
}


@views.post("")
@gate.policy(Audience.STAFF, Permission.DESIGN_PLANS)
def begin() -> AnyResponse:
    """Begin a draft: from the version in force, or from YAML written elsewhere."""
    form, now, text = request.form, clock.now(), _lines(request.form.get("text", ""))
    try:
        with unit_of_work.begin() as session:
            if form.get("do") == "import":
                draft = pack_drafts.import_draft(session, read_text(text), gate.actor(), now)
            else:
                key = form.get("pack", "")
                if not KEY.fullmatch(key):
                    raise NotFound
                draft = pack_drafts.begin_draft(session, key, gate.actor(), now)
            named = draft.public_id
    except InvalidDefinition as wrong:
        page = render_template("console/plan_import.html", text=text, problems=_wrong(wrong))
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    return redirect(url_for(".show", draft_id=named, done="begun"), HTTPStatus.SEE_OTHER)


@views.get("/import")
@gate.policy(Audience.STAFF, Permission.DESIGN_PLANS)
def ask_for_text() -> str:
    """Ask for the YAML of a pack."""
    return render_template("console/plan_import.html", text="", problems={})


@views.get("/<draft_id>")
@gate.policy(Audience.STAFF, Permission.DESIGN_PLANS)
def show(draft_id: str) -> AnyResponse:
    """Show what a draft changes, and one part of it to be edited."""
    return _page(draft_id, _part(request.args.get("part", "")), {})


@views.post("/<draft_id>")
@gate.policy(Audience.STAFF, Permission.DESIGN_PLANS)
def change(draft_id: str) -> AnyResponse:
    """Save one part; or submit, send back, give up the draft."""
    form, now, actor = request.form, clock.now(), gate.actor()
    deed, named, part = form.get("do", ""), public_id(draft_id), _part(form.get("part", ""))
    try:
        with unit_of_work.begin() as session:
            if deed == "save":
                view = pack_drafts.read_draft(session, named, me())
                content = _merged(view.content, part, read_text(_lines(form.get("text", "")), part))
                revision = form.get("revision", "")
                pack_drafts.save_draft(
                    session, named, int(revision) if revision.isdecimal() else 0, content, actor,
                    now,
                )  # fmt: skip
                done = "saved"
            elif deed == "submit":
                pack_drafts.submit_draft(session, named, actor, now)
                done = "submitted"
            elif deed == "return":
                pack_drafts.return_draft(session, named, form.get("reason", ""), actor, now)
                done = "returned"
            elif deed == "drop":
                pack_drafts.drop_draft(session, named, actor, now)
                done = "dropped"
            else:
                raise NotFound
    except InvalidDefinition as wrong:
        return _page(draft_id, part, _wrong(wrong), form.get("text", ""))
    except NotFound:
        raise
    except DomainError as refused:
        return _page(draft_id, part, {"draft": refused.title}, form.get("text"))
    if done == "dropped":
        return redirect(url_for("console.plans.overview", done=done), HTTPStatus.SEE_OTHER)
    to = url_for(".show", draft_id=draft_id, part=part, done=done)
    return redirect(to, HTTPStatus.SEE_OTHER)


@views.post("/<draft_id>/approve")
@gate.policy(Audience.STAFF, Permission.APPROVE_PLANS)
def approve(draft_id: str) -> AnyResponse:
    """Sign what somebody else wrote; it is in force at once, or on its first day."""
    now = clock.now()
    try:
        with unit_of_work.begin() as session:
            signed = pack_drafts.approve_draft(
                session, public_id(draft_id), gate.actor(), now, clock.today()
            )
            if signed.is_due:
                plan_library.install_pack(session, signed.pack, now, approved_by=signed.approver)
                pack_drafts.mark_installed(session, signed.draft_id, now)
    except NotFound:
        raise
    except DomainError as refused:
        return _page(draft_id, "plans", {"draft": refused.title})
    done = "approved" if signed.is_due else "later"
    return redirect(url_for("console.plans.overview", done=done), HTTPStatus.SEE_OTHER)


def _page(
    draft_id: str, part: str, problems: dict[str, str], text: str | None = None
) -> AnyResponse:
    with unit_of_work.begin() as session:
        view = pack_drafts.read_draft(session, public_id(draft_id), me())
    page = render_template(
        "console/plan_draft.html", draft=view, part=part, parts_=PARTS, labels=plan_labels,
        words=plan_words,
        text=write_text(_of(view.content, part)) if text is None else text, problems=problems,
        may_sign=view.may_sign and may_here(Permission.APPROVE_PLANS), now=clock.now(),
        notice=_NOTICES.get(request.args.get("done", "")), is_text="part" in request.args,
        today=clock.today(),
    )  # fmt: skip
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK)


def _part(asked: str) -> str:
    return asked if asked in PARTS else "plans"


def _of(content: Mapping[str, Any], part: str) -> dict[str, Any]:
    _, keys = PARTS[part]
    return {key: content[key] for key in keys if key in content} if keys else dict(content)


def _merged(content: Mapping[str, Any], part: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the draft with one part replaced; a key of another part in it is refused."""
    _, keys = PARTS[part]
    if not keys:
        return dict(given)
    foreign = sorted(set(given) - set(keys))
    if foreign:
        raise InvalidDefinition(foreign[0], "belongs to another part")
    kept = {key: value for key, value in content.items() if key not in keys}
    return kept | dict(given)


def _lines(text: str) -> str:
    """Return what a browser sent with the line ends of a file."""
    return text.replace("\r\n", "\n")


def _wrong(error: InvalidDefinition) -> dict[str, str]:
    """Return where it is wrong; the place is written as in the YAML itself."""
    return {"text": f"这里的写法不对，没有保存：{error}"}
