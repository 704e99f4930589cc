"""Which tags stand above which: who bears one bears all above it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping


class TagTree:
    """Built from each tag's parent; a parent nobody knows, or a ring, ends the way up.

    `merged` says into which tag another went: its old key stands above the new one, so that
    whoever asks for the old one by name finds those who bear the new one.
    """

    def __init__(
        self, parents: Mapping[str, str | None], merged: Mapping[str, str] | None = None
    ) -> None:
        self._merged = dict(merged or {})
        self._parents = {key: parent for key, parent in parents.items() if key not in self._merged}
        self._children: dict[str, list[str]] = defaultdict(list)
        self._former: dict[str, list[str]] = defaultdict(list)
        for key, parent in self._parents.items():
            if parent is not None:
                self._children[self.now_called(parent)].append(key)
        for old, new in self._merged.items():
            self._former[new].append(old)
            self._children[old].append(new)

    def now_called(self, key: str) -> str:
        """Return the tag into which one was merged, at the end of the chain; else itself."""
        seen: set[str] = set()
        while key in self._merged and key not in seen:
            seen.add(key)
            key = self._merged[key]
        return key

    def above(self, key: str) -> tuple[str, ...]:
        """Return the tags above one, the nearest first."""
        found: list[str] = []
        waiting = self._directly_above(key)
        while waiting:
            one = waiting.pop(0)
            if one != key and one not in found:
                found.append(one)
                waiting += self._directly_above(one)
        return tuple(found)

    def _directly_above(self, key: str) -> list[str]:
        parent = self._parents.get(key)
        parents = [] if parent is None else [self.now_called(parent)]
        return parents + self._former.get(key, [])

    def below(self, key: str) -> frozenset[str]:
        """Return a tag and every tag below it."""
        found: set[str] = set()
        waiting = [key]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting.extend(self._children.get(one, ()))
        return frozenset(found)

    def with_above(self, keys: Iterable[str]) -> frozenset[str]:
        """Return the tags with all that stand above them."""
        return frozenset(one for key in keys for one in (key, *self.above(key)))

    def merged(self, old: str, new: str) -> "TagTree":
        """Return the tree as it would be if one tag were merged into another."""
        return TagTree(self._parents, {**self._merged, old: new})

    def moved(self, key: str, parent: str | None) -> "TagTree":
        """Return the tree as it would be with a tag under another parent."""
        return TagTree({**self._parents, key: parent}, self._merged)
