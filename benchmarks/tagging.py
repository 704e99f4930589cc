"""How fast events go through tag rules: beside a hand-written closure, and with the database.

In memory one rule is asked as tagging asks it (what the event wakes, then the compiled tree) and
as a Python closure written by hand for it; then 200 rules, found by what the event wakes and all
of them in turn. With MariaDB: results and diagnoses are stored with their events, and the reaction
that keeps tags reads them: event, triggers, facts, rules, assignments, all committed. Beside it
stands a bare insert and commit of one result. A pass over all patients then finds nothing to do.
"""

import base64
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

from sqlalchemy import func, insert, select

from app import clock, encryption
from app.clock import HOSPITAL
from app.database import Base, make_engine, unit_of_work
from app.domain.outreach.messaging import Outlets
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.profile.patient_facts import Facts, ObservedValue
from app.domain.profile.tagging import (
    TagIndex,
    parse_tag_definition,
    parse_tag_rule,
)
from app.models import Condition, Event, Observation, ObservationStatus, Origin, Patient, Tag
from app.models import TagAssignment as Assignment
from app.services.profile.tags import tag_rebuild
from app.services.reacting import react
from benchmarks import measuring
from jobs.chores import Work
from jobs.reactions import REACTIONS
from tests.conftest import SECRET_KEY

NOW: Final = datetime(2026, 5, 4, 4, tzinfo=UTC)
_CHANCE: Final = random.Random(measuring.SEED)
_SYSTOLIC, _DIASTOLIC = "8480-6", "8462-4"
_CODES: Final = sorted(OBSERVATION_KINDS)[:17]  # 200 rules over 17 codes: 12 a code
_RULES: Final = 200
_ASKED: Final = 20_000  # evaluations of a round at scale 1
_EVENTS: Final = 800
_PATIENTS: Final = 200
_VALUES: Final = 4  # of each patient before the run


def pressure_index() -> TagIndex:
    def high(code: str, limit: int) -> dict[str, Any]:
        unit = OBSERVATION_KINDS[code].unit
        leaf = {"code": code, "op": ">=", "value": limit, "unit": unit, "within": "P30D"}
        return {"latest": leaf}

    when = {"any": [high(_SYSTOLIC, 180), high(_DIASTOLIC, 110)]}
    return TagIndex(
        [parse_tag_definition({"key": "very-high", "name": "血压很高", "class": "treatment"})],
        [_rule("very-high", when)],
    )


_SPAN: Final = timedelta(days=30)
_SYSTOLIC_LIMIT, _DIASTOLIC_LIMIT = Decimal(180), Decimal(110)


def closure(facts: Facts) -> bool:
    """The same rule as somebody with an eye on speed would write it in Python."""
    seen = facts.observations
    systolic = seen.get(_SYSTOLIC)
    if systolic:
        one = systolic[0]
        if one.value >= _SYSTOLIC_LIMIT and one.effective_at >= facts.now - _SPAN:  # type: ignore[operator]
            return True
    diastolic = seen.get(_DIASTOLIC)
    if diastolic:
        one = diastolic[0]
        return one.value >= _DIASTOLIC_LIMIT and one.effective_at >= facts.now - _SPAN  # type: ignore[operator]
    return False


def some_facts(count: int) -> list[Facts]:
    """Return patients of whom every tenth has a very high pressure."""
    found = []
    for place in range(count):
        top = Decimal(190 if place % 10 == 0 else _CHANCE.randrange(100, 170))
        values = {
            code: [ObservedValue(_at(code, 0.3), NOW - timedelta(days=n)) for n in range(3)]
            for code in _CODES
        }
        values[_SYSTOLIC] = [ObservedValue(top, NOW)]
        values[_DIASTOLIC] = [ObservedValue(Decimal(80), NOW)]
        found.append(Facts(NOW, HOSPITAL, values))
    return found


def many_rules() -> list[dict[str, Any]]:
    """Return 200 rules, each on one code: its latest value above a limit of its own."""
    rules = []
    for number in range(_RULES):
        code = _CODES[number % len(_CODES)]
        kind = OBSERVATION_KINDS[code]
        limit = _at(code, 0.2 + number / 600)
        leaf = {
            "code": code, "op": ">=", "value": str(limit), "unit": kind.unit, "within": "P90D",
        }  # fmt: skip
        rules.append({"tag": f"tag-{number}", "when": {"latest": leaf}, "confidence": 1,
                      "source": "bench"})  # fmt: skip
    return rules


def many_index() -> TagIndex:
    keys = [f"tag-{number}" for number in range(_RULES)]
    return TagIndex(
        [parse_tag_definition({"key": key, "name": key, "class": "treatment"}) for key in keys],
        map(parse_tag_rule, many_rules()),
    )


