"""A pack is written by one, signed by another, comes on its day; running plans follow."""

import copy
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.definitions import InvalidDefinition
from app.domain.plans.changes import Change
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.trust.access import Actor
from app.integrations.pack_files import read_text, write_text
from app.models import (
    AuditEvent,
    CarePlan,
    CarePlanStep,
    MigrationStatus,
    Pack,
    PackDraft,
    PlanDefinition,
    StepKind,
    Task,
)
from app.models.plans.knowledge import knowledge
from app.services.plans import pack_drafts, plan_changes, plan_expansion, plan_moving
from app.services.plans.enrolment import proposals
from app.services.plans.pack_drafts import (
    BaseReplaced,
    DraftChanged,
    NothingChanged,
    OwnDraft,
    Signed,
)
from app.services.plans.plan_changes import Told
from app.services.plans.plan_library import install_pack
from jobs import chores
from tests import factories, settling
from tests.conftest import NOON
from tests.integration.ward import WORK, Ward, build

PACK = "t2dm-after-discharge"
TODAY = NOON.astimezone(HOSPITAL).date()
DAY = timedelta(days=1)


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    found = [NOON]
    monkeypatch.setattr(clock, "now", lambda: found[0])
    return found


def nurse(who: Ward) -> Actor:
    return Actor("practitioner", who.nurse.id, "test")


def doctor(who: Ward) -> Actor:
    return Actor("practitioner", who.doctor.id, "test")


def edited(content: Any) -> dict[str, Any]:
    """The pack with its fasting glucose at half past five, without the diet, with a new call."""
    told = copy.deepcopy(dict(content))
    actions = told["plans"][0]["actions"]
    by_key = {one["key"]: one for one in actions}
    by_key["glucose-fasting"]["timing"]["at"] = "05:30"
    actions.remove(by_key["article-diet"])
    actions.append(
        {"key": "call-day-10", "kind": "staff-task", "title": "第10天电话",
         "timing": {"start": "P10D", "at": "09:00", "due_after": "PT8H", "expires_after": "P2D"}}
    )  # fmt: skip
    return told


def written(session: Session, who: Ward, **more: str) -> PackDraft:
    draft = pack_drafts.begin_draft(session, PACK, nurse(who), NOON)
    content = edited(draft.content) | more
    pack_drafts.save_draft(session, draft.public_id, 1, content, nurse(who), NOON)
    pack_drafts.submit_draft(session, draft.public_id, nurse(who), NOON)
    return draft


def install(session: Session, signed: Signed, now: datetime = NOON) -> None:
    install_pack(session, signed.pack, now, approved_by=signed.approver)
    pack_drafts.mark_installed(session, signed.draft_id, now)
    session.flush()


def test_nobody_signs_what_they_wrote_and_a_signed_draft_is_in_force(session: Session) -> None:
    who = build(session)
    draft = pack_drafts.begin_draft(session, PACK, nurse(who), NOON)
    with pytest.raises(NothingChanged):
        pack_drafts.submit_draft(session, draft.public_id, nurse(who), NOON)
    broken = copy.deepcopy(draft.content)
    broken["plans"][0]["actions"][0]["article"] = "no-such"
    with pytest.raises(InvalidDefinition):
        pack_drafts.save_draft(session, draft.public_id, 1, broken, nurse(who), NOON)
    text = write_text(edited(draft.content))
    pack_drafts.save_draft(session, draft.public_id, 1, read_text(text), nurse(who), NOON)
    with pytest.raises(DraftChanged):
        pack_drafts.save_draft(session, draft.public_id, 1, draft.content, nurse(who), NOON)
    pack_drafts.submit_draft(session, draft.public_id, nurse(who), NOON)
    with pytest.raises(OwnDraft):
        pack_drafts.approve_draft(session, draft.public_id, nurse(who), NOON, TODAY)
    view = pack_drafts.read_draft(session, draft.public_id, who.doctor.id)
    assert view.may_sign
    assert any("第10天电话" in one for one in view.changes)
    pack_drafts.return_draft(session, draft.public_id, "时间太早", doctor(who), NOON)
    assert draft.returned_because == "时间太早"
    pack_drafts.submit_draft(session, draft.public_id, nurse(who), NOON)

    signed = pack_drafts.approve_draft(session, draft.public_id, doctor(who), NOON, TODAY)
    assert signed.is_due
    install(session, signed)

    pack = session.scalars(select(Pack).filter_by(status="active")).one()
    assert (pack.version, pack.approved_by) == ("1.1.1", "林医生")
    plan = knowledge(session).plans[PACK]
    assert plan.version == 2
    assert "call-day-10" in {one.key for one in plan.actions}
    assert pack_drafts.list_drafts(session) == ()
    with pytest.raises(DraftChanged):
        pack_drafts.approve_draft(session, draft.public_id, doctor(who), NOON, TODAY)


