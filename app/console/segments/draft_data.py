"""Drafts from and to the plain data of criteria, with what is wrong at which field."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.console.segments.draft import Draft, Node
from app.console.segments.leaf_forms import FORMS, MEASUREMENTS, Field, Widget, label_of
from app.domain.criteria.parsing import parse_criterion
from app.domain.definitions import InvalidDefinition
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.profile.risk.words import score_words
from app.domain.segments.complaints import problem_of
from app.models.segments.choices import Choices

_PERIOD: Final = re.compile(r"P(?:(\d+)D|T(\d+)([HM]))")
_WITH_UNIT: Final = ("latest", "count", "change", "of_last", "mean", "rise")
_MOVED: Final = ("change", "rise")


@dataclass(slots=True)
class Reading:
    """The plain data of a draft, and what is wrong by the id of the field."""

    tree: dict[str, Any]
    problems: dict[str, str] = field(default_factory=dict)


class Lists:
    """What the database has to choose from, there and back between words and codes."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        bands = {
            f"{score}/{band}": "：".join(score_words(score, band)) for score, band in choices.risks
        }
        self._by_name: Mapping[str, Mapping[str, str]] = {
            "tags": choices.tags,
            "measurements": MEASUREMENTS,
            "departments": choices.departments,
            "plans": choices.plans,
            "questionnaires": choices.questionnaires,
            "subjects": choices.subjects,
            "risks": bands,
            "preferred": {value: value for value in choices.preferred},
        }

    def options(self, one: Field) -> Mapping[str, str]:
        """Return the options of a field, by what is posted."""
        return self._by_name[one.choices] if isinstance(one.choices, str) else one.choices

    def suggestions(self) -> dict[str, list[str]]:
        """Return the words offered while somebody types."""
        return {
            "tags": [*self.choices.tags.values(), *self.choices.synonyms],
            "measurements": list(MEASUREMENTS.values()),
            "preferred": list(self.choices.preferred),
        }

    def code_of(self, listed: str, typed: str) -> str | None:
        """Return the code of what was typed: a name from the list, a code, or a synonym."""
        options = self._by_name[listed]
        if listed == "preferred" or typed in options:
            return typed
        found = [code for code, name in options.items() if name == typed]
        if not found and listed == "measurements":
            found = [code for code, kind in OBSERVATION_KINDS.items() if kind.name == typed]
        if not found and listed == "tags" and typed in self.choices.synonyms:
            found = [self.choices.synonyms[typed]]
        return found[0] if len(found) == 1 else None

    def word_of(self, listed: str, code: str) -> str:
        return self._by_name[listed].get(code, code)


def field_id(node: Node, name: str) -> str:
    return f"n{node.number}-{name}"


# --------------------------------------------------------------------------- draft to plain data


def read_draft(draft: Draft, lists: Lists) -> Reading:
    """Return the plain data of a draft, and every problem of its conditions at once."""
    reading = Reading({})
    reading.tree = _data(draft.root, lists, reading.problems)
    if not reading.problems:
        try:
            parse_criterion(reading.tree)
        except InvalidDefinition as error:
            reading.problems["conditions"] = problem_of(error)
    return reading


def _data(node: Node, lists: Lists, problems: dict[str, str]) -> dict[str, Any]:
    if node.kind:
        leaf = {node.kind: _leaf(node, lists, problems)}
        return {"not": leaf} if node.is_not else leaf
    items = [_data(item, lists, problems) for item in node.items]
    if not items:
        problems[f"g{node.number}-kind"] = (
            "先添加一个条件" if node.number == 1 else "这一组里还没有条件，请添加，或删除这一组"
        )
    if node.mode in ("none", "not-all"):
        return {"not": {"any" if node.mode == "none" else "all": items}}
    return {node.mode: items}


