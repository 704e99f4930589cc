"""Who has what, as bitmaps: changed as a whole under a lock, read by many."""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from threading import RLock
from typing import Final

from pyroaring import BitMap

from app.domain.profile.tag_tree import TagTree
from app.models.segments.index.attributes import Attribute, Value
from app.models.segments.index.births import Births
from app.models.segments.index.packing import union_of

# Unions that trees ask for again and again: of a tag with those below, of codes of one beginning.
_MOST_UNIONS: Final = 256
_MOST_KEYS: Final = 4_096
_PREFIXED: Final = (Attribute.CONDITION, Attribute.MEDICATION, Attribute.REGION)
_NOBODY: Final = BitMap()

Sets = dict[Attribute, dict[Value, BitMap]]


@dataclass(frozen=True, slots=True)
class Reading:
    """How far events were read: the highest id, and the ids passed over with when (ISO 8601)."""

    position: int = 0
    missed: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class News:
    """All that is indexed of some patients as it stands now, and how far events were read.

    `patients` are those read again; of them `base` may be meant by a segment at all.
    """

    reading: Reading
    tree: TagTree
    patients: BitMap = field(default_factory=BitMap)
    base: BitMap = field(default_factory=BitMap)
    sets: Sets = field(default_factory=dict)
    born: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Union:
    bitmap: BitMap
    takes: Callable[[Value], bool]


class SegmentIndex:
    """The indexed attributes of everybody whom a segment may mean; every bitmap is within `base`.

    `lock` is held while it is read or changed; bitmaps handed out are not to be changed, and are
    only good under the lock.
    """

    def __init__(
        self, base: BitMap, sets: Sets, births: Births, tree: TagTree, reading: Reading
    ) -> None:
        self.lock = RLock()
        self.base = base
        self.sets = {attribute: sets.get(attribute, {}) for attribute in Attribute}
        self.births = births
        self.reading = reading
        self.changed = 0  # patients read again since it was built or loaded
        self._tree = tree
        self._unions: dict[tuple[Attribute, str], _Union] = {}
        self._below: dict[str, frozenset[str]] = {}
        self._sorted: dict[Attribute, list[str]] = {}

    def apply(self, news: News) -> None:
        """Take over what was read again, all at once."""
        with self.lock:
            if news.patients:
                self._replace(news)
                self.changed += len(news.patients)
            if vars(news.tree) != vars(self._tree):  # a tree is what it was made of
                self._tree, self._below = news.tree, {}
                self._forget(Attribute.TAG)
            self.reading = news.reading

    def move_to(self, day: date) -> None:
        """Let ages be those of a day of the hospital."""
        with self.lock:
            self.births.move_to(day)

    def having(self, attribute: Attribute, *value: str) -> BitMap:
        return self.sets[attribute].get(value, _NOBODY)

    def tagged(self, key: str) -> BitMap:
        """Return who bears a tag or one below it."""
        keys = self._below.get(key)
        if keys is None:
            if len(self._below) >= _MOST_KEYS:
                self._below.clear()
            keys = self._below[key] = self._tree.below(key)
        if len(keys) == 1:
            return self.having(Attribute.TAG, *keys)
        return self._union(Attribute.TAG, key, lambda value: value[0] in keys)

    def beginning(self, attribute: Attribute, prefix: str) -> BitMap:
        """Return who has a value that begins so."""
        return self._union(attribute, prefix, lambda value: value[0].startswith(prefix))

    def _union(self, attribute: Attribute, key: str, takes: Callable[[Value], bool]) -> BitMap:
        kept = self._unions.get((attribute, key))
        if kept is None:
            if len(self._unions) >= _MOST_UNIONS:
                del self._unions[next(iter(self._unions))]
            found = [self.sets[attribute][one] for one in self._values(attribute, key, takes)]
            kept = self._unions[attribute, key] = _Union(union_of(found), takes)
        return kept.bitmap

    def _values(
        self, attribute: Attribute, key: str, takes: Callable[[Value], bool]
    ) -> list[Value]:
        if attribute not in _PREFIXED:
            return [value for value in self.sets[attribute] if takes(value)]
        codes = self._sorted.get(attribute)
        if codes is None:
            codes = self._sorted[attribute] = sorted(code for (code,) in self.sets[attribute])
        found: list[Value] = []
        for place in range(bisect_left(codes, key), len(codes)):
            if not codes[place].startswith(key):
                break
            found.append((codes[place],))
        return found

    def _replace(self, news: News) -> None:
        self.base -= news.patients
        self.base |= news.base
        for attribute, bitmaps in self.sets.items():
            gone = []
            for value, bitmap in bitmaps.items():
                bitmap -= news.patients  # in place
                if not bitmap:
                    gone.append(value)
            for value in gone:
                del bitmaps[value]
            new = news.sets.get(attribute, {})
            for value, patients in new.items():
                if value in bitmaps:
                    bitmaps[value] |= patients
                else:
                    bitmaps[value] = patients.copy()
            if gone or new:
                self._sorted.pop(attribute, None)
        for (attribute, _), union in self._unions.items():
            union.bitmap.difference_update(news.patients)
            for value, patients in news.sets.get(attribute, {}).items():
                if union.takes(value):
                    union.bitmap.update(patients)
        self.births.change(news.patients, news.born)

    def _forget(self, attribute: Attribute) -> None:
        self._unions = {key: kept for key, kept in self._unions.items() if key[0] != attribute}