def test_a_draft_of_a_replaced_version_is_not_signed(session: Session) -> None:
    who = build(session)
    first, second = written(session, who), written(session, who, title="另一份")
    install(session, pack_drafts.approve_draft(session, first.public_id, doctor(who), NOON, TODAY))
    with pytest.raises(BaseReplaced):
        pack_drafts.approve_draft(session, second.public_id, doctor(who), NOON, TODAY)
    pack_drafts.drop_draft(session, second.public_id, nurse(who), NOON)
    # What was written elsewhere comes in as a draft of the version in force now.
    elsewhere = dict(first.content) | {"title": "从文件来"}
    imported = pack_drafts.import_draft(session, elsewhere, nurse(who), NOON)
    assert (imported.base_version, imported.content["version"]) == ("1.1.1", "1.1.2")
    new = dict(first.content) | {"id": "another-pack"}
    assert pack_drafts.import_draft(session, new, nurse(who), NOON).base_version == "new"


def test_a_version_signed_for_later_comes_by_the_clock_on_its_first_day(
    database: Engine,
) -> None:
    with unit_of_work.begin() as session:
        who = build(session)
        tomorrow = (TODAY + DAY).isoformat()
        draft = written(session, who, effective_from=tomorrow)
        signed = pack_drafts.approve_draft(session, draft.public_id, doctor(who), NOON, TODAY)
        assert not signed.is_due
    for now, version in ((NOON, "1.1.0"), (NOON + DAY, "1.1.1"), (NOON + DAY, "1.1.1")):
        chores.bring_packs_into_force(WORK, now)
        with unit_of_work.begin() as session:
            assert session.scalars(select(Pack).filter_by(status="active")).one().version == version