def in_memory(count: int, rounds: int) -> dict[str, Any]:
    """Return rates and ratios of asking rules where the facts lie ready."""
    patients = some_facts(200)
    one, many = pressure_index(), many_index()
    trigger, code = (f"observation:{_SYSTOLIC}",), (f"observation:{_CODES[3]}",)

    def asked(ask: Callable[[Facts], Any], times: int) -> dict[str, float]:
        given = [patients[place % len(patients)] for place in range(times)]
        begun = time.perf_counter()
        for facts in given:
            ask(facts)
        return {"per_second": times / (time.perf_counter() - begun)}

    def by_rule(facts: Facts) -> Any:
        return one.desired(facts, one.woken(trigger))

    def woken(facts: Facts) -> Any:
        return many.desired(facts, many.woken(code))

    if [bool(by_rule(facts)) for facts in patients] != [closure(facts) for facts in patients]:
        raise AssertionError("the rule and the closure disagree")
    theirs = [{tag.tag for tag in many.desired(facts)} for facts in patients]
    for facts, every in zip(patients, theirs, strict=True):
        found = {tag.tag for tag in woken(facts)}
        if found != {tag for tag in every if any(tag in slot.tags for slot in many.woken(code))}:
            raise AssertionError("what is woken and what is asked of all disagree")

    (check,) = [check for slot in one.slots for _, check in slot.rules]
    tree, hand = measuring.alternate(
        lambda: asked(check, count), lambda: asked(closure, count), rounds
    )
    ours, bare = measuring.alternate(
        lambda: asked(by_rule, count), lambda: asked(closure, count), rounds
    )
    few, all_ = measuring.alternate(
        lambda: asked(woken, max(20, count // 10)),
        lambda: asked(many.desired, max(20, count // 100)),
        rounds,
    )
    return {
        "ratio_to_closure": measuring.paired_ratio(tree, hand, "per_second"),
        "ratio_of_event_to_closure": measuring.paired_ratio(ours, bare, "per_second"),
        "ratio_to_evaluate_all": measuring.paired_ratio(few, all_, "per_second"),
        "tree": measuring.medians(tree),
        "event": measuring.medians(ours),
        "closure": measuring.medians(bare),
        "woken": measuring.medians(few),
        "evaluate_all": measuring.medians(all_),
    }


class Hospital:
    """Patients and a library in the database; each round stores what happened and lets it tell."""

    def __init__(self, patients: int) -> None:
        with unit_of_work.begin() as session:
            session.add_all(
                Tag(
                    key=rule["tag"], name=rule["tag"], tag_class="treatment", rules=[rule],
                    # Of three codes the twelve limits are bands: one is borne at a time.
                    exclusion_group=f"band-{place % 17}" if place % 17 < 3 else None,
                )
                for place, rule in enumerate(many_rules())
            )  # fmt: skip
            rule = {"tag": "diabetes", "when": {"condition": {"code": "E11"}}, "confidence": 1,
                    "source": "bench"}  # fmt: skip
            session.add(Tag(key="diabetes", name="糖尿病", tag_class="diagnosis", rules=[rule]))
            people = [Patient(name="演示", created_at=NOW, updated_at=NOW) for _ in range(patients)]
            session.add_all(people)
            session.flush()
            self.ids = [one.id for one in people]
        self.number = 0
        self.reaction = next(one for one in REACTIONS if one.key == "retag")
        self.work = Work(HOSPITAL, Outlets())
        self.store(patients * _VALUES)
        self.react()

    def store(self, count: int) -> None:
        """Keep so many results, every twentieth a diagnosis, each with its event."""
        with unit_of_work.begin() as session:
            for _ in range(count):
                self.number += 1
                owner = _CHANCE.choice(self.ids)
                if self.number % 20 == 0:
                    self._diagnose(session, owner)
                else:
                    self._measure(session, owner)

    def react(self) -> int:
        """Let the reaction read until nothing is new; return how many events it read."""
        read = idle = 0
        while idle < 2:
            with unit_of_work.begin() as session:
                some = react(
                    session, self.reaction.key, self.reaction.kinds,
                    partial(self.reaction.handle, self.work), clock.now(),
                )  # fmt: skip
            read += some
            idle = 0 if some else idle + 1
        return read

    def round(self, count: int) -> dict[str, float]:
        self.store(count)
        begun = time.perf_counter()
        read = self.react()
        return {"per_second": read / (time.perf_counter() - begun), "events": float(read)}

    def insert_alone(self, count: int) -> dict[str, float]:
        """Insert results, a commit each, and nothing else."""
        table = Base.metadata.tables[Observation.__tablename__]
        begun = time.perf_counter()
        for _ in range(count):
            self.number += 1
            row = self._row(_CHANCE.choice(self.ids)) | {"is_current": None}
            with unit_of_work.begin() as session:
                session.execute(insert(table), row)
        return {"per_second": count / (time.perf_counter() - begun)}

    def _measure(self, session: Any, owner: int) -> None:
        row = Observation(**self._row(owner))
        session.add(row)
        session.flush()
        session.add(
            Event.of(
                "observation.recorded", row.received_at, patient_id=owner, observation_id=row.id
            )
        )

    def _diagnose(self, session: Any, owner: int) -> None:
        now = clock.now()
        code = _CHANCE.choice(["E11.9", "I10", "N18.3"])
        known = select(Condition.id).filter_by(patient_id=owner, code=code)
        if session.scalar(known) is None:
            session.add(
                Condition(
                    patient_id=owner, code_system="ICD-10", code=code, recorded_at=clock.now(),
                    created_at=clock.now(),
                )
            )  # fmt: skip
        session.add(Event.of("condition.recorded", now, patient_id=owner))

    def _row(self, owner: int) -> dict[str, Any]:
        now = clock.now()
        code = _CHANCE.choice(_CODES)
        return {
            "public_id": f"b{self.number}", "patient_id": owner, "origin": Origin.HOME,
            "is_current": True, "identity": self.number.to_bytes(32),
            "status": ObservationStatus.FINAL, "code": code, "code_system": "http://loinc.org",
            "value": _at(code, _CHANCE.uniform(0.1, 0.6)), "unit": OBSERVATION_KINDS[code].unit,
            "effective_at": now, "issued_at": now, "received_at": now,
        }  # fmt: skip


def whole_path(events: int, patients: int, rounds: int) -> dict[str, Any]:
    """Return the rate from event to assignment, with a check that nothing was missed."""
    hospital = Hospital(patients)
    ours, bare = measuring.alternate(
        lambda: hospital.round(events), lambda: hospital.insert_alone(max(20, events // 10)), rounds
    )
    with unit_of_work() as session:
        after, differing = 0, 0
        while True:
            after, found = tag_rebuild.check(session, after, clock.now(), HOSPITAL)
            differing += len(found)
            if not after:
                break
        borne = session.scalar(select(func.count(Assignment.id)).filter_by(is_live=True))
        ended = session.scalar(select(func.count(Assignment.id)).filter_by(is_live=None))
    if differing or not borne:
        raise AssertionError(f"{differing} patients differ, {borne} tags are borne")
    return {
        "events_per_second": measuring.medians(ours)["per_second"]["median"],
        "ratio_to_insert_and_commit": measuring.paired_ratio(ours, bare, "per_second"),
        "whole_path": measuring.medians(ours),
        "insert_and_commit": measuring.medians(bare),
        "checks": {"differing": differing, "borne": borne, "ended": ended},
    }


def _rule(tag: str, when: dict[str, Any]) -> Any:
    return parse_tag_rule({"tag": tag, "when": when, "confidence": 1, "source": "bench"})


def _at(code: str, share: float) -> Decimal:
    """Return the plausible value of a kind that lies so far up its range."""
    kind = OBSERVATION_KINDS[code]
    value = kind.least + (kind.most - kind.least) * Decimal(str(round(share, 4)))
    return value.quantize(Decimal("0.001"))


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = measuring.options(str(__doc__), arguments)
    encryption.use(keyring())
    busyness = measuring.Busyness()
    asked = max(500, int(_ASKED * chosen.scale))
    events = max(40, int(_EVENTS * chosen.scale))
    patients = max(10, int(_PATIENTS * chosen.scale))
    memory = in_memory(asked, chosen.rounds)
    with measuring.fresh_database() as url:
        engine = make_engine(url)
        unit_of_work.configure(bind=engine)
        kept = whole_path(events, patients, chosen.rounds)
        engine.dispose()
    measuring.finish(
        "tagging",
        {
            "ratio": memory["ratio_to_closure"],
            "targets": {"ratio_to_closure": 0.15, "ratio_to_evaluate_all": 5},
            **memory,
            **kept,
            "sizes": {
                "rules": _RULES, "asked": asked, "events": events, "patients": patients,
                "rounds": chosen.rounds,
            },
            "machine": busyness.report(),
        },
    )  # fmt: skip


def keyring() -> encryption.Keyring:
    return encryption.Keyring({"t1": base64.b64decode(SECRET_KEY)}, "hospital")


if __name__ == "__main__":
    main()
