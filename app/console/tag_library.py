"""标签库: the tree by class, what gives each tag, a rule tried out, retiring and merging."""

import json
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.definitions import KEY, InvalidDefinition
from app.domain.profile.tagging import TagClass, TagRule, parse_tag_rule
from app.domain.trust.access import Audience, Permission
from app.models import CareTeam, Tag, TagScope
from app.models.segments.names import names
from app.models.trust.audit import record
from app.services.profile.tags import tag_library, tag_overview, tag_sweeping
from app.services.profile.tags.tag_library import TagDraft, TagRefused
from app.services.profile.tags.tag_overview import Trial
from app.web import gate
from app.web.staff import me

views = Blueprint("tags", __name__, url_prefix="/tags")

CLASSES: Final = {
    TagClass.DIAGNOSIS: "诊断",
    TagClass.TREATMENT: "诊疗",
    TagClass.MANAGEMENT: "管理",
    TagClass.OPERATIONAL: "运营",
}
_NOTICES: Final = {
    "created": "已添加。规则会在几分钟内用到全部患者。",
    "saved": "已保存。规则若有变化，会在几分钟内用到全部患者。",
    "retired": "已停用。系统给的标签会在几分钟内结束，人工添加的保留。",
    "restored": "已恢复使用，规则会重新用到全部患者。",
    "merged": "已合并。带有原标签的患者会在几分钟内转过来，原来的代码在规则和人群中仍然有效。",
}
_LONGEST_RULES: Final = 20_000


@views.get("")
@gate.policy(Audience.STAFF, Permission.MANAGE_TAGS)
def overview() -> str:
    """Show every tag by class, each under its parent, with how much it is used."""
    with unit_of_work.begin() as session:
        branches = tag_overview.overview(session)
    return render_template(
        "console/tags.html", branches=branches, classes=CLASSES, counted=tag_overview.COUNTED,
        notice=_notice(),
    )  # fmt: skip


@views.get("/new")
@gate.policy(Audience.STAFF, Permission.MANAGE_TAGS)
def blank() -> AnyResponse:
    """Ask for a new tag."""
    return _form("", {"tag_class": TagClass.MANAGEMENT.value, "review_below": "0.8"}, {})


@views.post("")
@gate.policy(Audience.STAFF, Permission.MANAGE_TAGS)
def create() -> AnyResponse:
    """Add a tag."""
    key = request.form.get("key", "").strip()
    try:
        draft = _draft()
        with unit_of_work.begin() as session:
            tag_library.create_tag(session, key, draft, gate.actor(), clock.now())
    except TagRefused as refused:
        return _form("", request.form.to_dict(), refused.problems)
    return redirect(url_for(".show", key=key, done="created"), HTTPStatus.SEE_OTHER)


@views.get("/<key>")
@gate.policy(Audience.STAFF, Permission.MANAGE_TAGS)
def show(key: str) -> AnyResponse:
    """Show one tag: what gives it, who may use it, what can be changed."""
    return _form(key, None, {})


@views.post("/<key>")
@gate.policy(Audience.STAFF, Permission.MANAGE_TAGS)
def change(key: str) -> AnyResponse:
    """Save a tag; `deed` try only asks its rules of a sample of patients."""
    try:
        draft = _draft()
        if request.form.get("deed") == "try":
            return _form(key, request.form.to_dict(), {}, trial=_try(key, draft))
        with unit_of_work.begin() as session:
            tag_library.change_tag(session, key, draft, gate.actor(), clock.now())
    except TagRefused as refused:
        return _form(key, request.form.to_dict(), refused.problems)
    return redirect(url_for(".show", key=key, done="saved"), HTTPStatus.SEE_OTHER)


@views.get("/<key>/retire")
@gate.policy(Audience.STAFF, Permission.MANAGE_TAGS)
def ask_to_retire(key: str) -> str:
    """Say what retiring a tag does, before it does."""
    return _consequence(key, "retire")


@views.post("/<key>/retire")
@gate.policy(Audience.STAFF, Permission.MANAGE_TAGS)
def retire(key: str) -> AnyResponse:
    """Take a tag out of use."""
    try:
        with unit_of_work.begin() as session:
            tag_library.retire_tag(session, key, gate.actor(), clock.now())
    except TagRefused as refused:
        return _refused(_consequence(key, "retire", refused.problems))
    return redirect(url_for(".overview", done="retired"), HTTPStatus.SEE_OTHER)


@views.post("/<key>/restore")
@gate.policy(Audience.STAFF, Permission.MANAGE_TAGS)
def restore(key: str) -> AnyResponse:
    """Bring a retired tag back into use."""
    try:
        with unit_of_work.begin() as session:
            tag_library.restore_tag(session, key, gate.actor(), clock.now())
    except TagRefused as refused:
        return _form(key, None, refused.problems)
    return redirect(url_for(".show", key=key, done="restored"), HTTPStatus.SEE_OTHER)


@views.get("/<key>/merge")
@gate.policy(Audience.STAFF, Permission.MANAGE_TAGS)
def ask_to_merge(key: str) -> str:
    """Ask into which tag, and say what that does, before it does."""
    return _consequence(key, "merge")


@views.post("/<key>/merge")
@gate.policy(Audience.STAFF, Permission.MANAGE_TAGS)
def merge(key: str) -> AnyResponse:
    """Let one tag be another."""
    into = request.form.get("into", "")
    if not KEY.fullmatch(into):
        return _refused(_consequence(key, "merge", {"into": "请选择要并入的标签"}))
    try:
        with unit_of_work.begin() as session:
            tag_library.merge_tag(session, key, into, gate.actor(), clock.now())
    except TagRefused as refused:
        return _refused(_consequence(key, "merge", refused.problems))
    return redirect(url_for(".show", key=into, done="merged"), HTTPStatus.SEE_OTHER)


