"""A pass over all patients agrees with what events and the clock have done, one at a time."""

import os
import random
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app import clock
from app.cli.commands import main
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.profile.tag_standing import Judged
from app.domain.profile.vital_signs import Measurement, VitalSign
from app.domain.trust.access import Actor
from app.models import (
    Patient,
    RecordLink,
    RecordLinkKind,
    Tag,
    TagAssignment,
    TagDecision,
    TagProposal,
    TagRebuild,
    TagSource,
    TagWake,
)
from app.models.profile.patient_index import head_id_of
from app.models.profile.tagging import FoundTag, propose
from app.services.intake import Kept, interpret_batch, patient_index
from app.services.profile.home_monitoring import record_measurement
from app.services.profile.tags import tag_rebuild, tag_sweeping, tag_words
from app.services.profile.tags.tagging import expire_tags, wake_tags
from jobs.reactions import REACTIONS
from tests import factories, settling
from tests.conftest import NOON, SECRET_KEYS
from tests.integration import records
from tests.integration.test_intake_convergence import EVERYTHING
from tests.integration.ward import WORK

pytestmark = pytest.mark.both_databases

GLUCOSE = "15074-8"
SYSTOLIC = "8480-6"
SEEDS = range(int(os.environ.get("CARELOOP_TAG_HISTORIES", "3")))
_RETAG = [one for one in REACTIONS if one.key in ("retag", "gather-late-rows")]


def latest(op: str, value: str, days: int) -> dict[str, Any]:
    leaf = {"code": GLUCOSE, "op": op, "value": value, "unit": "mmol/L", "within": f"P{days}D"}
    return {"latest": leaf}


# Every way in which time, data, other tags and other sources may come into it.
LIBRARY: list[tuple[str, dict[str, Any], list[tuple[dict[str, Any], str]]]] = [
    ("diabetes", {}, [({"condition": {"code": "E11"}}, "1")]),
    ("appendix", {}, [({"condition": {"code": "K35"}}, "1")]),
    ("chest", {"parent_key": "diabetes"}, [({"condition": {"code": "J45"}}, "1")]),
    ("high", {"exclusion_group": "sugar"}, [(latest(">=", "10", 20), "1")]),
    ("middle", {"exclusion_group": "sugar"}, [(latest(">=", "6", 30), "0.9")]),
    ("low-lately", {"expires_days": 9}, [
        ({"count": {"code": GLUCOSE, "op": "<", "value": "5", "unit": "mmol/L", "within": "P40D",
                    "at_least": 1}}, "1"),
    ]),
    ("rising", {}, [({"change": {"code": GLUCOSE, "unit": "mmol/L", "over": "P15D", "by": "3"}},
                     "1")]),
    ("no-pressure", {}, [({"not": {"measured": {"code": SYSTOLIC, "within": "P25D"}}}, "1")]),
    ("old", {}, [({"age": {"op": ">=", "years": 56}}, "1")]),
    ("needs-care", {}, [({"all": [{"tag": {"key": "diabetes"}}, {"tag": {"key": "high"}}]}, "1")]),
    ("wants-help", {}, [({"any": [{"tag": {"key": "needs-care"}},
                                  {"not": {"tag": {"key": "old"}}}]}, "1")]),
    ("maybe", {}, [(latest("<", "8", 10), "0.6"), (latest("<", "5", 10), "1")]),
    ("spoken", {"exclusion_group": "sugar"}, []),
]  # fmt: skip


def fill_library(session: Session) -> None:
    for key, more, rules in LIBRARY:
        session.add(
            Tag(
                key=key, name=key, tag_class="management", **more,
                rules=[
                    {"tag": key, "when": when, "confidence": sure, "source": "house"}
                    for when, sure in rules
                ],
            )
        )  # fmt: skip
    session.flush()


def settle(session: Session) -> None:
    settling.settle(session, WORK, _RETAG)


def differences(session: Session) -> list[tag_rebuild.Difference]:
    session.flush()
    found, after = [], 0
    while True:
        after, some = tag_rebuild.check(session, after, clock.now(), HOSPITAL, limit=5)
        found += some
        if not after:
            return found


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    hands = [NOON]
    monkeypatch.setattr(clock, "now", lambda: hands[0])
    return hands


