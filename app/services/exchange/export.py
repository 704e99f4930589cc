"""Whose records leave: one person's, or those of a tag, a department, or everybody."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.models import Patient, PatientIdentifier, Tag, TagAssignment
from app.models.profile.whole_record import WholeRecord, load_records

# So many people at a time: few queries, and little in memory.
BATCH: Final = 25


@dataclass(frozen=True, slots=True)
class Choice:
    """Which records to export; `tag` and `department` narrow each other.

    `among` names the people instead, by ascending keys.
    """

    tag: str | None = None
    department: str | None = None
    among: Sequence[int] | None = None


def find_person(session: Session, name: str) -> int:
    """Return the key of the person known by a public id, or by `issuer:number`.

    A retired id leads to the record that speaks for the person now.

    :raises NotFound: there is none, or the number is of several people
    """
    issuer, _, number = name.rpartition(":")
    if issuer:
        index = PatientIdentifier.value.index(PatientIdentifier.__tablename__, number)
        owners = select(PatientIdentifier.patient_id).filter_by(issuer=issuer, value_index=index)
        found = set(session.scalars(owners))
    else:
        found = set(session.scalars(select(Patient.id).filter_by(public_id=name)))
    heads = {_head(session, key) for key in found}
    if len(heads) != 1:
        raise NotFound
    return heads.pop()


def _head(session: Session, key: int) -> int:
    into = session.scalar(select(Patient.merged_into_id).filter_by(id=key))
    return key if into is None else _head(session, into)


def choose(session: Session, choice: Choice, after: int) -> Sequence[int]:
    """Return the keys of the next people of a choice, those after the key `after`.

    :raises NotFound: there is no such tag
    """
    if choice.among is not None:
        return _choose_among(session, choice.among, after)
    people: Select[int] = (
        select(Patient.id)
        .where(Patient.merged_into_id.is_(None), Patient.id > after)
        .order_by(Patient.id)
        .limit(BATCH)
    )
    if choice.tag is not None:
        tag_id = session.scalar(select(Tag.id).filter_by(key=choice.tag))
        if tag_id is None:
            raise NotFound
        bearers = select(TagAssignment.patient_id).filter_by(tag_id=tag_id, is_live=True)
        people = people.where(Patient.id.in_(bearers))
    if choice.department is not None:
        people = people.where(Patient.department_code == choice.department)
    return session.scalars(people).all()


def _choose_among(session: Session, among: Sequence[int], after: int) -> Sequence[int]:
    for start in range(bisect_right(among, after), len(among), BATCH):
        people = (
            select(Patient.id)
            .where(Patient.id.in_(among[start : start + BATCH]), Patient.merged_into_id.is_(None))
            .order_by(Patient.id)
        )
        if found := session.scalars(people).all():
            return found
    return []


def records_of(
    session: Session, keys: Sequence[int], *, with_history: bool
) -> Iterator[WholeRecord]:
    """Yield the records of some people and let go of each batch."""
    yield from load_records(session, keys, with_history=with_history)
    session.expunge_all()
