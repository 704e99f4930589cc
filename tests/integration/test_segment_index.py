"""The index answers as the database does, whatever is asked of whatever hospital."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from pyroaring import BitMap
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.criteria.comparing import Comparator
from app.domain.criteria.population import InDepartment, LivesIn, Reach, Reachable
from app.domain.criteria.tree import ActiveCondition, Age, All, Any, Criterion, HasTag, Not
from app.domain.intake.hospital_records import Coded, ConditionRecord, ConditionStatus
from app.domain.outreach.platform_events import Inbound, PlatformMessage
from app.domain.trust.access import Relation
from app.models import (
    Condition,
    Event,
    Gender,
    Patient,
    PatientLink,
    Preference,
    RecordLink,
    RiskAssessment,
    Tag,
    TagAssignment,
    WeChatAccount,
)
from app.models.profile.tag import TagSource
from app.models.profile.tag_tree import tag_tree
from app.models.segments.criteria_sql import matching
from app.models.segments.index import packing
from app.models.segments.index.bitmaps import SegmentIndex
from app.models.segments.index.build import build
from app.models.segments.index.checking import differences
from app.models.segments.index.evaluating import count, evaluate
from app.models.segments.index.live import ask_database
from app.models.segments.index.packing import PatientIdTooLarge
from app.models.segments.index.tail import refresh
from app.services.intake import patient_index
from app.services.outreach import receipts
from app.services.plans import enrolment
from app.services.profile.tags import tagging
from app.services.trust.binding import end_link
from app.services.trust.wechat_sign_in import keep_account
from jobs.platform_events import _followed
from tests import factories
from tests.conftest import NOON
from tests.integration.random_population import KNOWN, populate, random_tree
from tests.integration.test_intake_convergence import EVERYTHING, on, shuffled, take, whole

pytestmark = pytest.mark.both_databases

TODAY = NOON.astimezone(HOSPITAL).date()


def bear(session: Session, patient_id: int, key: str, until: datetime | None = None) -> None:
    """Give a patient a tag as services do: the row, and the event in the same transaction."""
    tag_id = session.scalars(select(Tag.id).filter_by(key=key)).one()
    row = TagAssignment(
        patient_id=patient_id, tag_id=tag_id, source=TagSource.RULE, starts_at=NOON,
        expires_at=until,
    )  # fmt: skip
    session.add_all([row, Event.of("tag.assigned", NOON, patient_id=patient_id, tag=key)])


def by_index(
    session: Session, index: SegmentIndex, criterion: Criterion, now: datetime = NOON
) -> list[int]:
    """Return whom the index means; the count must be of the same people."""
    asked = ask_database(HOSPITAL)
    day = now.astimezone(HOSPITAL).date()
    found = evaluate(index, criterion, day, lambda leaf: asked(session, leaf, now))
    assert count(index, criterion, day, lambda leaf: asked(session, leaf, now)) == len(found)
    return list(found)


def by_sql(session: Session, criterion: Criterion, now: datetime = NOON) -> list[int]:
    query = matching(criterion, now, HOSPITAL, tag_tree(session))
    return sorted(session.scalars(query))


def assert_same_answers(
    session: Session, index: SegmentIndex, random: Random, trees: int, now: datetime = NOON
) -> None:
    for _ in range(trees):
        tree = random_tree(random)
        assert by_index(session, index, tree, now) == by_sql(session, tree, now), tree


def assert_true(session: Session, index: SegmentIndex, day: date = TODAY) -> None:
    """The index has nothing that the database has not, and the other way round."""
    assert differences(session, index, day) == []


# ----------------------------------------------------------------------------- whatever is asked


@pytest.mark.parametrize("seed", range(2))
def test_any_tree_is_answered_as_the_database_answers_it(session: Session, seed: int) -> None:
    random = Random(seed)
    populate(session, random, NOON, 60)

    index = build(session, block=7)

    assert_same_answers(session, index, random, 80)


def test_the_answer_is_the_callers_own(session: Session) -> None:
    populate(session, Random(1), NOON, 30)
    index = build(session)
    before = by_index(session, index, HasTag("diabetes"))

    for tree in (HasTag("type-2"), HasTag("diabetes"), Not(HasTag("unused")), Any(()), All(())):
        found = evaluate(index, tree, TODAY, lambda _: BitMap())
        found.clear()

    assert before
    assert by_index(session, index, HasTag("diabetes")) == before
    assert_true(session, index)


def test_blanks_at_the_end_of_a_name_are_part_of_it(session: Session) -> None:
    plain = factories.patient(session, department_code="endo", region="宁波")
    odd = factories.patient(session, department_code="endo ", region="宁波 ")
    index = build(session)

    for tree, expected in (
        (InDepartment("endo"), [plain.id]),
        (InDepartment("endo "), [odd.id]),
        (LivesIn("宁波"), [plain.id, odd.id]),
    ):
        assert by_index(session, index, tree) == by_sql(session, tree) == expected


def test_nobody_grows_older_before_midnight_and_everybody_in_time(session: Session) -> None:
    random = Random(3)
    populate(session, random, NOON, 80)
    index = build(session)
    bands = [Age(op, years) for op in Comparator for years in (0, 1, 17, 18, 64, 65, 66, 130)]
    # The hospital's midnight, the next day, a leap day and the day after, a jump back.
    midnight = datetime(2026, 5, 4, 16, tzinfo=UTC)
    for now in (
        midnight - timedelta(microseconds=1),
        midnight,
        NOON + timedelta(days=1),
        datetime(2028, 2, 28, 12, tzinfo=UTC),
        datetime(2028, 2, 29, 12, tzinfo=UTC),
        datetime(2029, 2, 28, 12, tzinfo=UTC),
        datetime(2029, 3, 1, 12, tzinfo=UTC),
        NOON,
    ):
        for tree in [*bands, All((bands[0], Not(bands[9]))), All((bands[3], bands[20]))]:
            assert by_index(session, index, tree, now) == by_sql(session, tree, now), (now, tree)


def test_an_id_past_32_bits_is_refused_and_not_cut(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = factories.patient(session)
    # A real one would leave the counter of ids there, whatever is rolled back.
    monkeypatch.setattr(packing, "LAST_ID", last.id)
    index = build(session)
    assert by_index(session, index, All(())) == [last.id]

    late = factories.patient(session)
    session.add(Event.of("patient.registered", NOON, patient_id=late.id))

    with pytest.raises(PatientIdTooLarge):
        refresh(session, index)
    with pytest.raises(PatientIdTooLarge):
        build(session)


# ----------------------------------------------------------------------------- following events


class Hospital:
    """Does what services do to a random patient; the index must hear of each deed."""

    def __init__(self, session: Session, random: Random, ids: list[int]) -> None:
        self.session, self.random, self.ids = session, random, ids
        self.now = NOON
        self.version = 0
        self.deeds = (
            self.tag, self.expire, self.rest, self.merge, self.part, self.die, self.assess,
            self.prefer, self.diagnose, self.move_tag,
        )  # fmt: skip

    def act(self) -> None:
        self.now += timedelta(minutes=1)
        self.random.choice(self.deeds)()
        self.session.flush()

    def _one(self) -> int:
        return self.random.choice(self.ids)

    def tag(self) -> None:
        key = self.random.choice([key for key, _ in KNOWN.tags])
        until = self.now + timedelta(minutes=self.random.choice((2, 99)))
        who = self._one()
        kept = (
            select(TagAssignment.id)
            .join(Tag)
            .where(Tag.key == key, TagAssignment.patient_id == who, TagAssignment.is_live.is_(True))
        )
        if self.session.scalar(kept) is None:
            bear(self.session, who, key, until)

    def expire(self) -> None:
        tagging.expire_tags(self.session, self.now)

    def rest(self) -> None:
        enrolment.rest_while_admitted(self.session, self._one(), self.now)

    def merge(self) -> None:
        survivor, retired = (self.session.get_one(Patient, self._one()) for _ in range(2))
        self.version += 1
        try:
            with self.session.begin_nested():
                patient_index.merge(
                    self.session, survivor, retired, version=f"{self.version:05}", now=self.now,
                    practitioner_id=None,
                )  # fmt: skip
        except (patient_index.MergeHeld, IntegrityError):
            pass  # not to be merged, or both have what one has once

    def part(self) -> None:
        links = self.session.scalars(select(RecordLink).filter_by(is_live=True)).all()
        if links:
            self.version += 1
            patient_index.unmerge(
                self.session, self.random.choice(links), version=f"{self.version:05}", now=self.now
            )

    def die(self) -> None:
        patient = self.session.get_one(Patient, self._one())
        patient.deceased_at = self.random.choice((None, self.now))
        patient.gender = self.random.choice(list(Gender))
        patient.birth_date = self.random.choice((None, date(1960, 5, 5), date(1960, 5, 4)))
        self.session.add(Event.of("patient.updated", self.now, patient_id=patient.id))

    def assess(self) -> None:
        score, band = self.random.choice(KNOWN.scores)
        self.session.query(RiskAssessment).filter_by(
            patient_id=(who := self._one()), score=score, is_current=True
        ).update({"band": band})
        self.session.add(Event.of("risk.assessed", self.now, patient_id=who))

    def prefer(self) -> None:
        who = self._one()
        rows = self.session.scalars(select(Preference).filter_by(patient_id=who)).all()
        for row in rows:
            row.is_denied = not row.is_denied
        self.session.add(Event.of("preference.changed", self.now, patient_id=who))

    def diagnose(self) -> None:
        who = self._one()
        rows = self.session.scalars(select(Condition).filter_by(patient_id=who)).all()
        for row in rows:
            row.is_active = not row.is_active
        self.session.add(Event.of("condition.withdrawn", self.now, patient_id=who))

    def move_tag(self) -> None:
        """Put a tag elsewhere in the tree: nobody's assignments change, only what they mean."""
        tag = self.random.choice(self.session.scalars(select(Tag)).all())
        tag.parent_key = self.random.choice((None, "diabetes", "frail"))


