"""What a browser posts of the builder: the draft, what was pressed, and for whom to keep it."""

import re
from dataclasses import dataclass
from typing import Final

from werkzeug.datastructures import MultiDict

from app.console.segments.draft import MODES, Draft, Node
from app.console.segments.leaf_forms import FORMS, PERIODS, Widget
from app.domain.criteria.parsing import DEEPEST, MOST_NODES

_NODE: Final = re.compile(r"([1-9]\d{0,3}):(\d{1,4}):([a-z_-]{1,16})")
_LONGEST: Final = 200


def read_posted(form: MultiDict[str, str]) -> Draft:
    """Return the draft of a form.

    Each node is a field `node` with number, number of its group and kind. What does not fit is
    left out: only a form that somebody tampered with has such.
    """
    root = Node(1, mode=_mode(form, 1))
    groups = {1: (root, 1)}
    seen = {1}
    for text in form.getlist("node")[:MOST_NODES]:
        found = _NODE.fullmatch(text)
        if found is None:
            continue
        number, parent, kind = int(found[1]), int(found[2]), found[3]
        if number in seen or parent not in groups:
            continue
        group, depth = groups[parent]
        if kind == "group" and depth < DEEPEST:
            node = Node(number, mode=_mode(form, number))
            groups[number] = (node, depth + 1)
        elif kind in FORMS:
            node = _leaf(form, number, kind)
        else:
            continue
        seen.add(number)
        group.items.append(node)
    return Draft(root)


def _mode(form: MultiDict[str, str], number: int) -> str:
    given = form.get(f"g{number}-mode", "all")
    return given if given in MODES else "all"


def _leaf(form: MultiDict[str, str], number: int, kind: str) -> Node:
    node = Node(number, kind=kind, is_not=form.get(f"n{number}-not") == "not")
    for one in FORMS[kind].fields:
        value = form.get(f"n{number}-{one.name}", "")[:_LONGEST]
        if one.widget is Widget.PERIOD and value:
            unit = form.get(f"n{number}-{one.name}-unit", "D")
            value += unit if unit in PERIODS else "D"
        node.values[one.name] = value
    return node


@dataclass(frozen=True, slots=True)
class Order:
    """What was pressed: a verb, and the number or name it is about."""

    verb: str
    about: str = ""

    @property
    def number(self) -> int:
        return int(self.about) if re.fullmatch(r"\d{1,4}", self.about) else 0


def read_order(form: MultiDict[str, str]) -> Order:
    verb, _, about = form.get("do", "count").partition(":")
    return Order(verb[:16], about[:64])


def apply(order: Order, draft: Draft, form: MultiDict[str, str]) -> str:
    """Change the draft as ordered and return the id of what the person turns to next."""
    match order.verb:
        case "add":
            node = draft.add_leaf(order.number, form.get(f"g{order.number}-kind", ""))
            return f"n{node.number}-not" if node else ""
        case "group":
            node = draft.add_group(order.number)
            return f"g{node.number}-mode" if node else ""
        case "remove":
            parent = draft.remove(order.number)
            return f"g{parent.number}-mode" if parent else ""
        case "up" | "down":
            node = draft.move(order.number, -1 if order.verb == "up" else 1)
            return (f"n{node.number}-not" if node.kind else f"g{node.number}-mode") if node else ""
        case _:
            return ""
