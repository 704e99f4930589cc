"""S7 规则: what each says in words, how often it fired and why, a dry run, and the switch."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.clock import HOSPITAL
from app.console import rule_words as words
from app.database import unit_of_work
from app.domain.criteria.wording import describe
from app.domain.definitions import KEY
from app.domain.errors import NotFound
from app.domain.trust.access import Audience, Permission
from app.models import SwitchScope
from app.models.segments.names import names
from app.models.trust.audit import record
from app.services.plans import rules_at_work
from app.services.plans.rules_at_work import RuleLine, UnknownRule
from app.web import gate
from app.web.staff import me

views = Blueprint("rules", __name__, url_prefix="/rules")

DAYS: Final = (7, 30, 90)
_LONGEST_REASON: Final = 200
_NOTICES: Final = {
    "off": "已停用，所有进程从现在起不再触发。已打开的预警仍由原来的人处理。",
    "on": "已恢复。停用期间错过的不会补发。",
}


@views.get("")
@gate.policy(Audience.STAFF, Permission.MANAGE_RULES)
def overview() -> str:
    """Show every rule by pack, what it asks, and how often it fired."""
    now = clock.now()
    with unit_of_work.begin() as session:
        packs: dict[str, list[RuleLine]] = {}
        for line in rules_at_work.list_rules(session, now):
            packs.setdefault(line.pack_key, []).append(line)
        return render_template(
            "console/rules.html", packs=packs, told=names(session), describe=describe,
            words=words, now=now,
            notice=_NOTICES.get(request.args.get("done", "")),
        )  # fmt: skip


@views.get("/<pack>/<key>")
@gate.policy(Audience.STAFF, Permission.MANAGE_RULES)
def show(pack: str, key: str) -> AnyResponse:
    """Show one rule with its newest firings; `days` asks it of the past as well."""
    return _page(pack, key, {})


@views.post("/<pack>/<key>/switch")
@gate.policy(Audience.STAFF, Permission.MANAGE_RULES)
def switch(pack: str, key: str) -> AnyResponse:
    """Silence the rule, or its whole pack, or let it speak again."""
    scope = SwitchScope.PACK if request.form.get("scope") == "pack" else SwitchScope.RULE
    named = _key(pack) if scope is SwitchScope.PACK else _key(key)
    is_off = request.form.get("deed") == "off"
    reason = request.form.get("reason", "").strip()
    if is_off and not 0 < len(reason) <= _LONGEST_REASON:
        return _page(
            pack, key, {"reason": f"请写明停用的原因，不超过{_LONGEST_REASON}个字"}, request.form
        )
    now = clock.now()
    try:
        with unit_of_work.begin() as session:
            if is_off:
                rules_at_work.switch_off(session, scope, named, reason, gate.actor(), now)
            else:
                rules_at_work.switch_on(session, scope, named, gate.actor(), now)
    except UnknownRule:
        raise NotFound from None
    done = "off" if is_off else "on"
    return redirect(url_for(".show", pack=pack, key=key, done=done), HTTPStatus.SEE_OTHER)


def _page(
    pack: str, key: str, problems: dict[str, str], given: Mapping[str, str] | None = None
) -> AnyResponse:
    now, asked = clock.now(), request.args.get("days", "")
    days = next((one for one in DAYS if str(one) == asked), None)
    with unit_of_work.begin() as session:
        try:
            line = rules_at_work.find_rule(
                session, _key(pack), _key(key), now, is_draft=request.args.get("draft") == "1"
            )
        except UnknownRule:
            raise NotFound from None
        firings = rules_at_work.firings_of(session, line.rule.key, me(), now)
        tried = (
            rules_at_work.rehearse(session, line.rule, line.pack_key, now, HOSPITAL, days)
            if days
            else None
        )
        samples = rules_at_work.samples_for(session, tried[0], me(), now) if tried else []
        seen = {one.patient_id for one in firings} | {one.patient_id for one in samples}
        detail = {"rule": line.rule.key, "patients": sorted(seen), "days": days}
        record(session, gate.actor(), "read", "rule-firings", now, detail=detail)
        page = render_template(
            "console/rule.html", line=line, rule=line.rule, told=names(session), firings=firings,
            tried=tried, samples=samples, days=days, all_days=DAYS, words=words, now=now,
            describe=describe, problems=problems, given=given or {},
            notice=_NOTICES.get(request.args.get("done", "")),
        )  # fmt: skip
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK)


def _key(text: str) -> str:
    """:raises NotFound: nothing is called so"""
    if not KEY.fullmatch(text) or len(text) > 64:
        raise NotFound
    return text
