"""Two records of one person: joined, parted, and nothing lost on the way."""

import random
from decimal import Decimal
from itertools import permutations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.plans.enrolling import EndReason, HoldReason
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.plans.rules import Grade
from app.domain.trust.access import Relation
from app.models import (
    AlertStep,
    AuditEvent,
    CarePlan,
    CarePlanStatus,
    CarePlanStep,
    Event,
    Gender,
    MatchCandidate,
    Observation,
    ObservationStatus,
    Patient,
    RecordLink,
    RecordMove,
    StepKind,
)
from app.models.profile.patient_index import cluster_of, head_id_of, head_named, head_of
from app.services.intake import patient_index
from app.services.intake.patient_index import MergeHeld
from app.services.intake.patient_index.treatments import MOVES, STAYS
from tests import factories
from tests.conftest import NOON
from tests.integration import records
from tests.integration.records import at, version


def join(session: Session, survivor: Patient, retired: Patient, days: float = 10) -> RecordLink:
    return patient_index.merge(
        session, survivor, retired, version=version(days), now=at(days), inbound_id=1
    )


def part(session: Session, link: RecordLink, days: float = 20) -> patient_index.Parting:
    return patient_index.unmerge(session, link, version=version(days), now=at(days))


def test_every_pointer_to_a_patient_has_a_treatment() -> None:
    moves = {f"{table}.{treatment.owner}" for table, treatment in MOVES.items()}

    assert records.pointers_to_patients() == moves | set(STAYS)


def test_after_a_merge_the_head_has_all_and_the_retired_record_its_numbers(
    session: Session,
) -> None:
    survivor, retired = records.someone(session), records.someone(session)
    stay = factories.encounter(session, retired)
    value = records.result(session, retired, "O1", "4.1", 1)

    link = join(session, survivor, retired)

    assert link.is_live
    assert retired.merged_into_id == survivor.id
    assert (stay.patient_id, value.patient_id) == (survivor.id, survivor.id)
    assert head_of(session, retired).id == survivor.id
    assert cluster_of(session, survivor.id) == sorted([survivor.id, retired.id])
    told = session.scalars(select(Event).filter_by(kind="patient.merged")).one()
    assert (told.patient_id, told.payload) == (survivor.id, {"other_id": retired.id})
    trail = session.scalars(select(AuditEvent).filter_by(action="merge")).one()
    assert trail.patient_id == survivor.id
    assert trail.detail["retired_id"] == retired.id


def test_a_retired_public_id_names_the_head(session: Session) -> None:
    first, second, third = (records.someone(session) for _ in range(3))
    join(session, second, first)
    join(session, third, second)

    for one in (first, second, third):
        assert session.scalar(select(head_named(one.public_id))) == third.id
    assert session.scalar(select(head_named("nobody"))) is None


@pytest.mark.parametrize("seed", range(12))
def test_what_a_merge_did_an_unmerge_undoes_to_the_last_row(session: Session, seed: int) -> None:
    dice = random.Random(seed)
    team = factories.care_team(session)
    survivor, retired = records.someone(session), records.someone(session)
    for one in (survivor, retired):
        records.random_care(session, dice, one, team)
    before = records.photograph(session)

    link = join(session, survivor, retired)
    merged = records.photograph(session)
    parting = part(session, link)

    assert merged != before
    assert parting.is_done
    assert not parting.left
    assert records.photograph(session) == before
    assert session.scalars(select(RecordMove)).all() == []


@pytest.mark.parametrize("seed", range(12))
def test_any_order_of_merges_and_unmerges_ends_where_its_own_words_would(
    session: Session, seed: int
) -> None:
    """Four records, a chain and a branch; then one merge is undone: the rest stays as it was."""
    dice = random.Random(seed)
    team = factories.care_team(session)
    people = [records.someone(session) for _ in range(4)]
    for one in people:
        records.random_care(session, dice, one, team)
    first, second, third, fourth = people
    pairs = [(second, first), (third, second), (third, fourth)]
    dice.shuffle(pairs)
    undone = dice.randrange(3)

    # As if the undone merge had never been.
    savepoint = session.begin_nested()
    for survivor, retired in pairs[:undone] + pairs[undone + 1 :]:
        join(session, survivor, retired)
    expected = records.photograph(session)
    savepoint.rollback()
    session.expire_all()

    links = [join(session, survivor, retired) for survivor, retired in pairs]
    part(session, links[undone])

    assert _without_made_ids(records.photograph(session)) == _without_made_ids(expected)


