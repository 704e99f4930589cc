"""Questionnaires read from plain data: nothing unknown, nothing that points nowhere."""

from collections.abc import Mapping
from typing import Final

from app.domain.definitions import Fields, InvalidDefinition, refuse_repeats
from app.domain.plans.questionnaires.definition import (
    Danger,
    Group,
    Item,
    ItemType,
    Option,
    Questionnaire,
    Request,
    RequestKind,
)
from app.domain.plans.questionnaires.parsing_branches import parse_branch
from app.domain.plans.questionnaires.parsing_scales import implied_scales, parse_scale
from app.domain.plans.rules import EMERGENCY_NUMBER, Grade

_DEEPEST: Final = 3
_MOST_ITEMS: Final = 200


def parse_questionnaire(data: object, path: str = "questionnaire") -> Questionnaire:
    """:raises InvalidDefinition: with the path of what is wrong"""
    with Fields(data, path) as fields:
        key, version = fields.key("key"), fields.integer("version", 1, 100_000)
        title = fields.text("title", 40)
        reading = _Items(_parse_option_sets(fields))
        reading.read(fields, None, 1)
        items = tuple(reading.found)
        if not items:
            raise InvalidDefinition(f"{path}.items", "must ask something")
        refuse_repeats(reading.link_ids, f"{path}.items")
        scales = fields.each("scales", lambda one, at: parse_scale(one, at, items))
        refuse_repeats((scale.key for scale in scales), f"{path}.scales")
        return Questionnaire(
            key=key,
            version=version,
            title=title,
            items=items,
            scales=scales or implied_scales(items),
            dangers=fields.each("dangers", lambda one, at: _parse_danger(one, at, items)),
            requests=fields.each("requests", lambda one, at: _parse_request(one, at, items)),
            intro=fields.optional("intro", lambda name: fields.text(name, 400)),
            source=fields.optional("source", fields.key),
            licence=fields.optional("licence", lambda name: fields.text(name, 300)),
        )


class _Items:
    """The questions of a form in order, each with the groups it stands in."""

    def __init__(self, option_sets: Mapping[str, tuple[Option, ...]]) -> None:
        self._option_sets = option_sets
        self.found: list[Item] = []
        self.link_ids: list[str] = []

    def read(self, fields: Fields, group: Group | None, depth: int) -> None:
        for data, path in fields.items("items"):
            with Fields(data, path) as inner:
                if isinstance(data, Mapping) and data.get("type") == "group":
                    self._group(inner, group, depth)
                else:
                    self._item(inner, group)

    def _group(self, fields: Fields, parent: Group | None, depth: int) -> None:
        if depth > _DEEPEST:
            raise InvalidDefinition(fields.path, f"stands more than {_DEEPEST} groups deep")
        fields.take("type")
        group = Group(
            link_id=fields.key("link_id"),
            text=fields.text("text", 400),
            enable_when=parse_branch(fields, self.found),
            parent=parent,
        )
        self.link_ids.append(group.link_id)
        before = len(self.found)
        self.read(fields, group, depth + 1)
        if len(self.found) == before:
            raise InvalidDefinition(fields.at("items"), "must ask something")

    def _item(self, fields: Fields, group: Group | None) -> None:
        item = Item(
            link_id=fields.key("link_id"),
            text=fields.text("text", 200),
            type=fields.choice("type", ItemType),
            is_required=fields.flag("required"),
            options=self._options(fields),
            minimum=fields.optional("minimum", fields.decimal),
            maximum=fields.optional("maximum", fields.decimal),
            react_to=fields.each("react_to", _parse_reaction),
            enable_when=parse_branch(fields, self.found),
            group=group,
            low_text=fields.optional("low_text", lambda key: fields.text(key, 20)),
            high_text=fields.optional("high_text", lambda key: fields.text(key, 20)),
        )
        _check_item(item, fields.path)
        self.found.append(item)
        self.link_ids.append(item.link_id)
        if len(self.found) > _MOST_ITEMS:
            raise InvalidDefinition(fields.path, f"is one of more than {_MOST_ITEMS} questions")

    def _options(self, fields: Fields) -> tuple[Option, ...]:
        """Return the options of one question, or the set of the form that it names."""
        if not fields.has("options") or not isinstance(fields.take("options"), str):
            return fields.each("options", _parse_option)
        name = fields.key("options")
        if name not in self._option_sets:
            raise InvalidDefinition(fields.at("options"), f"{name} is no set of this form")
        return self._option_sets[name]


def _parse_option_sets(fields: Fields) -> dict[str, tuple[Option, ...]]:
    if not fields.has("option_sets"):
        return {}
    return {
        name: tuple(_parse_option(one, f"{path}[{index}]") for index, one in enumerate(value))
        for name, value, path in fields.mapping("option_sets")
        if isinstance(value, list)
    }


