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
    """A measurement of the person's own accord, as the API takes it."""

    at: datetime
    what: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Script:
    """One life.

    The patient looks at the phone at the hours `looks` and does what is asked, with the values
    `usual`, except on the days `silent`. Days count from the anchor, which is day 0.
    """

    pack: str
    title: str
    plan: str
    anchor: str
    day_0: date
    birth_date: date
    gender: str
    relation: str  # of whoever holds the phone
    diagnoses: tuple[tuple[str, str], ...]
    days: int
    looks: tuple[time, ...]
    usual: Mapping[str, Any]
    answers: Mapping[str, Mapping[str, Any]]
    silent: frozenset[int]
    deeds: tuple[Deed, ...]

    @property
    def begins_at(self) -> datetime:
        """Ten in the morning of day 0: rounds are over, people go home."""
        return datetime.combine(self.day_0, time(10), HOSPITAL)


def read_script(path: Path) -> Script:
    told = yaml.safe_load(path.read_text())
    day_0 = told["day_0"]
    return Script(
        pack=path.stem,
        title=told["title"],
        plan=told.get("plan", path.stem),
        anchor=told["anchor"],
        day_0=day_0,
        birth_date=told["birth_date"],
        gender=told["gender"],
        relation=told.get("relation", "self"),
        diagnoses=tuple((one["code"], one["display"]) for one in told["diagnoses"]),
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
