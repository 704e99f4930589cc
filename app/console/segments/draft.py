"""A tree as somebody edits it: every node numbered, every field as it was typed.

A draft holds what cannot be saved yet, so that nothing typed is lost.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from app.console.segments.leaf_forms import FORMS
from app.domain.criteria.parsing import DEEPEST, MOST_NODES

# How the members of a group count; each is a tree of `all`, `any` and `not`.
MODES: Final = {
    "all": "以下全部满足",
    "any": "以下至少满足一条",
    "none": "以下都不满足",
    "not-all": "以下不全满足",
}


@dataclass(slots=True, eq=False)
class Node:
    """A group (`mode` set) or a condition of a kind; `number` names its fields in the form."""

    number: int
    mode: str = ""
    kind: str = ""
    is_not: bool = False
    values: dict[str, str] = field(default_factory=dict)
    items: list["Node"] = field(default_factory=list)

    def value(self, name: str) -> str:
        return self.values.get(name, "")

    def all(self) -> Iterator["Node"]:
        yield self
        for item in self.items:
            yield from item.all()


class Draft:
    """A tree under edit; what an order names and is not there, or would go too far, is left."""

    def __init__(self, root: Node) -> None:
        self.root = root

    @classmethod
    def blank(cls) -> "Draft":
        return cls(Node(1, mode="all"))

    def nodes(self) -> list[Node]:
        return list(self.root.all())

    def leaves(self) -> list[Node]:
        return [node for node in self.nodes() if node.kind]

    def find(self, number: int) -> Node | None:
        return next((node for node in self.nodes() if node.number == number), None)

    def add_leaf(self, group: int, kind: str) -> Node | None:
        """Add a condition with its usual values at the end of a group."""
        if kind not in FORMS:
            return None
        usual = {one.name: one.default for one in FORMS[kind].fields if one.default}
        return self._add(group, Node(self._next(), kind=kind, values=usual))

    def add_group(self, group: int) -> Node | None:
        return self._add(group, Node(self._next(), mode="any"))

    def remove(self, number: int) -> Node | None:
        """Take a node out and return the group it was in."""
        parent = self._parent(number)
        if parent is not None:
            parent.items = [item for item in parent.items if item.number != number]
        return parent

    def move(self, number: int, by: int) -> Node | None:
        """Let a node change places with the one before (-1) or after (1) it in its group."""
        parent = self._parent(number)
        if parent is None:
            return None
        here = next(place for place, one in enumerate(parent.items) if one.number == number)
        there = here + by
        if 0 <= there < len(parent.items):
            items = parent.items
            items[here], items[there] = items[there], items[here]
        return self.find(number)

    def depth_of(self, number: int) -> int:
        """Return how deep a node stands; the root is 1."""
        depth, parent = 1, self._parent(number)
        while parent is not None:
            depth, parent = depth + 1, self._parent(parent.number)
        return depth

    def _add(self, group: int, node: Node) -> Node | None:
        parent = self.find(group)
        if parent is None or parent.kind or len(self.nodes()) >= MOST_NODES:
            return None
        if self.depth_of(group) >= DEEPEST:
            return None
        parent.items.append(node)
        return node

    def _parent(self, number: int) -> Node | None:
        return next(
            (node for node in self.nodes() if any(one.number == number for one in node.items)),
            None,
        )

    def _next(self) -> int:
        return max(node.number for node in self.nodes()) + 1
