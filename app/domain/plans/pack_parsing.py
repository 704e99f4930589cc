"""Disease packs read from plain data, as a whole: nothing unknown, nothing dangling."""

from collections.abc import Mapping
from typing import Any

from app.domain.definitions import Fields, InvalidDefinition
from app.domain.outreach.lock_screen import revealing
from app.domain.plans.pack_references import PackReferences
from app.domain.plans.packs import Article, Medium, MediumKind, Pack, SignOff, SignOffState
from app.domain.plans.plan import ActionKind, parse_plan
from app.domain.plans.questionnaires import parse_questionnaire
from app.domain.plans.rules import parse_rule
from app.domain.profile.tagging import parse_tag_definition, parse_tag_rule
from app.domain.profile.vital_signs import Limits, VitalSign

# A subscription message's text field holds 20 characters (WeChat, `thing` keyword).
LONGEST_NOTICE = 20


def parse_pack(data: Mapping[str, Any]) -> Pack:
    """Read a pack from plain data.

    :raises InvalidDefinition: with the path of the first thing that is wrong
    """
    with Fields(data) as fields:
        pack = Pack(
            id=fields.key("id"),
            version=fields.text("version", 20),
            title=fields.text("title", 40),
            sources=_texts(fields, "sources"),
            effective_from=fields.day("effective_from"),
            effective_until=fields.optional("effective_until", fields.day),
            sign_off=_parse_sign_off(fields.take("sign_off"), "sign_off"),
            notices=_parse_notices(fields),
            limits=_parse_limits(fields),
            tags=fields.each("tags", parse_tag_definition),
            tag_rules=fields.each("tag_rules", parse_tag_rule),
            articles=fields.each("articles", _parse_article),
            questionnaires=fields.each("questionnaires", parse_questionnaire),
            plans=fields.each("plans", parse_plan),
            rules=fields.each("rules", parse_rule),
            definition=data,
            borrows=fields.texts("borrows") if fields.has("borrows") else (),
        )
    PackReferences(pack).check()
    return pack


def _parse_sign_off(data: object, path: str) -> SignOff:
    with Fields(data, path) as fields:
        sign_off = SignOff(
            state=fields.choice("state", SignOffState),
            department=fields.text("department", 40),
            approver=fields.optional("approver", lambda key: fields.text(key, 40)),
            approved_on=fields.optional("approved_on", fields.day),
        )
    is_approved = sign_off.state is SignOffState.APPROVED
    if is_approved and (sign_off.approver is None or sign_off.approved_on is None):
        raise InvalidDefinition(path, "an approved pack names its approver and the date")
    return sign_off


def _parse_article(data: object, path: str) -> Article:
    with Fields(data, path) as fields:
        return Article(
            key=fields.key("key"),
            version=fields.integer("version", 1, 100_000),
            title=fields.text("title", 30),
            summary=fields.text("summary", 60),
            paragraphs=fields.texts("paragraphs"),
            source=fields.key("source"),
            media=fields.each("media", _parse_medium),
        )


def _parse_medium(data: object, path: str) -> Medium:
    with Fields(data, path) as fields:
        return Medium(fields.choice("kind", MediumKind), fields.text("caption", 60))


def _texts(fields: Fields, key: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value, path in fields.mapping(key):
        if not isinstance(value, str) or not value.strip():
            raise InvalidDefinition(path, "must be text")
        found[name] = value.strip()
    return found


def _parse_notices(fields: Fields) -> dict[ActionKind, str]:
    notices: dict[ActionKind, str] = {}
    for name, text in _texts(fields, "notices").items():
        path = f"notices.{name}"
        if name not in set(ActionKind):
            raise InvalidDefinition(path, "is no kind of action")
        if len(text) > LONGEST_NOTICE:
            raise InvalidDefinition(path, f"is longer than {LONGEST_NOTICE} characters")
        # A staff task calls nobody but staff.
        if name != ActionKind.STAFF_TASK and (words := revealing(text)):
            raise InvalidDefinition(path, f"says {words[0]!r} on a lock screen")
        notices[ActionKind(name)] = text
    return notices


def _parse_limits(fields: Fields) -> dict[VitalSign, Limits]:
    limits: dict[VitalSign, Limits] = {}
    for code, body, path in fields.mapping("limits"):
        if code not in set(VitalSign):
            raise InvalidDefinition(path, "is no vital sign")
        sign = VitalSign(code)
        with Fields(body, path) as inner:
            if inner.text("unit") != sign.kind.unit:
                raise InvalidDefinition(inner.at("unit"), f"must be {sign.kind.unit}")
            bounds = {
                name: inner.optional(name, inner.decimal)
                for name in ("low", "critically_low", "high", "critically_high")
            }
        try:
            limits[sign] = Limits(**bounds)
        except ValueError as error:
            raise InvalidDefinition(path, str(error)) from None
    return limits