def _leaf(node: Node, lists: Lists, problems: dict[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for one in FORMS[node.kind].fields:
        typed = unicodedata.normalize("NFKC", _raw(node, one)).strip()
        if typed == "":
            if not one.is_optional and one.name != "direction":
                _complain(problems, node, one.name, "还没有填")
            continue
        if one.widget is Widget.SEARCH:
            code = lists.code_of(str(one.choices), _raw(node, one).strip())
            if code is None:
                _complain(problems, node, one.name, f"没有“{typed[:20]}”，请从列表里选")
                continue
            # What was typed short is shown in full from now on: a measurement with its unit.
            node.values[one.name] = lists.word_of(str(one.choices), code)
            body[one.name] = code
        else:
            body[one.name] = int(typed) if _is_whole(one, typed) else typed
    _settle(node.kind, body)
    if not any(key.startswith(f"n{node.number}-") for key in problems):
        try:
            parse_criterion({node.kind: body})
        except InvalidDefinition as error:
            name = error.path.rpartition(".")[2]
            name = "risk" if name in ("score", "band") and node.kind == "risk" else name
            known = {one.name for one in FORMS[node.kind].fields}
            where = name if name in known else FORMS[node.kind].fields[0].name
            _complain(problems, node, where, problem_of(error))
    return body


def _raw(node: Node, one: Field) -> str:
    """Return a field's text; a period as ISO 8601, weeks as days."""
    raw = node.value(one.name)
    if one.widget is not Widget.PERIOD or raw == "":
        return raw
    found = re.fullmatch(r"(.*?)([DWHM])", raw, re.DOTALL)
    number, unit = (found[1].strip(), found[2]) if found else (raw, "D")
    number = unicodedata.normalize("NFKC", number)
    if number == "":
        return ""
    if not (number.isascii() and number.isdecimal() and len(number) <= 4):
        return number + unit  # the reader of criteria says what is wrong
    if unit in "HM":
        return f"PT{int(number)}{unit}"
    return f"P{int(number) * (7 if unit == 'W' else 1)}D"


def _is_whole(one: Field, typed: str) -> bool:
    digits = typed.removeprefix("-")
    return (
        one.widget is Widget.WHOLE and digits.isascii() and digits.isdecimal() and len(digits) <= 9
    )


def _settle(kind: str, body: dict[str, Any]) -> None:
    """Put in what the form does not ask: the unit of a code, the sign of a change."""
    if kind in _WITH_UNIT and body.get("code") in OBSERVATION_KINDS:
        body["unit"] = OBSERVATION_KINDS[body["code"]].unit
    if kind in _MOVED and body.pop("direction", "up") == "down" and "by" in body:
        body["by"] = "-" + body["by"].removeprefix("-")
    if kind == "risk" and "risk" in body:
        body["score"], _, body["band"] = body.pop("risk").partition("/")


def _complain(problems: dict[str, str], node: Node, name: str, problem: str) -> None:
    form = FORMS[node.kind]
    label = next(label_of(node.kind, one) for one in form.fields if one.name == name)
    problems[field_id(node, name)] = f"{form.label}的“{label}”：{problem}"


# --------------------------------------------------------------------------- plain data to draft


def draft_of(tree: Mapping[str, Any], lists: Lists) -> Draft:
    """Return the draft of a tree that was read once: a condition alone comes into a group."""
    numbers = iter(range(1, 10_000))
    root = _node(tree, lists, numbers)
    if root.kind:
        group = Node(1, mode="all")
        group.items = [_node(tree, lists, iter(range(2, 10_000)))]
        return Draft(group)
    return Draft(root)


def _node(data: Mapping[str, Any], lists: Lists, numbers: Any, is_not: bool = False) -> Node:
    kind, body = next(iter(data.items()))
    if kind == "not":
        return _node(body, lists, numbers, not is_not)
    number = next(numbers)
    if kind in ("all", "any"):
        mode = {"all": "not-all", "any": "none"}[kind] if is_not else kind
        node = Node(number, mode=mode)
        node.items = [_node(item, lists, numbers) for item in body]
        return node
    return Node(number, kind=kind, is_not=is_not, values=_values(kind, body, lists))


def _values(kind: str, body: Mapping[str, Any], lists: Lists) -> dict[str, str]:
    given = {name: str(value) for name, value in body.items()}
    if kind in _MOVED:
        given["direction"] = "down" if given["by"].startswith("-") else "up"
        given["by"] = given["by"].removeprefix("-")
    if kind == "risk":
        given["risk"] = f"{given.pop('score')}/{given.pop('band')}"
    values: dict[str, str] = {}
    for one in FORMS[kind].fields:
        value = given.get(one.name, one.default if one.name == "state" else "")
        if one.name == "at_least" and not value:
            value = one.default
        if one.widget is Widget.PERIOD:
            value = _typed_period(value)
        elif one.widget is Widget.SEARCH:
            value = lists.word_of(str(one.choices), value)
        if value:
            values[one.name] = value
    return values


def _typed_period(text: str) -> str:
    """Return 90D for P90D; a mixed length (P1DT12H) in its smallest unit."""
    found = _PERIOD.fullmatch(text)
    if found is not None:
        return f"{found[1]}D" if found[1] else f"{found[2]}{found[3]}"
    from_parts = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?", text)
    if from_parts is None:
        return ""
    days, hours, minutes = (int(part or 0) for part in from_parts.groups())
    whole = (days * 24 + hours) * 60 + minutes
    return f"{whole // 60}H" if whole % 60 == 0 else f"{whole}M"
