"""What one person does in three months: the script of a life, as YAML."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import yaml

from app.clock import HOSPITAL

SCRIPTS = Path(__file__).with_name("scripts")


@dataclass(frozen=True, slots=True)
class Deed:
    """A measurement of the person's own accord, as the API takes it.

    Or, where it names a `questionnaire`, that form as it waits to be filled, with these `answers`.
    """

    at: datetime
    what: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Script:
    """One life.

    The patient looks at the phone at the hours `looks` and does what is asked, with the values
    `usual`, except on the days `silent`. Days count from the anchor, which is day 0; the life
    begins so many days after it. A file `PACK--PLAN.yaml` lives a further plan of a pack.
    """

    name: str
    pack: str
    title: str
    plan: str
    anchor: str
    day_0: date
    begins: int
    birth_date: date
    gender: str
    relation: str  # of whoever holds the phone
    diagnoses: tuple[tuple[str, str], ...]
    tags: tuple[str, ...]  # that staff give on the first day
    also: Mapping[str, date]  # plans that begin by themselves, with their day 0
    days: int
    looks: tuple[time, ...]
    usual: Mapping[str, Any]
    answers: Mapping[str, Mapping[str, Any]]
    silent: frozenset[int]
    deeds: tuple[Deed, ...]

    @property
    def begins_at(self) -> datetime:
        """Ten in the morning of the first day: rounds are over, people go home."""
        return datetime.combine(self.day_0 + timedelta(days=self.begins), time(10), HOSPITAL)

    @property
    def is_of_a_stay(self) -> bool:
        """Whether it begins with leaving a ward; else with a visit."""
        return self.anchor != "enrolment"


def read_script(path: Path) -> Script:
    told = yaml.safe_load(path.read_text())
    pack, _, plan = path.stem.partition("--")
    day_0 = told["day_0"]
    return Script(
        name=path.stem,
        pack=pack,
        title=told["title"],
        plan=told.get("plan", plan or pack),
        anchor=told["anchor"],
        day_0=day_0,
        begins=told.get("begins", 0),
        birth_date=told["birth_date"],
        gender=told["gender"],
        relation=told.get("relation", "self"),
        diagnoses=tuple((one["code"], one["display"]) for one in told["diagnoses"]),
        tags=tuple(told.get("tags", ())),
        also=told.get("also", {}),
        days=told.get("days", 92),
        looks=tuple(time.fromisoformat(one) for one in told["looks"]),
        usual=told.get("usual", {}),
        answers=told.get("answers", {}),
        silent=frozenset(
            day for first, last in told.get("silent", ()) for day in range(first, last + 1)
        ),
        deeds=tuple(_deed(one, day_0) for one in told.get("deeds", ())),
    )


def _deed(told: dict[str, Any], day_0: date) -> Deed:
    day = day_0 + timedelta(days=told.pop("day"))
    at = datetime.combine(day, time.fromisoformat(told.pop("at")), HOSPITAL)
    return Deed(at, told)