class History:
    """Random deeds through the services that do them, each followed by what it sets off."""

    def __init__(self, session: Session, dice: random.Random, hands: list[datetime]) -> None:
        self.session, self.dice, self.hands = session, dice, hands
        nurse = factories.practitioner(session, f"nurse-{dice.random()}")
        self.actor = Actor("practitioner", nurse.id, "test")
        self.messages = list(EVERYTHING)
        dice.shuffle(self.messages)
        self.number = 0

    def step(self) -> str:
        deed = self.dice.choice(
            [self.told, self.told, self.told, self.measured, self.measured, self.time_passed,
             self.said, self.read, self.merged]
        )  # fmt: skip
        deed()
        self.session.flush()
        settle(self.session)
        return deed.__name__

    def told(self) -> None:
        """A hospital system speaks: a stay, a diagnosis, a result, its correction, a merge."""
        if self.messages:
            self.number += 1
            one = self.messages.pop()
            interpret_batch(
                self.session, [Kept(self.number, "hl7:his", self.hands[0], (one,))], self.hands[0]
            )

    def measured(self) -> None:
        if patient := self.somebody():
            is_glucose = self.dice.random() < 0.8
            code = VitalSign.GLUCOSE if is_glucose else VitalSign.SYSTOLIC_PRESSURE
            value = self.dice.choice(
                ["4.1", "5.5", "6.6", "9.4", "12.0"] if is_glucose else ["130"]
            )
            taken = self.hands[0] - timedelta(days=self.dice.choice([0, 0, 1, 8]))
            measurement = Measurement(
                UUID(int=self.dice.getrandbits(128)), code, Decimal(value), code.kind.unit, taken
            )
            record_measurement(self.session, patient.id, measurement, self.hands[0])

    def time_passed(self) -> None:
        self.hands[0] += self.dice.choice(
            [timedelta(hours=5), timedelta(days=3), timedelta(days=11), timedelta(days=45)]
        )
        while expire_tags(self.session, self.hands[0]):
            pass
        self.session.flush()
        settle(self.session)
        while wake_tags(self.session, self.hands[0], HOSPITAL):
            self.session.flush()

    def said(self) -> None:
        patient, key = self.somebody(), self.dice.choice([key for key, _, _ in LIBRARY])
        if patient is None:
            return
        words = [tag_words.give_tag, tag_words.take_tag, tag_words.unlock_tag, tag_words.undo_word]
        with suppress(tag_words.NothingToUndo):
            self.dice.choice(words)(self.session, patient.id, key, self.actor, self.hands[0])

    def read(self) -> None:
        """A reader of texts found something, or no longer does."""
        if patient := self.somebody():
            keys = self.dice.sample(["spoken", "diabetes", "maybe", "high"], self.dice.randrange(3))
            found = [
                FoundTag(key, Decimal(self.dice.choice(["0.5", "0.85", "0.95"])), TagSource.TEXT,
                         "text:test@1", "词")
                for key in keys
            ]  # fmt: skip
            judged = Judged(TagSource.TEXT) if self.dice.random() < 0.5 else None
            propose(self.session, patient.id, found, self.hands[0], judged=judged)

    def merged(self) -> None:
        """Two records are joined, or parted again."""
        links = self.session.scalars(
            select(RecordLink).filter_by(kind=RecordLinkKind.REPLACED_BY, is_live=True)
        ).all()
        days = (self.hands[0] - NOON) / timedelta(days=1) + 400 + self.number / 1000
        self.number += 1
        if links and self.dice.random() < 0.6:
            link = self.dice.choice(links)
            patient_index.unmerge(
                self.session, link, version=records.version(days), now=self.hands[0]
            )
            return
        people = self.session.scalars(select(Patient).filter_by(merged_into_id=None)).all()
        if len(people) > 1:
            survivor, retired = self.dice.sample(people, 2)
            with suppress(patient_index.MergeHeld):
                patient_index.merge(
                    self.session, survivor, retired, version=records.version(days),
                    now=self.hands[0], practitioner_id=self.actor.id,
                )  # fmt: skip

    def somebody(self) -> Patient | None:
        people = self.session.scalars(
            select(Patient).filter_by(merged_into_id=None).order_by(Patient.id)
        ).all()
        return self.dice.choice(people) if people else None


@pytest.mark.parametrize("seed", SEEDS)
def test_after_any_history_a_pass_over_all_patients_finds_nothing(
    session: Session, hands: list[datetime], seed: int
) -> None:
    dice = random.Random(seed)
    fill_library(session)
    for name in ("李演示", "王演示"):
        records.someone(session, name)
    history = History(session, dice, hands)
    run = tag_rebuild.begin(session, hands[0])
    while tag_rebuild.step(session, run, hands[0], HOSPITAL):
        pass
    settle(session)
    deeds = []

    for _ in range(40):
        deeds.append(history.step())

        assert differences(session) == [], f"after {deeds}"
        assert_words_stand(session)
    assert session.scalars(select(TagAssignment)).first() is not None
    assert session.scalars(select(TagWake)).first() is not None


