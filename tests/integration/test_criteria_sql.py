"""Criteria asked of the database mean what they mean when asked of one patient's facts."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.database import make_engine
from app.domain.criteria.comparing import Comparator
from app.domain.criteria.compiler import compile_criterion
from app.domain.criteria.needs import EVERYTHING, FactNeeds
from app.domain.criteria.population import InDepartment
from app.domain.criteria.tree import (
    Absent,
    ActiveCondition,
    Age,
    All,
    Answered,
    Change,
    Criterion,
    Latest,
    Leaf,
    Not,
    leaves,
)
from app.domain.criteria.trends import Growth, Slope
from app.domain.criteria.unparsing import unparse
from app.domain.criteria.wording import describe
from app.domain.errors import DomainError
from app.domain.profile.patient_facts import Facts
from app.models import Department, Patient, PublicationStatus, Questionnaire, Tag
from app.models.profile.patient_facts import load_facts
from app.models.profile.tag_tree import tag_tree
from app.models.segments.criteria_sql import base_population, matching, matching_leaf
from app.models.segments.names import names
from tests import factories
from tests.conftest import NOON
from tests.integration.random_population import (
    KNOWN,
    LEAVES,
    populate,
    random_leaf,
    random_tree,
)

pytestmark = pytest.mark.both_databases

# Asked on 29 February of a leap year too, when birthdays of other years are compared.
MOMENTS = (NOON, datetime(2028, 2, 29, 1, 0, tzinfo=UTC), datetime(2026, 2, 28, 15, 59, tzinfo=UTC))


class Hospital:
    """A random hospital with everything known of each patient who may be in a segment."""

    def __init__(self, session: Session, seed: int, now: datetime, size: int) -> None:
        self.session = session
        self.now = now
        self.everybody = populate(session, Random(seed), now, size)
        base = session.scalars(select(Patient.id).where(base_population())).all()
        self.facts = {one: self.load(one) for one in base}
        self.tags = tag_tree(session)

    def load(self, patient_id: int, needs: FactNeeds = EVERYTHING) -> Facts:
        return load_facts(self.session, patient_id, self.now, HOSPITAL, needs)

    def by_closures(self, tree: Criterion) -> set[int]:
        check = compile_criterion(tree)
        return {one for one, facts in self.facts.items() if check(facts) is not None}

    def by_query(self, tree: Criterion) -> list[int]:
        return list(self.session.scalars(matching(tree, self.now, HOSPITAL, self.tags)))

    def check(self, tree: Criterion) -> None:
        found = self.by_query(tree)
        assert set(found) == self.by_closures(tree), told(tree)
        assert len(found) == len(set(found)), told(tree)


def told(tree: Criterion) -> str:
    return f"{describe(tree)}\n{json.dumps(unparse(tree), ensure_ascii=False)}"


@pytest.fixture(scope="module", params=MOMENTS, ids=lambda at: f"{at:%Y-%m-%d}")
def hospital(
    request: pytest.FixtureRequest, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hospital]:
    """A hospital in an SQLite file of its own that nobody changes: asked hundreds of times."""
    path = tmp_path_factory.mktemp("hospital") / "hospital.sqlite3"
    shutil.copy(sqlite_template, path)
    engine = make_engine(f"sqlite:///{path}")
    with Session(engine) as session:
        yield Hospital(session, seed=MOMENTS.index(request.param), now=request.param, size=60)
    engine.dispose()


@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(random=st.randoms(use_true_random=False))
def test_a_query_finds_whom_closures_find(hospital: Hospital, random: Random) -> None:
    tree = random_tree(random)
    note(told(tree))
    hospital.check(tree)


@pytest.mark.parametrize("draw", LEAVES)
def test_each_kind_of_leaf_finds_whom_closures_find(hospital: Hospital, draw: Any) -> None:
    """Every kind by itself and denied, so that none hides behind others in a tree."""
    random = Random(7)
    found = set()
    for _ in range(60):
        leaf = draw(random, KNOWN)
        hospital.check(leaf)
        hospital.check(Not(leaf))
        found |= set(hospital.by_query(leaf))
    assert found, f"nobody was ever found by {type(leaf).__name__}: the check proves nothing"


def test_mariadb_and_sqlite_find_whom_closures_find(session: Session) -> None:
    hospital = Hospital(session, seed=11, now=NOON, size=60)
    random = Random(12)
    for draw in LEAVES:
        for _ in range(6):
            hospital.check(draw(random, KNOWN))
    for _ in range(60):
        hospital.check(random_tree(random))


def test_facts_fetched_as_needed_decide_as_all_facts_do(hospital: Hospital) -> None:
    random = Random(5)
    for _ in range(40):
        tree = random_tree(random)
        check = compile_criterion(tree)
        needs = FactNeeds.of(tree)
        for one in random.sample(sorted(hospital.facts), 5):
            assert check(hospital.load(one, needs)) == check(hospital.facts[one]), told(tree)


def test_a_leaf_may_be_asked_of_everybody(hospital: Hospital) -> None:
    """Whoever holds the base population themselves gets the same patients within it."""
    random = Random(6)
    for _ in range(100):
        leaf = random_leaf(random)
        everybody = set(
            hospital.session.scalars(matching_leaf(leaf, hospital.now, HOSPITAL, hospital.tags))
        )
        assert everybody & hospital.facts.keys() == hospital.by_closures(leaf), told(leaf)


def test_the_dead_and_the_merged_are_in_no_segment(session: Session) -> None:
    living = factories.patient(session)
    factories.patient(session, deceased_at=NOON)
    factories.patient(session, merged_into_id=living.id)
    nobody = ActiveCondition("Z99")

    found = session.scalars(matching(Not(nobody), NOON, HOSPITAL, tag_tree(session))).all()

    assert found == [living.id]


@pytest.mark.parametrize(
    ("leaf", "name"),
    [
        (Absent("15074-8", 3), "计划内连续3天没有血糖记录"),
        (Answered("phq-9", "q1", Comparator.EQUAL, True), "最近一次问卷“phq-9”的“q1”答“是”"),
        (
            Slope("29463-7", Comparator.AT_LEAST, Decimal("0.5"), timedelta(days=7), 3),
            "7天内体重平均每天变化≥0.5 kg（至少3次）",
        ),
        (Growth("29463-7", timedelta(days=3), Decimal(5)), "3天内体重比最低时上升达到5%"),
    ],
)
def test_what_no_query_can_answer_is_refused(session: Session, leaf: Leaf, name: str) -> None:
    tree = All((Age(Comparator.MORE, 60), Not(leaf)))

    with pytest.raises(DomainError) as refused:
        matching(tree, NOON, HOSPITAL, tag_tree(session))

    assert refused.value.code == "not-for-segments"
    assert refused.value.title == f"人群条件里不能使用：{name}"


def test_a_blank_behind_a_word_makes_another_word_on_both_databases(session: Session) -> None:
    patient = factories.patient(session, department_code="endo ")
    factories.observation(session, patient, "9.0", NOON, unit="mmol/L ")
    high = Latest("15074-8", Comparator.MORE, Decimal(7), timedelta(days=1))

    for leaf in (high, InDepartment("endo")):
        assert compile_criterion(leaf)(load_facts(session, patient.id, NOON, HOSPITAL)) is None
        assert session.scalars(matching(leaf, NOON, HOSPITAL, tag_tree(session))).all() == []


def test_binary_fractions_of_sqlite_do_not_move_a_threshold(session: Session) -> None:
    """70.3 - 68.3 is a little less than 2 in binary."""
    hospital = Hospital(session, seed=1, now=NOON, size=1)
    patient = factories.patient(session)
    for value, days in (("68.3", 3), ("70.3", 1)):
        factories.observation(
            session, patient, value, NOON - timedelta(days=days), code="29463-7", unit="kg"
        )
    hospital.facts[patient.id] = hospital.load(patient.id)
    gained = Change("29463-7", timedelta(days=7), Decimal(2))

    assert patient.id in hospital.by_query(gained)
    hospital.check(gained)


def test_birthdays_of_29_february_come_on_1_march(session: Session) -> None:
    patient = factories.patient(session, birth_date=date(2008, 2, 29))
    grown = Age(Comparator.AT_LEAST, 18)
    at_midnight = datetime(2026, 2, 28, 16, 0, tzinfo=UTC)  # 1 March at the hospital
    tree = tag_tree(session)

    before = session.scalars(matching(grown, at_midnight - timedelta(seconds=1), HOSPITAL, tree))
    after = session.scalars(matching(grown, at_midnight, HOSPITAL, tree))

    assert (before.all(), after.all()) == ([], [patient.id])


def test_every_leaf_is_drawn() -> None:
    random = Random(1)
    drawn = {type(leaf) for _ in range(2000) for leaf in leaves(random_tree(random))}

    assert len(drawn) == len(LEAVES)


def test_names_are_those_people_use_here(session: Session) -> None:
    session.add(Tag(key="frail", name="衰弱", tag_class="management"))
    session.add(Department(code="endo", name="内分泌科"))
    factories.plan_definition(session, "discharge", title="出院随访")
    versions = ((1, "旧问卷", "retired"), (2, "问卷", "active"), (3, "草稿", "draft"))
    for version, title, status in versions:
        session.add(
            Questionnaire(
                key="phq-9", version=version, title=title, definition={},
                status=PublicationStatus(status),
            )
        )  # fmt: skip
    session.flush()

    found = names(session)

    assert found.tags == {"frail": "衰弱"}
    assert found.departments == {"endo": "内分泌科"}
    assert found.plans == {"discharge": "出院随访"}
    assert found.questionnaires == {"phq-9": "问卷"}
    assert found.subjects == {"phq-9": "问卷"}
