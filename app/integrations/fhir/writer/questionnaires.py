"""Questionnaire: our forms, each version a resource of its own. Given out, never read."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from app.domain.plans.questionnaires import (
    EnableWhen,
    Group,
    Item,
    ItemType,
    Operator,
    Option,
    Questionnaire,
    parse_questionnaire,
)
from app.integrations.fhir import naming
from app.integrations.fhir.writer.writing import Resource, plain, put
from app.models import Questionnaire as Row

_EXTENSIONS: Final = "http://hl7.org/fhir/StructureDefinition"
_TYPES: Final = {
    ItemType.CHOICE: "choice",
    ItemType.MULTI_CHOICE: "choice",
    ItemType.INTEGER: "integer",
    ItemType.DECIMAL: "decimal",
    ItemType.TEXT: "text",
    ItemType.BOOLEAN: "boolean",
    ItemType.DATE: "date",
    ItemType.SCALE: "integer",
}
_SLIDER: Final = {
    "url": f"{_EXTENSIONS}/questionnaire-itemControl",
    "valueCodeableConcept": {
        "coding": [{"system": "http://hl7.org/fhir/questionnaire-item-control", "code": "slider"}]
    },
}


def canonical(key: str) -> str:
    """Return the address of a form, of whatever version."""
    return f"{naming.OURS}questionnaire:{key}"


def write_questionnaire(row: Row) -> Resource:
    """Return one version of a form; what it scores and reacts to stays ours, points excepted."""
    form = parse_questionnaire(row.definition)
    return put(
        {
            "resourceType": "Questionnaire",
            "id": naming.fhir_id(row.public_id),
            "meta": {"versionId": str(row.version)},
        },
        url=canonical(form.key),
        version=str(form.version),
        name=form.key,
        title=form.title,
        status=row.status.value,
        subjectType=["Patient"],
        description=form.intro,
        copyright=form.licence,
        item=_tree(form),
    )


def option_coding(form: Questionnaire, item: Item, option: Option) -> Resource:
    """Return what an option is called outside: codes mean something in their question alone."""
    system = f"{canonical(form.key)}:{item.link_id}"
    return {"system": system, "code": option.code, "display": option.text}


def _tree(form: Questionnaire) -> list[Resource]:
    """Return the questions inside their groups."""
    top: list[Resource] = []
    made: dict[str, Resource] = {}
    for item in form.items:
        place = top
        for group in item.groups:
            if group.link_id not in made:
                made[group.link_id] = _group(form, group)
                place.append(made[group.link_id])
            place = made[group.link_id]["item"]
        place.append(_question(form, item))
    return top


def _group(form: Questionnaire, group: Group) -> Resource:
    told = {"linkId": group.link_id, "text": group.text, "type": "group"}
    return _branching(form, told, group.enable_when) | {"item": []}


def _question(form: Questionnaire, item: Item) -> Resource:
    told: Resource = {"linkId": item.link_id, "text": item.text, "type": _TYPES[item.type]}
    put(told, extension=_extensions(item))
    _branching(form, told, item.enable_when)
    told["required"] = item.is_required
    if item.type is ItemType.MULTI_CHOICE:
        told["repeats"] = True
    return put(told, answerOption=[_option(form, item, one) for one in item.options])


def _extensions(item: Item) -> list[Resource]:
    is_decimal = item.type is ItemType.DECIMAL
    found = [
        {"url": f"{_EXTENSIONS}/{name}", "valueDecimal" if is_decimal else "valueInteger": value}
        for name, end in (("minValue", item.minimum), ("maxValue", item.maximum))
        if end is not None and (value := plain(end) if is_decimal else int(end)) is not None
    ]
    return [*([_SLIDER] if item.type is ItemType.SCALE else []), *found]


def _option(form: Questionnaire, item: Item, option: Option) -> Resource:
    coding = option_coding(form, item, option)
    if option.score is not None:
        url = f"{_EXTENSIONS}/ordinalValue"
        coding["extension"] = [{"url": url, "valueDecimal": Decimal(option.score)}]
    return {"valueCoding": coding}


def _branching(form: Questionnaire, told: Resource, branch: EnableWhen | None) -> Resource:
    if branch is None:
        return told
    told["enableWhen"] = [
        {
            "question": one.link_id,
            "operator": "=" if one.op is Operator.EQUAL else one.op.value,
            **_compared(form, one.link_id, one.op, one.value),
        }
        for one in branch.conditions
    ]
    if len(branch.conditions) > 1:
        told["enableBehavior"] = "all" if branch.is_all else "any"
    return told


def _compared(form: Questionnaire, link_id: str, op: Operator, value: object) -> Resource:
    item = form.item(link_id)
    if item is None or op is Operator.EXISTS or isinstance(value, bool):
        return {"answerBoolean": value}
    return {f"answer{_suffix(item)}": _value(form, item, value)}


def answers_of(form: Questionnaire, answers: dict[str, Any]) -> list[Resource]:
    """Return what was answered as items of a response, in their groups, typed by the form."""
    top: list[Resource] = []
    made: dict[str, Resource] = {}
    for item in form.items:
        if item.link_id not in answers:
            continue
        place = top
        for group in item.groups:
            if group.link_id not in made:
                made[group.link_id] = {"linkId": group.link_id, "text": group.text, "item": []}
                place.append(made[group.link_id])
            place = made[group.link_id]["item"]
        place.append(
            {"linkId": item.link_id, "text": item.text, "answer": _given(form, item, answers)}
        )
    return top


def _given(form: Questionnaire, item: Item, answers: dict[str, Any]) -> list[Resource]:
    given = answers[item.link_id]
    listed: Sequence[object] = given if isinstance(given, list | tuple) else (given,)
    return [{f"value{_suffix(item)}": _value(form, item, one)} for one in listed]


def _suffix(item: Item) -> str:
    if item.type.has_options:
        return "Coding"
    return {
        ItemType.INTEGER: "Integer",
        ItemType.SCALE: "Integer",
        ItemType.DECIMAL: "Decimal",
        ItemType.BOOLEAN: "Boolean",
        ItemType.DATE: "Date",
    }.get(item.type, "String")


def _value(form: Questionnaire, item: Item, value: object) -> object:
    option = item.option(value)
    if option is not None:
        return option_coding(form, item, option)
    if item.type in {ItemType.INTEGER, ItemType.SCALE}:
        return int(str(value))
    return Decimal(str(value)) if item.type is ItemType.DECIMAL else value