def _without_made_ids(photograph: dict) -> dict:
    """Steps that merges write get new ids when a merge is done again."""
    made = {}
    for table, of in (("alert_step", "alert_id"), ("care_plan_step", "care_plan_id")):
        steps = photograph.get(table, {}).values()
        made[table] = sorted((step[of], step["kind"], step["at"]) for step in steps)
    return {**photograph, **made}


def test_a_chain_ends_alike_in_both_orders(session: Session) -> None:
    for order in permutations(range(2)):
        first, second, third = (records.someone(session) for _ in range(3))
        value = records.result(session, first, "O1", "4.1", 1)
        words = [(second, first, 10), (third, second, 11)]

        for place in order:
            join(session, *words[place])

        assert value.patient_id == third.id
        assert first.merged_into_id == second.id
        assert head_id_of(session, first.id) == third.id


def test_unmerging_the_middle_of_a_chain_keeps_the_rest(session: Session) -> None:
    first, second, third = (records.someone(session) for _ in range(3))
    one, two, three = (
        records.result(session, who, f"O{who.id}", "4.1", 1) for who in (first, second, third)
    )
    upper = join(session, third, second)
    lower = join(session, second, first)

    part(session, upper)

    assert [value.patient_id for value in (one, two, three)] == [second.id, second.id, third.id]
    part(session, lower)
    assert [value.patient_id for value in (one, two, three)] == [first.id, second.id, third.id]


def test_what_came_later_under_the_retired_number_goes_back_with_it(session: Session) -> None:
    first, second, third = (records.someone(session) for _ in range(3))
    links = [join(session, second, first), join(session, third, second)]
    late = records.result(session, third, "O1", "4.1", 12)
    own = records.result(session, third, "O2", "4.2", 12)

    patient_index.note_arrival(session, first, third, [late])
    patient_index.note_arrival(session, first, third, [late])
    part(session, links[0])

    assert (late.patient_id, own.patient_id) == (first.id, third.id)


def test_a_merge_older_than_the_unmerge_of_the_pair_does_nothing(session: Session) -> None:
    survivor, retired = records.someone(session), records.someone(session)
    part(session, join(session, survivor, retired, 10), 20)

    for days in (10, 15):
        assert not join(session, survivor, retired, days).is_live
    assert retired.merged_into_id is None
    assert join(session, survivor, retired, 21).is_live


def test_a_merge_that_comes_after_its_own_unlinking_does_nothing(session: Session) -> None:
    survivor, retired = records.someone(session), records.someone(session)

    patient_index.unlink_records(session, retired, survivor, version=version(20), now=at(20))
    link = join(session, survivor, retired, 10)

    assert not link.is_live
    assert retired.merged_into_id is None


def test_an_unlinking_undoes_a_merge_whichever_record_it_names_first(session: Session) -> None:
    for is_turned in (False, True):
        pair = [records.someone(session), records.someone(session)]
        join(session, *pair)

        named = pair[::-1] if is_turned else pair
        patient_index.unlink_records(session, *named, version=version(20), now=at(20))

        assert pair[1].merged_into_id is None


def test_a_link_is_remembered_and_moves_nothing(session: Session) -> None:
    one, other = records.someone(session), records.someone(session)
    value = records.result(session, other, "O1", "4.1", 1)

    link = patient_index.link_records(session, other, one, version=version(1), now=NOON)
    patient_index.unlink_records(session, one, other, version=version(2), now=NOON)

    assert (link.patient_id, link.other_id, link.is_live) == (one.id, other.id, False)
    assert value.patient_id == other.id


def test_a_merge_of_a_record_with_itself_is_held(session: Session) -> None:
    one = records.someone(session)

    with pytest.raises(MergeHeld, match="self-merge"):
        join(session, one, one)


