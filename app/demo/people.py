"""Made-up people: names nobody bears, identity and phone numbers nobody was given."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import product
from random import Random
from typing import Any, Final

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from app.database import Base, new_public_id
from app.demo.cast import ENDOCRINOLOGY, ISSUER, SUBJECTS, WARDS, Subject
from app.models import Gender, Patient, PatientIdentifier

SURNAMES: Final = "钱冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严"
_MARKS: Final = "测演试拟"  # a given name begins with one of these: plainly no real person
_STEMS: Final = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥"
# Most live where the hospital stands, some a journey away.
_REGIONS: Final = ("浙江省宁波市",) * 7 + ("浙江省舟山市", "浙江省台州市", "江西省上饶市")
CROWD: Final = 320
DIABETICS: Final = 96

# GB 11643: weights and check characters of an 18-digit citizen number.
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS: Final = "10X98765432"


@dataclass(slots=True)
class Person:
    """One synthetic patient, as the parts of the seed pass them on."""

    id: int
    public_id: str
    number: str  # the hospital's record number
    name: str
    gender: Gender
    birth_on: date
    phone: str
    ward: str
    diagnosis: tuple[str, str]
    discharged: int | None  # days ago, from the stay that began the plan
    needs: str | None = None
    subject: Subject | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def is_diabetic(self) -> bool:
        return self.diagnosis[0].startswith("E11")


def first_id(session: Session, model: type[Base]) -> int:
    """Return the first free key, so that rows written in bulk can name each other."""
    last = session.scalar(select(func.max(model.id)))  # type: ignore[attr-defined]
    return int(last or 0) + 1


def add_people(session: Session, random: Random, now: datetime) -> list[Person]:
    """Write the patients and return them, those with a story first."""
    people = list(_people(random, first_id(session, Patient), now.date()))
    session.execute(insert(Patient), [_patient_row(one, now) for one in people])
    numbers = [row for one in people for row in _identifier_rows(one, now)]
    session.execute(insert(PatientIdentifier), numbers)
    return people


def _people(random: Random, start: int, today: date) -> Iterator[Person]:
    names = [f"{a}{b}{c}" for a, b, c in product(SURNAMES, _MARKS, _STEMS)]
    random.shuffle(names)
    subjects = [_subject(one, random, start + at, today) for at, one in enumerate(SUBJECTS)]
    yield from subjects
    for at in range(len(subjects), CROWD):
        is_diabetic = at - len(subjects) < DIABETICS
        yield _one_of_many(random, start + at, names[at], today, is_diabetic=is_diabetic)


def _subject(subject: Subject, random: Random, id_: int, today: date) -> Person:
    birth_on = date(today.year - subject.age, 1, 15)
    return Person(
        id_, new_public_id(), f"D{id_:06}", subject.name, subject.gender, birth_on,
        _phone(id_), subject.ward, subject.diagnosis, subject.discharged, subject.needs, subject,
    )  # fmt: skip


def _one_of_many(random: Random, id_: int, name: str, today: date, *, is_diabetic: bool) -> Person:
    ward = WARDS[0] if is_diabetic else random.choice(WARDS[1:])
    young, old = (0, 13) if ward.code == "PED" else (22, 40) if ward.code == "OBST" else (35, 88)
    age_days = random.randint(young * 365 + 40, old * 365 + 300)
    women = ward.code == "OBST" or random.random() < 0.5
    return Person(
        id_, new_public_id(), f"D{id_:06}", name,
        Gender.FEMALE if women else Gender.MALE, today - timedelta(days=age_days), _phone(id_),
        ward.code, random.choice(ward.diagnoses), None, _needs(random),
    )  # fmt: skip


def _needs(random: Random) -> str | None:
    found = random.random()
    if found > 0.08:
        return None
    return random.choice(("听力不好，请说慢一点", "视障，请打电话", "讲方言，请找家属", "行动不便"))


def _phone(id_: int) -> str:
    return f"120{id_:08}"  # numbers that begin with 12 belong to nobody


def citizen_number(id_: int, birth_on: date, gender: Gender) -> str:
    """Return a number of the right form in region 99, which does not exist."""
    order = (id_ % 500) * 2 + (gender is Gender.MALE)
    digits = f"99{id_ % 10000:04}{birth_on:%Y%m%d}{order % 1000:03}"
    total = sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True))
    return digits + _CHECKS[total % 11]


def _patient_row(one: Person, now: datetime) -> dict[str, Any]:
    table = Patient.__tablename__
    return {
        "id": one.id,
        "public_id": one.public_id,
        "name_sealed": Patient.name.seal(table, one.public_id, one.name),
        "name_index": Patient.name.index(table, one.name),
        "phone_sealed": Patient.phone.seal(table, one.public_id, one.phone),
        "phone_index": Patient.phone.index(table, one.phone),
        "needs_sealed": Patient.needs.seal(table, one.public_id, one.needs),
        "gender": one.gender,
        "region": _REGIONS[one.id % len(_REGIONS)],
        "birth_date": one.birth_on,
        "department_code": one.ward,
        "source": "his",
        "created_at": now - timedelta(days=120),
        "updated_at": now - timedelta(days=1),
    }


def _identifier_rows(one: Person, now: datetime) -> Iterator[dict[str, Any]]:
    table = PatientIdentifier.__tablename__
    numbers = (
        (ISSUER, "MR", one.number),
        ("GA", "NI", citizen_number(one.id, one.birth_on, one.gender)),
    )
    for issuer, kind, value in numbers:
        public_id = new_public_id()
        yield {
            "public_id": public_id,
            "patient_id": one.id,
            "issuer": issuer,
            "type_code": kind,
            "value_sealed": PatientIdentifier.value.seal(table, public_id, value),
            "value_index": PatientIdentifier.value.index(table, value),
            "created_at": now - timedelta(days=120),
        }


def on_plan(people: list[Person]) -> list[Person]:
    """Return those whose last stay ended with type 2 diabetes in the weeks of the plan."""
    return [one for one in people if one.discharged is not None and one.ward == ENDOCRINOLOGY]
