"""When everybody was born, and who has completed how many years on one day.

"At least N years" is one bitmap for each N, so an age band is one intersection and one
difference. At midnight the bitmaps take in those whose birthday it is.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from app.models.segments.index.attributes import birth_key
from app.models.segments.index.packing import bitmap_of

PAGE: Final = 1 << 16
OLDEST: Final = 130  # what criteria may ask
# Beyond this many days it costs less to sort everybody again.
_FEW_DAYS: Final = 31

Page = NDArray[np.uint32]


class Births:
    """Dates of birth by patient id, in pages of 65,536 ids; 0 where none is known."""

    def __init__(self, pages: dict[int, Page] | None = None) -> None:
        self.pages: dict[int, Page] = {} if pages is None else pages
        self.known: BitMap = BitMap()
        self._day: date | None = None
        self._at_least: list[BitMap] = []

    def put(self, patients: BitMap, born: int) -> None:
        """Note a date of birth (`birth_key`) before `move_to` sorts everybody by age."""
        ids = np.frombuffer(patients.to_array(), dtype=np.uint32)
        numbers = ids >> 16
        for number in np.unique(numbers):
            self._page(int(number))[ids[numbers == number] & (PAGE - 1)] = born

    def change(self, patients: BitMap, born: Mapping[int, int]) -> None:
        """Let these patients be born so; those who are not in `born` have no date any more."""
        for bitmap in (self.known, *self._at_least):
            bitmap -= patients
        for one in patients:
            self._page(one >> 16)[one & (PAGE - 1)] = born.get(one, 0)
        for one, key in born.items():
            self.known.add(one)
            if self._day is not None:
                for years in range(min(_age(birth_key(self._day), key), OLDEST + 1) + 1):
                    self._at_least[years].add(one)

    def move_to(self, day: date) -> None:
        """Let ages be those of a day of the hospital."""
        if day == self._day:
            return
        if self._day is not None and 0 < (day - self._day).days <= _FEW_DAYS:
            self._let_age(self._day, day)
        else:
            self._sort(day)
        self._day = day

    def at_least(self, years: int) -> BitMap:
        """Return who has completed so many years; not to be changed."""
        if self._day is None:
            raise RuntimeError("nobody has an age before there is a day")
        if 0 <= years <= OLDEST + 1:
            return self._at_least[years]
        found = BitMap()
        for first, page in self._ordered():
            is_so = (page != 0) & (_ages(page, self._day) >= years)
            found |= _ids(first, is_so)
        return found

    def differing(self, other: "Births") -> tuple[BitMap, BitMap]:
        """Return who has another date here than there: who has one here, and who there."""
        here, there = BitMap(), BitMap()
        empty = np.zeros(PAGE, dtype=np.uint32)
        for number in self.pages.keys() | other.pages.keys():
            ours, theirs = self.pages.get(number, empty), other.pages.get(number, empty)
            here |= _ids(number << 16, (ours != theirs) & (ours != 0))
            there |= _ids(number << 16, (ours != theirs) & (theirs != 0))
        return here, there

    def _page(self, number: int) -> Page:
        page = self.pages.get(number)
        if page is None:
            page = self.pages[number] = np.zeros(PAGE, dtype=np.uint32)
        return page

    def _ordered(self) -> Iterator[tuple[int, Page]]:
        """Yield the first id of each page, and the page."""
        for number in sorted(self.pages):
            yield number << 16, self.pages[number]

    def _sort(self, day: date) -> None:
        of_age = [BitMap() for _ in range(OLDEST + 2)]
        self.known = BitMap()
        for first, page in self._ordered():
            is_known = page != 0
            self.known |= _ids(first, is_known)
            ages = np.where(is_known, np.clip(_ages(page, day), -1, OLDEST + 1), -1)
            # Of so few different numbers a stable sort is a count, and leaves the ids in order.
            order = np.argsort(ages.astype(np.int16), kind="stable")
            bounds = np.searchsorted(ages[order], np.arange(OLDEST + 3))
            for age in np.flatnonzero(np.diff(bounds)):
                of_age[age] |= bitmap_of(order[bounds[age] : bounds[age + 1]] + first)
        for years in range(OLDEST, -1, -1):
            of_age[years] |= of_age[years + 1]
        self._at_least = of_age

    def _let_age(self, before: date, day: date) -> None:
        for first, page in self._ordered():
            old, new = _ages(page, before), _ages(page, day)
            has_birthday = (page != 0) & (new != old)
            if not has_birthday.any():
                continue
            for years in np.unique(new[has_birthday]):
                if 0 <= years <= OLDEST + 1:
                    self._at_least[years] |= _ids(first, has_birthday & (new == years))


def _age(day: int, born: int) -> int:
    # Completed years: the birthday of 29 February comes on 1 March where there is none.
    return (day - born) // 10_000


def _ages(page: Page, day: date) -> NDArray[np.int64]:
    return (birth_key(day) - page.astype(np.int64)) // 10_000


def _ids(first: int, chosen: NDArray[np.bool_]) -> BitMap:
    return bitmap_of(np.flatnonzero(chosen) + first)