def test_the_inverse_of_a_merge_is_held_also_through_a_third(session: Session) -> None:
    first, second, third = (records.someone(session) for _ in range(3))
    join(session, second, first)
    join(session, third, second)

    for survivor, retired in ((first, second), (first, third), (second, third)):
        with pytest.raises(MergeHeld, match="merge-inverse"):
            join(session, survivor, retired, 11)


def test_a_record_that_went_to_somebody_else_is_held(session: Session) -> None:
    first, second, third = (records.someone(session) for _ in range(3))
    join(session, second, first)

    with pytest.raises(MergeHeld, match="merge-elsewhere"):
        join(session, third, first, 11)


def test_two_records_on_different_phones_wait_for_a_person(session: Session) -> None:
    survivor, retired = records.someone(session), records.someone(session)
    records.link(session, survivor, records.account(session, "A"))
    theirs = records.link(session, retired, records.account(session, "B"))

    with pytest.raises(MergeHeld, match="merge-both-bound"):
        join(session, survivor, retired)
    assert theirs.patient_id == retired.id
    nurse = factories.practitioner(session)
    patient_index.merge(
        session, survivor, retired, version=version(11), now=at(11), practitioner_id=nurse.id
    )

    assert theirs.patient_id == survivor.id


def test_one_person_with_two_apps_is_no_doubt(session: Session) -> None:
    survivor, retired = records.someone(session), records.someone(session)
    records.link(session, survivor, records.account(session, "A", unionid="uOne"))
    records.link(session, retired, records.account(session, "B", unionid="uOne"))

    assert join(session, survivor, retired).is_live


def test_of_two_links_of_one_account_the_closer_relation_stays(session: Session) -> None:
    survivor, retired = records.someone(session), records.someone(session)
    who = records.account(session, "A")
    ours = records.link(session, survivor, who, Relation.CHILD)
    theirs = records.link(session, retired, who, Relation.SELF)

    merged = join(session, survivor, retired)

    assert (ours.is_live, ours.ends_at) == (None, at(10))
    assert (theirs.is_live, theirs.patient_id) == (True, survivor.id)
    part(session, merged)
    assert (ours.is_live, ours.ends_at) == (True, None)


def test_a_link_that_its_user_has_ended_since_is_not_restored(session: Session) -> None:
    survivor, retired = records.someone(session), records.someone(session)
    who = records.account(session, "A")
    ours = records.link(session, survivor, who)
    theirs = records.link(session, retired, who)
    merged = join(session, survivor, retired)
    ours.is_live = None

    parting = part(session, merged)

    assert theirs.is_live is None
    assert parting.left["patient_link"] == 1


@pytest.mark.parametrize("is_no_first", [True, False])
@pytest.mark.parametrize("is_no_ours", [True, False])
def test_a_withdrawn_consent_stays_withdrawn(
    session: Session, is_no_first: bool, is_no_ours: bool
) -> None:
    survivor, retired = records.someone(session), records.someone(session)
    who = records.account(session, "A")
    refused, agreed = (survivor, retired) if is_no_ours else (retired, survivor)
    words = [(refused, False), (agreed, True)]
    for patient, is_given in words if is_no_first else words[::-1]:
        records.consent(session, patient, who, is_given)
    before = records.photograph(session)

    link = join(session, survivor, retired)

    said = records.owners(session, "consent")
    last = max(row for row, owner in said.items() if owner == survivor.id)
    assert not records.photograph(session)["consent"][last]["is_given"]
    part(session, link)
    assert records.photograph(session) == before


def test_two_runs_of_one_plan_become_one(session: Session) -> None:
    team = factories.care_team(session)
    survivor, retired = records.someone(session), records.someone(session)
    kept = factories.care_plan(session, survivor, team)
    other = factories.care_plan(
        session, retired, team,
        status=CarePlanStatus.ON_HOLD, hold_reason=HoldReason.TRAVEL, hold_ends_on=at(30).date(),
    )  # fmt: skip
    pending = factories.task(session, retired, other)
    done = factories.task(session, retired, other, status=TaskStatus.COMPLETED)
    before = records.photograph(session)

    link = join(session, survivor, retired)

    step = session.scalars(select(CarePlanStep)).one()
    assert (step.care_plan_id, step.kind, step.reason, step.at) == (
        other.id, StepKind.ENDED, EndReason.MERGED, at(10),
    )  # fmt: skip
    assert step.detail == {"goes_on": kept.public_id}
    assert (other.end_reason, other.hold_ends_on) == (EndReason.MERGED, None)
    assert (kept.is_open, kept.status) == (True, "active")
    assert (other.is_open, other.status, other.patient_id) == (None, "revoked", survivor.id)
    assert (pending.status, done.status) == (TaskStatus.CANCELLED, TaskStatus.COMPLETED)
    part(session, link)
    assert records.photograph(session) == before