@pytest.mark.parametrize("seed", range(3))
def test_after_any_deeds_the_index_says_what_the_database_says(session: Session, seed: int) -> None:
    random = Random(seed)
    hospital = Hospital(session, random, populate(session, random, NOON, 40))
    index = build(session)
    assert_same_answers(session, index, random, 10)  # unions are kept from here on
    for _ in range(12):
        for _ in range(random.randint(1, 4)):
            hospital.act()
        refresh(session, index)
        assert_same_answers(session, index, random, 6)
    assert_true(session, index)
    assert index.changed > 0


@pytest.mark.parametrize("seed", range(2))
def test_whatever_hospital_systems_send_the_index_hears_of_it(session: Session, seed: int) -> None:
    index = build(session)
    messages = shuffled(EVERYTHING, seed)
    for start in range(0, len(messages), 5):
        take(session, messages[start : start + 5], most=1 + seed)
        refresh(session, index)
        assert_true(session, index)
    assert len(index.base) > 1


# ----------------------------------------------------------------------------- who can be reached


def test_whoever_follows_leaves_or_is_unbound_is_reached_so(session: Session) -> None:
    patient = factories.patient(session, phone=None)
    account_id = keep_account(session, "program", LoggedIn("o1"), NOON)
    index = build(session)

    def reached() -> list[str]:
        refresh(session, index)
        assert_true(session, index)
        return [way for way in Reach if by_index(session, index, Reachable(way)) == [patient.id]]

    assert reached() == []
    session.add(
        PatientLink(
            account_id=account_id, patient_id=patient.id, relation=Relation.SELF,
            evidence="desk-code", starts_at=NOON,
        )
    )  # fmt: skip
    session.add(Event.of("person.linked", NOON, patient_id=patient.id))
    assert reached() == [Reach.MINI_PROGRAM]

    push(session, "subscribe", minutes=1)
    assert reached() == [Reach.MINI_PROGRAM]
    follower = session.scalars(select(WeChatAccount).filter_by(app_key="official")).one()
    follower.unionid = "u1"
    session.add(Event.of("account.named", NOON, account_id=follower.id))
    assert reached() == [Reach.MINI_PROGRAM]
    # Only now the same person is known in both.
    keep_account(session, "program", LoggedIn("o1", "u1"), NOON)
    assert reached() == [Reach.MINI_PROGRAM, Reach.OFFICIAL_ACCOUNT]

    push(session, "unsubscribe", minutes=2)
    assert reached() == [Reach.MINI_PROGRAM]
    push(session, "subscribe", minutes=3)
    assert reached() == [Reach.MINI_PROGRAM, Reach.OFFICIAL_ACCOUNT]

    end_link(session, account_id, patient.id, NOON)
    assert reached() == []


