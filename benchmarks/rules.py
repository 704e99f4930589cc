"""How fast rules are asked: beside a hand-written closure, found by code, and with the database.

In memory the rule `systolic ≥ 180 or diastolic ≥ 110` is asked as a compiled tree, as evaluation
asks it (with its evidence in words), and as a Python closure written by hand for it. Then 200 rules
meet a stream of observations: those each observation wakes, against all of them in turn. With
MariaDB the whole path is measured, one transaction an observation: kept with its event, the
patient locked, facts fetched, rules asked, alerts opened. Beside it: a bare insert and commit.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import func, insert, select

from app import clock, encryption
from app.clock import HOSPITAL
from app.database import Base, make_engine, unit_of_work
from app.domain.plans.pack_parsing import parse_pack
from app.domain.plans.rules import CompiledRule, Rule, RuleIndex, parse_rule
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.profile.patient_facts import Facts, ObservedValue
from app.models import (
    Alert,
    AlertStep,
    CarePlan,
    CarePlanStatus,
    CareTeam,
    Event,
    Observation,
    ObservationStatus,
    Origin,
    Patient,
    PlanDefinition,
    PublicationStatus,
)
from app.services.plans import rule_evaluation
from app.services.plans.plan_library import install_pack
from benchmarks import measuring
from benchmarks.tagging import closure, keyring, some_facts

_CHANCE: Final = random.Random(measuring.SEED)
_CODES: Final = sorted(OBSERVATION_KINDS)[:17]  # 200 rules over 17 codes: 12 a code
_RULES: Final = 200
_ASKED: Final = 20_000  # evaluations of a round at scale 1
_KEPT: Final = 300  # observations of a round with the database
_PATIENTS: Final = 100
_PACK: Final = "bench"


def leaf(code: str, limit: Decimal | int, within: str = "P30D") -> dict[str, Any]:
    unit = OBSERVATION_KINDS[code].unit
    return {"latest": {"code": code, "op": ">=", "value": str(limit), "unit": unit,
                       "within": within}}  # fmt: skip


def rule(key: str, condition: dict[str, Any], episode: str) -> dict[str, Any]:
    alert = {"staff_text": "请电话了解", "patient_text": "请留意"}
    return {
        "key": key, "version": 1, "name": key, "grade": "moderate", "episode": episode,
        "source": "bench", "condition": condition, "actions": [{"alert": alert}],
        "cool_down": "PT0M", "clears_after": 2, "late_policy": "review",
    }  # fmt: skip


def pressure_rule() -> Rule:
    return parse_rule(
        rule("very-high", {"any": [leaf("8480-6", 180), leaf("8462-4", 110)]}, "pressure")
    )


def many_rules() -> list[dict[str, Any]]:
    """Return 200 rules, each on one code: its latest value above a limit of its own."""
    return [
        rule(f"rule-{number}", leaf(code, at(code, 0.7 + number / 1000), "P90D"), code.lower())
        for number in range(_RULES)
        for code in [_CODES[number % len(_CODES)]]
    ]


def at(code: str, share: float) -> Decimal:
    """Return the plausible value of a kind that lies so far up its range."""
    kind = OBSERVATION_KINDS[code]
    value = kind.least + (kind.most - kind.least) * Decimal(str(round(share, 4)))
    return value.quantize(Decimal("0.001"))


def a_value(code: str) -> Decimal:
    """Return what was measured: one of twenty is past some limits."""
    return at(code, 0.95 if _CHANCE.random() < 0.05 else _CHANCE.uniform(0.1, 0.6))


def timed(ask: Callable[[Any], Any], given: Sequence[Any]) -> dict[str, float]:
    begun = time.perf_counter()
    for one in given:
        ask(one)
    return {"per_second": len(given) / (time.perf_counter() - begun)}


def one_rule(count: int, rounds: int) -> dict[str, Any]:
    """Return rates of one rule as a tree, as evaluation asks it, and as a closure."""
    patients = some_facts(200)
    (asked,) = RuleIndex([pressure_rule()]).woken_by("observation:8480-6")
    if [asked.check(one) is not None for one in patients] != [closure(one) for one in patients]:
        raise AssertionError("the rule and the closure disagree")
    given = [patients[place % len(patients)] for place in range(count)]
    tree, hand = measuring.alternate(
        lambda: timed(asked.check, given), lambda: timed(closure, given), rounds
    )
    whole, bare = measuring.alternate(
        lambda: timed(asked.evaluate, given), lambda: timed(closure, given), rounds
    )
    return {
        "ratio_to_closure": measuring.paired_ratio(tree, hand, "per_second"),
        "ratio_with_words_to_closure": measuring.paired_ratio(whole, bare, "per_second"),
        "tree": measuring.medians(tree),
        "with_words": measuring.medians(whole),
        "closure": measuring.medians(hand),
    }


def stream(patients: Sequence[Facts], count: int) -> list[tuple[str, Facts]]:
    """Return observations in the order they come: what each is of, and the facts it leaves."""
    found = []
    for _ in range(count):
        facts, code = _CHANCE.choice(patients), _CHANCE.choice(_CODES)
        newest = ObservedValue(a_value(code), facts.now)
        values = {**facts.observations, code: [newest, *facts.observations[code]]}
        found.append((code, Facts(facts.now, facts.zone, values)))
    return found


def many(count: int, rounds: int) -> dict[str, Any]:
    """Return rates of a stream through 200 rules: those it wakes, and all of them in turn."""
    index = RuleIndex(map(parse_rule, many_rules()))
    every: dict[str, CompiledRule] = {
        one.rule.key: one for code in _CODES for one in index.woken_by(f"observation:{code}")
    }
    coming = stream(some_facts(100), max(200, count // 10))
    fired = 0

    def woken(one: tuple[str, Facts]) -> list[Any]:
        code, facts = one
        return [asked.evaluate(facts) for asked in index.woken_by(f"observation:{code}")]

    def all_of_them(one: tuple[str, Facts]) -> list[Any]:
        return [asked.evaluate(one[1]) for asked in every.values()]

    for one in coming[:200]:
        some = {hit.rule.key for hit in woken(one) if hit}
        others = {hit.rule.key for hit in all_of_them(one) if hit}
        fired += len(some)
        if some != {key for key in others if f"observation:{one[0]}" in every[key].rule.wakes}:
            raise AssertionError("what is woken and what is asked of all disagree")
    if len(every) != _RULES or not fired:
        raise AssertionError(f"{len(every)} rules, {fired} hits")
    few, all_ = measuring.alternate(
        lambda: timed(woken, coming), lambda: timed(all_of_them, coming[: len(coming) // 10]),
        rounds,
    )  # fmt: skip
    return {
        "ratio_to_evaluate_all": measuring.paired_ratio(few, all_, "per_second"),
        "woken": measuring.medians(few),
        "evaluate_all": measuring.medians(all_),
    }


class Ward:
    """Patients on a plan of 200 rules; each round keeps observations and judges them."""

    def __init__(self, patients: int) -> None:
        now = clock.now()
        pack = parse_pack(
            {
                "id": _PACK, "version": "1", "title": "基准", "effective_from": "2026-01-01",
                "sign_off": {"state": "draft", "department": "基准"}, "notices": {}, "limits": {},
                "sources": {"bench": "基准"}, "rules": many_rules(),
            }
        )  # fmt: skip
        with unit_of_work.begin() as session:
            install_pack(session, pack, now, approved_by="基准")
            team = CareTeam(name="基准", created_at=now)
            plan = PlanDefinition(
                key=_PACK, version=1, status=PublicationStatus.ACTIVE, title="基准",
                anchor="discharge", definition={}, pack_key=_PACK,
            )  # fmt: skip
            people = [Patient(name="演示", created_at=now, updated_at=now) for _ in range(patients)]
            session.add_all([team, plan, *people])
            session.flush()
            session.add_all(
                CarePlan(
                    patient_id=one.id, plan_definition_id=plan.id, plan_key=plan.key,
                    care_team_id=team.id, status=CarePlanStatus.ACTIVE, anchor_on=now.date(),
                    created_at=now,
                )
                for one in people
            )  # fmt: skip
            self.ids = [one.id for one in people]
        self.numbers = iter(range(1, 10_000_000))
        self.expected = 0

    def judge(self, count: int) -> dict[str, float]:
        """Keep and judge observations, a transaction each."""
        table = Base.metadata.tables[Observation.__tablename__]
        rows = list(self._rows(count))
        begun = time.perf_counter()
        for row in rows:
            with unit_of_work.begin() as session:
                result = session.connection().execute(insert(table), row)
                (kept,) = result.inserted_primary_key or (0,)
                session.add(
                    Event.of(
                        "observation.recorded", row["received_at"], patient_id=row["patient_id"],
                        observation_id=kept, code=row["code"],
                    )
                )  # fmt: skip
                rule_evaluation.evaluate(
                    session, row["patient_id"], (f"observation:{row['code']}",),
                    row["received_at"] + timedelta(milliseconds=1), HOSPITAL,
                    observation_id=kept,
                )  # fmt: skip
        seconds = time.perf_counter() - begun
        self.expected += sum(row["value"] >= at(row["code"], 0.9) for row in rows)
        return {"per_second": count / seconds}

    def insert_alone(self, count: int) -> dict[str, float]:
        """Insert observations, a commit each, and nothing else."""
        table = Base.metadata.tables[Observation.__tablename__]
        rows = [row | {"is_current": None} for row in self._rows(count)]
        begun = time.perf_counter()
        for row in rows:
            with unit_of_work.begin() as session:
                session.execute(insert(table), row)
        return {"per_second": count / (time.perf_counter() - begun)}

    def check(self) -> dict[str, int]:
        """Return how many alerts there are and how often they were hit: as often as counted."""
        with unit_of_work() as session:
            hits = AlertStep.kind.in_(("opened", "appended", "worsened"))
            found = {
                "alerts": session.scalar(select(func.count(Alert.id))) or 0,
                "hits": session.scalar(select(func.count(AlertStep.id)).where(hits)) or 0,
                "expected_hits": self.expected,
            }
        if found["hits"] != self.expected or not found["alerts"]:
            raise AssertionError(str(found))
        return found

    def _rows(self, count: int) -> Iterator[dict[str, Any]]:
        for _ in range(count):
            now, code, number = clock.now(), _CHANCE.choice(_CODES), next(self.numbers)
            yield {
                "public_id": f"b{number}", "patient_id": _CHANCE.choice(self.ids),
                "origin": Origin.HOME, "is_current": True, "identity": number.to_bytes(32),
                "status": ObservationStatus.FINAL, "code": code,
                "code_system": "http://loinc.org", "value": a_value(code),
                "unit": OBSERVATION_KINDS[code].unit, "effective_at": now, "issued_at": now,
                "received_at": now,
            }  # fmt: skip


def whole_path(count: int, patients: int, rounds: int) -> dict[str, Any]:
    """Return the rate of observations kept and judged beside that of bare inserts."""
    ward = Ward(patients)
    ours, bare = measuring.alternate(
        lambda: ward.judge(count), lambda: ward.insert_alone(count), rounds
    )
    return {
        "ratio_to_insert_and_commit": measuring.paired_ratio(ours, bare, "per_second"),
        "whole_path": measuring.medians(ours),
        "insert_and_commit": measuring.medians(bare),
        "checks": ward.check(),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = measuring.options(str(__doc__), arguments)
    encryption.use(keyring())
    busyness = measuring.Busyness()
    asked = max(500, int(_ASKED * chosen.scale))
    kept = max(40, int(_KEPT * chosen.scale))
    patients = max(10, int(_PATIENTS * chosen.scale))
    single, several = one_rule(asked, chosen.rounds), many(asked, chosen.rounds)
    with measuring.fresh_database() as url:
        engine = make_engine(url)
        unit_of_work.configure(bind=engine)
        path = whole_path(kept, patients, chosen.rounds)
        engine.dispose()
    measuring.finish(
        "rules",
        {
            "ratio": single["ratio_to_closure"],
            "targets": {"ratio_to_closure": 0.15, "ratio_to_evaluate_all": 5,
                        "ratio_to_insert_and_commit": 0.45},
            **single,
            **several,
            **path,
            "sizes": {
                "rules": _RULES, "asked": asked, "kept": kept, "patients": patients,
                "rounds": chosen.rounds,
            },
            "machine": busyness.report(),
        },
    )  # fmt: skip


if __name__ == "__main__":
    main()