@pytest.mark.parametrize("is_ours_worse", [True, False])
def test_of_two_alerts_of_one_episode_the_worse_stays_open(
    session: Session, is_ours_worse: bool
) -> None:
    team = factories.care_team(session)
    survivor, retired = records.someone(session), records.someone(session)
    grades = [Grade.SEVERE, Grade.MILD] if is_ours_worse else [Grade.MILD, Grade.SEVERE]
    ours, theirs = (
        factories.alert(session, who, team, episode="low", grade=grade)
        for who, grade in zip((survivor, retired), grades, strict=True)
    )

    join(session, survivor, retired)

    opened, closed = (ours, theirs) if is_ours_worse else (theirs, ours)
    assert (opened.is_open, opened.patient_id) == (True, survivor.id)
    assert closed.is_open is None
    steps = session.scalars(select(AlertStep.kind).filter_by(alert_id=closed.id)).all()
    assert steps == ["opened", "merged"]


@pytest.mark.parametrize("is_correction_first", [True, False])
def test_a_correction_under_the_other_number_replaces_the_result(
    session: Session, is_correction_first: bool
) -> None:
    survivor, retired = records.someone(session), records.someone(session)
    told = {
        "old": lambda: records.result(session, retired, "O1", "6.9", 1),
        "new": lambda: records.result(
            session, survivor, "O1", "4.9", 2, status=ObservationStatus.CORRECTED
        ),
    }
    came = {name: told[name]() for name in sorted(told, reverse=not is_correction_first)}
    old, new = came["old"], came["new"]

    join(session, survivor, retired)

    assert (old.is_current, old.patient_id) == (None, survivor.id)
    assert new.is_current is True
    event = session.scalars(select(Event).filter_by(kind="observation.corrected")).one()
    assert event.payload == {"observation_id": new.id, "supersedes_id": old.id}


def test_a_result_told_under_both_numbers_counts_once(session: Session) -> None:
    survivor, retired = records.someone(session), records.someone(session)
    for who in (survivor, retired):
        records.result(session, who, "O1", "4.1", 1)

    join(session, survivor, retired)

    assert len(session.scalars(select(Observation).filter_by(patient_id=survivor.id)).all()) == 1


@pytest.mark.parametrize("is_theirs_newer", [True, False])
def test_of_one_report_under_both_numbers_the_newer_stands_with_its_results(
    session: Session, is_theirs_newer: bool
) -> None:
    survivor, retired = records.someone(session), records.someone(session)
    ours = records.report(session, survivor, "R1", 1)
    theirs = records.report(session, retired, "R1", 2 if is_theirs_newer else 0)
    values = [
        records.result(session, survivor, "O1", "4.1", 1, report_id=ours.id),
        records.result(session, retired, "O2", "4.2", 1, report_id=theirs.id),
    ]
    before = records.photograph(session)

    link = join(session, survivor, retired)

    stands = theirs if is_theirs_newer else ours
    assert stands.patient_id == survivor.id
    assert [value.report_id for value in values] == [stands.id, stands.id]
    part(session, link)
    assert records.photograph(session) == before


@pytest.mark.parametrize("is_theirs_newer", [True, False])
def test_a_prescription_told_in_parts_under_two_numbers_reads_as_one(
    session: Session, is_theirs_newer: bool
) -> None:
    """A dispensing does not repeat the dosage: whichever came under which number."""
    survivor, retired = records.someone(session), records.someone(session)
    ordered, dispensed = (survivor, retired) if is_theirs_newer else (retired, survivor)
    order = records.prescription(session, ordered, 1, dosage="每日一次", quantity=Decimal("7.5"))
    dispensing = records.prescription(session, dispensed, 2, dispensed_at=at(2))
    before = records.photograph(session)

    link = join(session, survivor, retired)

    assert dispensing.patient_id == survivor.id
    assert (dispensing.dosage, dispensing.quantity) == ("每日一次", Decimal("7.5"))
    assert dispensing.dispensed_at == at(2)
    assert dispensing.stamps["dosage"] == version(1)
    assert order.patient_id == retired.id
    part(session, link)
    assert records.photograph(session) == before