@dataclass(frozen=True)
class LoggedIn:
    openid: str
    unionid: str | None = None
    session_key: str | None = None


def push(session: Session, kind: str, minutes: int) -> None:
    """Let the platform tell of a follower, as it arrives at the clock's inbox."""
    told = PlatformMessage(
        kind=kind, sender="of1", created_at=NOON + timedelta(minutes=minutes), fields={}
    )
    receipts.follow(_followed)(session, Inbound("official", told, NOON), NOON)
    session.flush()


def test_what_reached_a_retired_record_late_counts_for_its_head(session: Session) -> None:
    """Somebody had the record open while it was merged; a reaction brings the row over later."""
    head, retired = factories.patient(session), factories.patient(session)
    session.add(Tag(key="frail", name="衰弱", tag_class="risk"))
    session.flush()
    index = build(session)
    patient_index.merge(session, head, retired, version="1", now=NOON)
    bear(session, retired.id, "frail")
    refresh(session, index)
    assert by_index(session, index, HasTag("frail")) == []

    patient_index.gather(session, retired.id, NOON)
    refresh(session, index)

    assert by_index(session, index, HasTag("frail")) == [head.id]
    told = select(Event).filter_by(kind="patient.gathered")
    assert session.scalars(told).one().patient_id == head.id
    patient_index.gather(session, retired.id, NOON)
    assert len(session.scalars(told).all()) == 1  # nothing came, nothing is told