def test_running_plans_move_as_the_preview_said_and_stop_when_told(
    session: Session, hands: list[datetime]
) -> None:
    who = build(session)
    people = [who.patient] + [
        factories.patient(session, f"演示{number}", department_code="ENDO") for number in range(3)
    ]
    for number, one in enumerate(people):
        proposals.enrol_by_hand(
            session, one, PACK, TODAY - number * DAY, who.team.id, nurse(who), NOON, HOSPITAL
        )
    settling.settle(session, WORK)
    draft = written(session, who)
    install(session, pack_drafts.approve_draft(session, draft.public_id, doctor(who), NOON, TODAY))
    changed = session.scalars(select(CarePlan)).first()
    assert changed is not None
    plan_changes.change_for_patient(
        session, changed, "glucose-fasting", Change(title="空腹"), Told(who.nurse.id, "简短"), NOON
    )
    told = plan_moving.preview_move(session, PACK, NOON, HOSPITAL)
    assert told.own == 1
    assert (told.patients, told.to_version) == (4, 2)
    assert (told.appear, told.vanish) == (4, 4)  # a call more, the diet less, for each
    assert told.moved == 4 * 91 - 6  # every fasting glucose that is still to come

    before = {
        task.id: (task.status, task.starts_at)
        for task in session.scalars(select(Task).where(Task.starts_at <= NOON))
    }
    move = plan_moving.begin_move(session, PACK, nurse(who), NOON)
    assert plan_moving.carry_on(session, NOON, limit=2) == 2
    third = session.scalars(select(CarePlan).order_by(CarePlan.id).offset(2).limit(1)).one()
    plan_moving.move_one(session, third, nurse(who), NOON)  # by hand, meanwhile
    with pytest.raises(plan_moving.NothingToMove):
        plan_moving.move_one(session, third, nurse(who), NOON)
    plan_moving.turn_move(session, move.public_id, MigrationStatus.STOPPED, nurse(who), NOON)
    assert plan_moving.carry_on(session, NOON) == 0
    plan_moving.turn_move(session, move.public_id, MigrationStatus.RUNNING, nurse(who), NOON)
    while plan_moving.carry_on(session, NOON, limit=3):
        pass
    assert (move.status, move.moved) == (MigrationStatus.DONE, 3)
    settling.settle(session, WORK)
    plan_expansion.expand_plans(session, NOON, HOSPITAL)

    new = session.scalars(select(PlanDefinition).filter_by(key=PACK, version=2)).one()
    assert set(session.scalars(select(CarePlan.plan_definition_id))) == {new.id}
    steps = session.scalars(select(CarePlanStep).filter_by(kind=StepKind.MOVED)).all()
    assert [step.detail for step in steps] == [{"version_before": 1, "version_after": 2}] * 4
    ahead = session.scalars(
        select(Task).where(Task.starts_at > NOON, Task.status == TaskStatus.REQUESTED)
    ).all()
    fasting = [one for one in ahead if one.slot.startswith("glucose-fasting/")]
    assert {one.starts_at.astimezone(HOSPITAL).strftime("%H:%M") for one in fasting} == {"05:30"}
    assert sum(one.slot.startswith("call-day-10/") for one in ahead) == 4
    assert not [one for one in ahead if one.slot.startswith("article-diet/")]
    assert {one.plan_action.plan_definition_id for one in ahead if one.plan_action} == {new.id}
    after = {
        task.id: (task.status, task.starts_at)
        for task in session.scalars(select(Task).where(Task.starts_at <= NOON))
    }
    assert after == before  # what had begun is left alone
    slots = session.execute(select(Task.care_plan_id, Task.slot)).all()
    assert len(slots) == len(set(slots))
    with pytest.raises(plan_moving.NothingToMove):
        plan_moving.preview_move(session, PACK, NOON, HOSPITAL)


def test_drafts_that_nobody_goes_on_with_are_purged_with_a_line_in_the_trail(
    database: Engine,
) -> None:
    with unit_of_work.begin() as session:
        who = build(session)
        kept = written(session, who).public_id
        dropped, submitted, signed = (
            written(session, who, title=title) for title in ("放弃", "待签", "已签")
        )
        pack_drafts.drop_draft(session, dropped.public_id, nurse(who), NOON)
        pack_drafts.approve_draft(session, signed.public_id, doctor(who), NOON, TODAY)
        gone, stays = {dropped.public_id, submitted.public_id}, {kept, signed.public_id}
    chores.purge_drafts(WORK, NOON + 180 * DAY)
    with unit_of_work.begin() as session:
        assert set(session.scalars(select(PackDraft.public_id))) == gone | stays
        touched = session.scalars(select(PackDraft).filter_by(public_id=kept)).one()
        touched.updated_at = NOON + DAY

    chores.purge_drafts(WORK, NOON + 180 * DAY + timedelta(seconds=1))

    with unit_of_work.begin() as session:
        assert set(session.scalars(select(PackDraft.public_id))) == stays
        lines = session.scalars(select(AuditEvent).filter_by(action="purge")).all()
        assert {(one.entity, one.detail["draft"]) for one in lines} == {
            ("pack-draft", draft) for draft in gone
        }