def test_a_row_that_has_gone_to_somebody_else_is_left_and_counted(session: Session) -> None:
    survivor, retired, third = (records.someone(session) for _ in range(3))
    stay = factories.encounter(session, retired)
    link = join(session, survivor, retired)
    stay.patient_id = third.id

    parting = part(session, link)

    assert stay.patient_id == third.id
    assert parting.left == {"encounter": 1}


def test_tasks_that_a_plan_made_after_the_merge_go_back_with_it(session: Session) -> None:
    team = factories.care_team(session)
    survivor, retired = records.someone(session), records.someone(session)
    plan = factories.care_plan(session, retired, team)
    link = join(session, survivor, retired)
    made = factories.task(session, survivor, session.get_one(CarePlan, plan.id))

    part(session, link)

    assert (plan.patient_id, made.patient_id) == (retired.id, retired.id)


def test_the_head_shows_what_only_its_retired_record_says_and_forgets_it_again(
    session: Session,
) -> None:
    survivor = records.someone(session, phone=None, gender=Gender.UNKNOWN)
    survivor.stamps = {"name": version(0), "gender": version(0)}
    retired = records.someone(session, name="李旧名", phone="13900005678", gender=Gender.MALE)

    link = join(session, survivor, retired)

    assert (survivor.name, survivor.phone) == ("李测试", "13900005678")
    assert survivor.gender is Gender.UNKNOWN  # stated so
    assert "phone" not in survivor.stamps
    retired.phone = "13900009999"
    retired.stamps = {**retired.stamps, "phone": version(12)}
    patient_index.refresh(session, survivor, at(12))
    assert survivor.phone == "13900009999"
    part(session, link)
    assert (survivor.phone, survivor.borrowed) == (None, [])
    assert retired.phone == "13900009999"


def test_rows_that_reach_a_retired_record_late_are_gathered(session: Session) -> None:
    first, second, third = (records.someone(session) for _ in range(3))
    links = [join(session, second, first), join(session, third, second)]
    late = records.result(session, first, "O1", "4.1", 12)

    head = patient_index.gather(session, first.id, at(12))

    assert (head, late.patient_id) == (third.id, third.id)
    part(session, links[1])
    assert late.patient_id == second.id
    part(session, links[0])
    assert late.patient_id == first.id


def test_a_visit_moves_with_all_that_hangs_on_it_and_back(session: Session) -> None:
    team = factories.care_team(session)
    wrong, right = records.someone(session), records.someone(session)
    stay = factories.encounter(session, wrong)
    plan = factories.care_plan(session, wrong, team, encounter_id=stay.id)
    kept = records.report(session, wrong, "R1", 1)
    kept.encounter_id = stay.id
    values = [
        records.result(session, wrong, "O1", "4.0", 1, is_current=None, encounter_id=stay.id),
        records.result(session, wrong, "O1", "4.1", 2, report_id=kept.id),
    ]
    other = records.result(session, wrong, "O9", "4.9", 1)

    assert patient_index.move_visit(session, stay, right, version=version(3), now=at(3))
    assert not patient_index.move_visit(session, stay, wrong, version=version(2), now=at(3))

    moved = [stay.patient_id, kept.patient_id, *(value.patient_id for value in values)]
    assert moved == [right.id] * 4
    assert [value.is_current for value in values] == [None, True]
    assert other.patient_id == wrong.id
    assert (plan.patient_id, plan.is_open) == (wrong.id, None)
    assert patient_index.move_visit(session, stay, wrong, version=version(4), now=at(4))
    assert [stay.patient_id, values[1].patient_id] == [wrong.id, wrong.id]


def test_no_candidate_is_made_by_a_merge(session: Session) -> None:
    join(session, records.someone(session), records.someone(session))

    assert session.scalars(select(MatchCandidate)).all() == []
