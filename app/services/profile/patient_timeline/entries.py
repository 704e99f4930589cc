"""One line of a timeline, and where the lines of one sort come from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, Select

from app.domain.profile.record_views import EntryKind

PAGE: Final = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened; `what` is its code or title, `state` how it stands or ended.

    `counts` has how many interactions of each kind there were on the day. Of what is measured at
    home, `reporter` says who brought it and `device` by what.
    """

    kind: EntryKind
    public_id: str
    at: datetime
    what: str
    state: str
    display: str | None = None
    value: Decimal | None = None
    value_text: str | None = None
    unit: str | None = None
    who: str | None = None
    note: str | None = None
    counts: tuple[tuple[str, int], ...] = ()
    reporter: str | None = None
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """One page; `before` names where the older ones begin, None when there are none."""

    entries: tuple[Entry, ...]
    before: str | None


@dataclass(frozen=True, slots=True)
class Source:
    """Where entries of one sort are kept.

    `rows` selects what `read` needs; `keys` is the FROM and WHERE by which the newest are found:
    both know the columns `patient`, `at`, `id` and `public_id`. `patient_sees` narrows further for
    the patient's own view. `day`, where set, makes one entry of all rows of one day.
    """

    key: str  # names the place where a page ended
    kind: EntryKind
    rows: Select[*tuple[Any, ...]]
    patient: ColumnElement[Any]
    public_id: ColumnElement[Any]
    at: ColumnElement[Any]
    id: ColumnElement[int]
    read: Callable[[Any, datetime], Entry]
    keys: Select[*tuple[Any, ...]] | None = None
    patient_sees: tuple[ColumnElement[bool], ...] = field(default=())
    day: ColumnElement[Any] | None = None
