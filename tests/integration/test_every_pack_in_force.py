"""All packs we ship, signed at once: their plans become tasks, and their rules can be asked."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select

from app.cli.commands import main
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.criteria.tree import Absent, leaves
from app.domain.plans.plan_calendar import plan_calendar
from app.models import Alert, CarePlan, Pack, PlanDefinition, PublicationStatus, Rule, Task
from app.models.plans.calendar_day import hospital_almanac
from app.models.plans.knowledge import knowledge
from app.services.plans import plan_expansion
from app.services.plans.rule_evaluation import evaluate
from tests import factories
from tests.conftest import NOON, SECRET_KEYS


def test_every_plan_becomes_its_tasks_and_every_rule_can_be_asked(
    database: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CARELOOP_SECRET_KEYS", SECRET_KEYS)
    url = database.url.render_as_string(hide_password=False)
    monkeypatch.setenv("CARELOOP_DATABASE_URL", url)
    assert main(["pack", "install", "--all", "--approver", "演示主任"]) == 0
    unit_of_work.configure(bind=database)

    # Each plan has somebody who began it today, and somebody two months on.
    begun = NOON.astimezone(HOSPITAL).date()
    with unit_of_work.begin() as session:
        states = Counter(session.scalars(select(Pack.status)))
        assert states == {PublicationStatus.ACTIVE: capsys.readouterr().out.count("installed")}
        team = factories.care_team(session)
        for definition in session.scalars(select(PlanDefinition)):
            for days in (0, 60):
                factories.care_plan(
                    session, factories.patient(session), team, definition=definition,
                    anchor_on=begun - timedelta(days=days),
                )  # fmt: skip
        plans = knowledge(session).plans
        assert session.scalar(select(func.count(CarePlan.id))) == 2 * len(plans)

    with unit_of_work.begin() as session:
        plan_expansion.expand_plans(session, NOON, HOSPITAL)
    later = NOON + timedelta(days=10)
    with unit_of_work.begin() as session:
        almanac = hospital_almanac(session)
        # What begins in the next two weeks is there, and nothing else.
        for care_plan in session.scalars(select(CarePlan)):
            since, until = NOON - timedelta(days=60), care_plan.expanded_until
            assert until is not None
            asked = plan_calendar(
                plans[care_plan.plan_key], care_plan.anchor_on, HOSPITAL, since, until, almanac
            )
            rows = session.execute(
                select(Task.slot, Task.starts_at).filter_by(care_plan_id=care_plan.id)
            )
            kept = {row.slot: row.starts_at for row in rows}
            open_still = {one.slot: one.starts_at for one in asked if one.ends_at > NOON}
            assert kept == open_still, care_plan.plan_key
        while plan_expansion.judge_due_tasks(session, later, HOSPITAL):
            pass
        known = knowledge(session)
        for care_plan in session.scalars(select(CarePlan)):
            rules = known.packs[known.pack_of_plan[care_plan.plan_key]].rules
            triggers = {trigger for rule in rules for trigger in rule.wakes}
            evaluate(session, care_plan.patient_id, triggers, later, HOSPITAL)
        # Nobody has said or measured anything: that alone is told.
        told = set(session.scalars(select(Rule.key).join(Alert, Alert.rule_id == Rule.id)))
        conditions = {key: known.rule(key).condition for key in told}
        of_absence = {
            key
            for key, condition in conditions.items()
            if any(isinstance(leaf, Absent) for leaf in leaves(condition))
        }
        assert told
        assert told == of_absence
