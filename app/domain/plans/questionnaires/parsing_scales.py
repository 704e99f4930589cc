"""Scales read from plain data, and the one that a form without scales has."""

from collections.abc import Sequence

from app.domain.definitions import Fields, InvalidDefinition, refuse_repeats
from app.domain.plans.questionnaires.definition import Band, Item, ItemType, Method, Scale
from app.domain.plans.questionnaires.scoring import ends_of


def parse_scale(data: object, path: str, items: Sequence[Item]) -> Scale:
    with Fields(data, path) as fields:
        scale = Scale(
            key=fields.key("key"),
            title=fields.text("title", 40),
            method=fields.choice("method", Method),
            items=fields.texts("items"),
            reversed=fields.texts("reversed") if fields.has("reversed") else (),
            least_answered=fields.optional(
                "least_answered", lambda key: fields.integer(key, 1, len(items))
            ),
            times=fields.optional("times", lambda key: fields.integer(key, 1, 100)) or 1,
            bands=fields.each("bands", _parse_band),
        )
    _check_scale(scale, path, items)
    return scale


def implied_scales(items: Sequence[Item]) -> tuple[Scale, ...]:
    """Return the sum of all points, where no scale is told and any option bears some."""
    scored = tuple(
        item.link_id for item in items if any(one.score is not None for one in item.options)
    )
    return (Scale("total", "总分", Method.SUM, scored),) if scored else ()


def _check_scale(scale: Scale, path: str, items: Sequence[Item]) -> None:
    found = {item.link_id: item for item in items}
    refuse_repeats(scale.items, f"{path}.items")
    for link_id in scale.items:
        if link_id not in found:
            raise InvalidDefinition(f"{path}.items", f"{link_id} is not asked")
        if not _bears_points(found[link_id]):
            raise InvalidDefinition(f"{path}.items", f"{link_id} bears no points")
    if not scale.items:
        raise InvalidDefinition(f"{path}.items", "must count something")
    for link_id in scale.reversed:
        if link_id not in scale.items:
            raise InvalidDefinition(f"{path}.reversed", f"{link_id} is not in the scale")
        try:
            ends_of(found[link_id])
        except ValueError:
            raise InvalidDefinition(f"{path}.reversed", f"{link_id} has no ends") from None
    leasts = [band.least for band in scale.bands]
    if leasts != sorted(set(leasts)):
        raise InvalidDefinition(f"{path}.bands", "must stand in order, each once")


def _bears_points(item: Item) -> bool:
    if item.type.has_options:
        return all(option.score is not None for option in item.options)
    return item.type.is_number or item.type is ItemType.BOOLEAN


def _parse_band(data: object, path: str) -> Band:
    with Fields(data, path) as fields:
        return Band(
            least=fields.decimal("least"), key=fields.key("key"), text=fields.text("text", 40)
        )
