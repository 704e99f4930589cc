"""A rule asked of the past before it is let loose on the present: how often, of whom, when.

Diagnoses, tags, tasks and plans keep no history in facts: they are as they are today, and whoever
reads the numbers is told so.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from app.domain.criteria.evidence import Evidence
from app.domain.criteria.tree import CLOCK
from app.domain.criteria.wording import explain
from app.domain.plans.rules import CompiledRule
from app.domain.profile.patient_facts import Facts

# When the clock asks for what is absent, on the hospital's day.
_ASKED_AT: Final = time(8, 13)
# Repeats within a day append to the alert that is open.
_SAME_EPISODE: Final = timedelta(days=1)
_MOST_SAMPLES: Final = 8


@dataclass(frozen=True, slots=True)
class RehearsedHit:
    """When a rule would have fired for a patient, and why. This is health data."""

    patient_id: int
    at: datetime
    lines: tuple[str, ...]


@dataclass(slots=True)
class Rehearsal:
    """What a rule would have done in the days before now.

    `alerts` counts hits that follow no other within a day or the cool-down: about as many alerts
    would have been opened.
    """

    zone: ZoneInfo
    asked: int = 0
    patients: int = 0
    hits: int = 0
    alerts: int = 0
    hits_by_day: Counter[date] = field(default_factory=Counter)
    samples: list[RehearsedHit] = field(default_factory=list)

    def ask(self, rule: CompiledRule, patient_id: int, facts: Facts, since: datetime) -> None:
        """Ask a rule of one patient at every moment from `since` on that would have woken it."""
        self.asked += 1
        last: datetime | None = None
        pause = max(_SAME_EPISODE, rule.rule.cool_down)
        for at, evidence in firings(rule, facts, since):
            if last is None:
                self.patients += 1
                if len(self.samples) < _MOST_SAMPLES:
                    lines = tuple(explain(one, self.zone, rule.names) for one in evidence)
                    self.samples.append(RehearsedHit(patient_id, at, lines))
            self.hits += 1
            self.hits_by_day[at.astimezone(self.zone).date()] += 1
            self.alerts += last is None or at - last >= pause
            last = at

    def each_day(self, days: int, now: datetime) -> Mapping[date, int]:
        """Return the hits of each of the last days, the quiet ones too, the oldest first."""
        today = now.astimezone(self.zone).date()
        return {
            day: self.hits_by_day[day]
            for day in (today - timedelta(days=n) for n in range(days, -1, -1))
        }


def firings(
    rule: CompiledRule, facts: Facts, since: datetime
) -> Iterator[tuple[datetime, tuple[Evidence, ...]]]:
    """Yield the moments at which a rule would have fired, each as what was known by then."""
    for at in moments(rule.rule.wakes, facts, since):
        evidence = rule.check(facts.as_of(at))
        if evidence is not None:
            yield at, evidence


def moments(wakes: Iterable[str], facts: Facts, since: datetime) -> list[datetime]:
    """Return when a rule with these triggers would have been asked, in order."""
    found: set[datetime] = set()
    for trigger in wakes:
        kind, _, name = trigger.partition(":")
        if kind == "observation":
            found.update(one.effective_at for one in facts.observations.get(name, ()))
        elif kind == "response" and (answers := facts.answers.get(name)) is not None:
            found.add(answers.authored_at)
        elif kind == "task":
            found.update(one.due_at for one in facts.settled_tasks.get(name, ()) if one.is_missed)
        elif trigger == CLOCK:
            found.update(_mornings(facts, since))
        else:
            found.add(facts.now)
    return sorted(at for at in found if since <= at <= facts.now)


def _mornings(facts: Facts, since: datetime) -> Iterator[datetime]:
    day = since.astimezone(facts.zone).date()
    while (at := datetime.combine(day, _ASKED_AT, facts.zone)) <= facts.now:
        yield at
        day += timedelta(days=1)