def test_what_is_told_of_a_retired_record_shows_on_the_one_that_speaks_for_it(
    session: Session,
) -> None:
    head = factories.patient(session, department_code=None)
    retired = factories.patient(session, department_code="endo")
    patient_index.merge(session, head, retired, version="1", now=NOON)
    index = build(session)
    assert by_index(session, index, InDepartment("endo")) == [head.id]

    retired.department_code = "cardio"
    session.add(Event.of("patient.updated", NOON, patient_id=retired.id))
    patient_index.refresh(session, head, NOON)
    refresh(session, index)

    assert by_index(session, index, InDepartment("cardio")) == [head.id]
    assert_true(session, index)


def test_a_diagnosis_that_gets_its_standard_code_is_found_by_it(session: Session) -> None:
    local = ConditionRecord(
        Coded("DM2", "糖尿病", "L"), ConditionStatus.ACTIVE, False, recorded_at=on(4), visit=None
    )
    meant = replace(local, standard_code=Coded("E11.9", "2型糖尿病", "ICD10"))
    index = build(session)
    take(session, [whole(on(4), conditions=(local,))])
    refresh(session, index)
    assert by_index(session, index, ActiveCondition("DM2")) != []

    take(session, [whole(on(5), conditions=(meant,))])
    refresh(session, index)

    assert by_index(session, index, ActiveCondition("DM2")) == []
    assert by_index(session, index, ActiveCondition("E11")) != []
    assert_true(session, index)