def assert_words_stand(session: Session) -> None:
    """Of nobody who speaks for themselves is a person's word undone."""
    for word in session.scalars(select(TagDecision).filter_by(is_live=True)):
        if word.is_borne is None or head_id_of(session, word.patient_id) != word.patient_id:
            continue
        borne = session.scalar(
            select(TagAssignment.id).filter_by(
                patient_id=word.patient_id, tag_id=word.tag_id, is_live=True
            )
        )
        assert (borne is not None) == word.is_borne


def test_what_no_event_told_a_check_finds_and_a_pass_makes_right(
    session: Session, hands: list[datetime]
) -> None:
    fill_library(session)
    people = [records.someone(session, f"演示{n}", birth_date=None) for n in range(7)]
    records.condition(session, people[3], "E11.9", 0)
    records.tag(session, people[5], "high")

    found = {one.patient_id: one for one in differences(session)}
    assert {"diabetes", "wants-help"} <= set(found[people[3].id].to_give)
    assert found[people[5].id].to_end == ("high",)

    run = tag_rebuild.begin(session, hands[0])
    assert tag_rebuild.step(session, run, hands[0], HOSPITAL, limit=3) == 3
    assert run.finished_at is None
    # Stopped here; the next call goes on.
    again = tag_rebuild.begin(session, hands[0])
    assert again is run
    while tag_rebuild.step(session, again, hands[0], HOSPITAL, limit=3):
        pass

    assert (run.patients, run.changed) == (7, 7)
    assert differences(session) == []
    assert not tag_rebuild.is_due(session)


def test_a_change_of_the_rules_is_due_for_everybody_a_new_name_is_not(
    session: Session, hands: list[datetime]
) -> None:
    fill_library(session)
    run = tag_rebuild.begin(session, hands[0])
    assert tag_rebuild.is_due(session)
    tag_rebuild.step(session, run, hands[0], HOSPITAL)
    assert not tag_rebuild.is_due(session)
    tag = session.scalars(select(Tag).filter_by(key="high")).one()

    tag.name = "血糖偏高"
    assert not tag_rebuild.is_due(session)
    tag.rules = []

    assert tag_rebuild.is_due(session)


def test_a_retired_tag_is_taken_from_everybody_machines_gave_it_to(
    session: Session, hands: list[datetime]
) -> None:
    fill_library(session)
    people = [records.someone(session) for _ in range(5)]
    nurse = factories.practitioner(session, "nurse-chen")
    for one in people:
        records.tag(session, one, "spoken")
    tag_words.give_tag(session, people[0].id, "spoken", Actor("practitioner", nurse.id), hands[0])
    tag = session.scalars(select(Tag).filter_by(key="spoken")).one()
    tag.is_retired = True

    assert tag_sweeping.sweep_tags(session, hands[0], limit=3) == 3
    assert tag_sweeping.sweep_tags(session, hands[0], limit=3) == 1
    assert tag_sweeping.sweep_tags(session, hands[0]) == 0

    live = session.scalars(select(TagAssignment).filter_by(is_live=True)).all()
    assert [one.patient_id for one in live] == [people[0].id]
    assert len(session.scalars(select(TagAssignment)).all()) == 6  # the history stays


def test_the_verb_rebuilds_checks_and_tells(
    database: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CARELOOP_SECRET_KEYS", SECRET_KEYS)
    monkeypatch.setenv("CARELOOP_DATABASE_URL", database.url.render_as_string(False))
    with unit_of_work.begin() as session:
        fill_library(session)
        patient = records.someone(session, birth_date=None)
        records.condition(session, patient, "E11.9", 0)

    assert main(["tags", "rebuild", "--check"]) == 1
    assert "1 of 1 patients differ" in capsys.readouterr().err
    assert main(["tags", "rebuild"]) == 0
    assert "1 patients, 1 changed" in capsys.readouterr().out
    assert main(["tags", "rebuild", "--check"]) == 0
    with unit_of_work.begin() as session:
        assert session.scalars(select(TagProposal)).all() == []
        assert session.scalars(select(TagRebuild)).one().finished_at is not None
    unit_of_work.configure(bind=database)