def _draft() -> TagDraft:
    """:raises TagRefused: a number or a rule cannot be read"""
    given, problems = request.form, dict[str, str]()
    days, sure = given.get("expires_days", "").strip(), given.get("review_below", "").strip()
    if days and not (days.isascii() and days.isdecimal() and len(days) < 6):
        problems["expires_days"] = "有效天数请写整数，长期有效请留空"
        days = ""
    try:
        review_below = Decimal(sure or "0.8")
    except InvalidOperation:
        problems["review_below"] = "把握请写大于0、不超过1的数，如0.8"
        review_below = Decimal("0.8")
    rules = _rules(given.get("rules", ""), problems)
    if problems:
        raise TagRefused(problems)
    synonyms = given.get("synonyms", "").replace("，", "、").replace(",", "、").split("、")
    return TagDraft(
        name=given.get("name", ""),
        tag_class=given.get("tag_class", ""),
        parent_key=given.get("parent") or None,
        exclusion_group=given.get("exclusion_group", "").strip() or None,
        expires_days=int(days) if days else None,
        synonyms=tuple(one.strip() for one in synonyms if one.strip()),
        scope=TagScope.TEAM if given.get("scope") == TagScope.TEAM else TagScope.HOSPITAL,
        care_team_id=_team_id(given.get("care_team", "")),
        owner_id=me(),
        review_below=review_below,
        rules=rules,
    )


def _rules(text: str, problems: dict[str, str]) -> tuple[dict[str, Any], ...]:
    """Return the hospital's own rules as written: a JSON list, one mapping a rule."""
    if not text.strip():
        return ()
    try:
        told = json.loads(text[:_LONGEST_RULES])
    except (json.JSONDecodeError, RecursionError):
        told = None
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        problems["rules"] = "规则请写成 JSON 列表，参照下面的例子"
        return ()
    return tuple({"confidence": 1, "source": "hospital", **one} for one in told)


def _team_id(public_id: str) -> int | None:
    if not public_id.isascii() or not public_id.isprintable() or not 0 < len(public_id) <= 32:
        return None
    with unit_of_work.begin() as session:
        return session.scalar(select(CareTeam.id).filter_by(public_id=public_id))


def _try(key: str, draft: TagDraft) -> Trial:
    """:raises TagRefused: a rule is written wrongly"""
    with unit_of_work.begin() as session:
        tag = tag_library.find_tag(session, key)
        rules: list[TagRule] = [rule for _, rule, is_packed in _told(session, tag) if is_packed]
        for place, told in enumerate(draft.rules, 1):
            try:
                rules.append(parse_tag_rule({**told, "tag": key}, ""))
            except InvalidDefinition as wrong:
                raise TagRefused({"rules": f"第{place}条规则写得不对：{wrong}"}) from None
        trial = tag_overview.try_rules(session, tag, rules, clock.now(), HOSPITAL)
        detail = {"tag": key, "patients": trial.patients}
        record(session, gate.actor(), "try-rules", "tag-library", clock.now(), detail=detail)
    return trial


def _told(session: Session, tag: Tag) -> list[tuple[str, TagRule, bool]]:
    return tag_overview.rules_in_words(tag, names(session))


def _form(
    key: str, given: dict[str, str] | None, problems: dict[str, str], *, trial: Trial | None = None
) -> AnyResponse:
    with unit_of_work.begin() as session:
        tag = tag_library.find_tag(session, key) if key else None
        page = render_template(
            "console/tag.html",
            tag=tag, given=_as_written(session, tag) if given is None and tag else given or {},
            problems=problems, trial=trial, classes=CLASSES, notice=_notice(),
            told=_told(session, tag) if tag else [],
            uses=tag_overview.count_uses(session, tag.id, None) if tag else 0,
            into=session.get(Tag, tag.merged_into_id) if tag and tag.merged_into_id else None,
            others=_others(session, key), teams=session.scalars(select(CareTeam)).all(),
        )  # fmt: skip
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK)


def _as_written(session: Session, tag: Tag) -> dict[str, str]:
    team = session.get(CareTeam, tag.care_team_id) if tag.care_team_id else None
    own = [
        {name: value for name, value in rule.items() if name != "tag"}
        for rule in tag.rules
        if "pack" not in rule
    ]
    return {
        "name": tag.name,
        "tag_class": tag.tag_class,
        "parent": tag.parent_key or "",
        "exclusion_group": tag.exclusion_group or "",
        "expires_days": str(tag.expires_days or ""),
        "synonyms": "、".join(tag.synonyms),
        "scope": tag.scope,
        "care_team": team.public_id if team else "",
        "review_below": f"{tag.review_below.normalize():f}",
        "rules": json.dumps(own, ensure_ascii=False, indent=1) if own else "",
    }


def _consequence(key: str, deed: str, problems: dict[str, str] | None = None) -> str:
    with unit_of_work.begin() as session:
        tag = tag_library.find_tag(session, key)
        return render_template(
            "console/tag_end.html", tag=tag, deed=deed, problems=problems or {},
            counts=tag_sweeping.count_concerned(session, tag), others=_others(session, key),
            children=session.scalars(select(Tag.name).filter_by(parent_key=key)).all(),
            chosen=request.form.get("into", ""),
        )  # fmt: skip


def _others(session: Session, key: str) -> list[Tag]:
    in_use = select(Tag).where(Tag.is_retired.is_(False)).order_by(Tag.name)
    return [tag for tag in session.scalars(in_use) if tag.key != key]


def _refused(page: str) -> AnyResponse:
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)


def _notice() -> str | None:
    return _NOTICES.get(request.args.get("done", ""))