def _check_item(item: Item, path: str) -> None:
    if item.type.has_options != (len(item.options) >= 2):
        raise InvalidDefinition(f"{path}.options", "a choice, and only a choice, has two or more")
    refuse_repeats((option.code for option in item.options), f"{path}.options")
    has_range = item.minimum is not None or item.maximum is not None
    if has_range and not item.type.is_number:
        raise InvalidDefinition(path, "only numbers have a minimum and a maximum")
    if item.minimum is not None and item.maximum is not None and item.minimum > item.maximum:
        raise InvalidDefinition(path, "the minimum is more than the maximum")
    _check_scale_item(item, path)
    for answer in item.react_to:
        if not _can_answer(item, answer):
            raise InvalidDefinition(f"{path}.react_to", f"{answer} is no answer to this question")


def _check_scale_item(item: Item, path: str) -> None:
    is_scale = item.type is ItemType.SCALE
    has_ends = None not in (item.minimum, item.maximum, item.low_text, item.high_text)
    if is_scale and not has_ends:
        raise InvalidDefinition(path, "a scale has minimum, maximum, low_text and high_text")
    if not is_scale and (item.low_text or item.high_text):
        raise InvalidDefinition(path, "only a scale has words at its ends")
    for end in (item.minimum, item.maximum):
        if is_scale and end is not None and end != end.to_integral_value():
            raise InvalidDefinition(path, "the ends of a scale are whole numbers")


def _can_answer(item: Item, answer: str | bool) -> bool:
    if isinstance(answer, bool):
        return item.type is ItemType.BOOLEAN
    return item.type.has_options and item.option(answer) is not None


def _parse_option(data: object, path: str) -> Option:
    with Fields(data, path) as fields:
        return Option(
            code=fields.key("code"),
            text=fields.text("text", 60),
            score=fields.optional("score", lambda key: fields.integer(key, -100, 100)),
        )


def _parse_reaction(data: object, path: str) -> str | bool:
    if not isinstance(data, str | bool):
        raise InvalidDefinition(path, "must be an option's code, true or false")
    return data


def _parse_danger(data: object, path: str, items: tuple[Item, ...]) -> Danger:
    with Fields(data, path) as fields:
        danger = Danger(
            link_id=fields.key("link_id"),
            answers=fields.each("answers", _parse_reaction),
            at_least=fields.optional("at_least", fields.decimal),
            grade=fields.choice("grade", Grade),
            title=fields.text("title", 30),
            staff_text=fields.text("staff_text", 400),
            patient_text=fields.text("patient_text", 400),
        )
    item = next((one for one in items if one.link_id == danger.link_id), None)
    if item is None:
        raise InvalidDefinition(f"{path}.link_id", f"{danger.link_id} is not asked")
    _check_danger(danger, item, path)
    return danger


def _check_danger(danger: Danger, item: Item, path: str) -> None:
    if (danger.at_least is None) == (not danger.answers):
        raise InvalidDefinition(path, "has either answers or at_least")
    if danger.at_least is not None and not item.type.is_number:
        raise InvalidDefinition(f"{path}.at_least", "the question asks for no number")
    for answer in danger.answers:
        if not _can_answer(item, answer):
            raise InvalidDefinition(f"{path}.answers", f"{answer} is no answer to this question")
    if danger.grade is Grade.MILD:
        raise InvalidDefinition(f"{path}.grade", "a dangerous answer waits for no other day")
    if danger.grade is Grade.SEVERE and EMERGENCY_NUMBER not in danger.patient_text:
        raise InvalidDefinition(f"{path}.patient_text", f"must name {EMERGENCY_NUMBER}")


def _parse_request(data: object, path: str, items: tuple[Item, ...]) -> Request:
    with Fields(data, path) as fields:
        request = Request(
            link_id=fields.key("link_id"),
            answers=fields.each("answers", _parse_reaction),
            kind=fields.choice("kind", RequestKind),
            title=fields.text("title", 40),
            within=fields.duration("within"),
            words_from=fields.optional("words_from", fields.key),
        )
    found = {item.link_id: item for item in items}
    if request.link_id not in found or not request.answers:
        raise InvalidDefinition(f"{path}.link_id", f"{request.link_id} is not asked for answers")
    for answer in request.answers:
        if not _can_answer(found[request.link_id], answer):
            raise InvalidDefinition(f"{path}.answers", f"{answer} is no answer to this question")
    if request.words_from is not None and request.words_from not in found:
        raise InvalidDefinition(f"{path}.words_from", f"{request.words_from} is not asked")
    return request
