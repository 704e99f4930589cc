"""Rules at work: firings with reasons, cool-down, the kill switch, and a dry run on history."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

from app import clock
from app.cli.commands import main
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.definitions import InvalidDefinition
from app.domain.outreach.messaging import Channel
from app.domain.plans.pack_parsing import parse_pack
from app.domain.plans.rules import Grade, parse_rule
from app.domain.staff.alerting import AlertStatus
from app.domain.trust.access import Actor
from app.integrations.pack_files import read_pack
from app.models import (
    Alert,
    AlertStep,
    AuditEvent,
    CarePlan,
    CarePlanStatus,
    CarePlanStep,
    Communication,
    Event,
    FiringDeed,
    Observation,
    Pack,
    RuleFiring,
    RuleSwitch,
    SwitchScope,
    TagAssignment,
)
from app.services.plans import rule_evaluation
from app.services.plans.plan_library import install_pack
from app.services.plans.questionnaire_answers import (
    Author,
    Sheet,
    record_response,
    save_draft,
)
from app.services.plans.rules_at_work import (
    UnknownRule,
    find_rule,
    firings_of,
    list_rules,
    rehearse,
    switch_off,
    switch_on,
)
from tests import factories, settling
from tests.conftest import NOON, ROOT, SECRET_KEYS
from tests.integration.ward import GLUCOSE, WORK, Ward, build, discharge, measure

PACK, LOW, VERY_LOW = "t2dm-after-discharge", "d1-glucose-low", "d2-glucose-very-low"
HOUR = timedelta(hours=1)
OPERATOR = Actor("operator", None, "test")


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    hands = [NOON]
    monkeypatch.setattr(clock, "now", lambda: hands[0])
    return hands


@pytest.fixture
def ward(session: Session, hands: list[datetime]) -> Ward:
    ward = build(session)
    discharge(session, ward)
    settling.settle(session, WORK)
    return ward


def read(session: Session, ward: Ward, value: str, at: datetime, hands: list[datetime]) -> Any:
    hands[0] = max(at, hands[0])
    kept = measure(session, ward, value, at, "L" if Decimal(value) < Decimal("3.9") else "N")
    settling.settle(session, WORK)
    return kept


def firings(session: Session) -> list[tuple[str, FiringDeed]]:
    rows = session.scalars(select(RuleFiring).order_by(RuleFiring.id))
    return [(row.rule_key, row.deed) for row in rows]


def test_every_firing_is_kept_with_its_reason_and_what_came_of_it(
    session: Session, ward: Ward, hands: list[datetime]
) -> None:
    first = read(session, ward, "3.5", NOON, hands)
    read(session, ward, "3.6", NOON + HOUR, hands)
    read(session, ward, "2.8", NOON + 2 * HOUR, hands)
    hands[0] = NOON + timedelta(days=3)
    late = read(session, ward, "3.7", NOON + 3 * HOUR, hands)

    assert firings(session) == [
        (LOW, FiringDeed.ACTED),
        (LOW, FiringDeed.APPENDED),
        (VERY_LOW, FiringDeed.ACTED),
        (LOW, FiringDeed.REVIEW),
    ]
    alert = session.scalars(select(Alert)).one()
    opened, _, _, reviewed = session.scalars(select(RuleFiring).order_by(RuleFiring.id))
    assert (opened.alert_id, opened.observation_id) == (alert.id, first.id)
    version = next(one.version for one in read_pack(ROOT / "packs" / PACK).rules if one.key == LOW)
    assert (opened.rule_version, opened.judged_at) == (version, NOON)
    assert "血糖 3.5 mmol/L（2026-05-04 12:00）" in (opened.explanation or "")
    assert (reviewed.observation_id, reviewed.fired_at) == (late.id, hands[0])

    newest, *_ = firings_of(session, LOW, ward.nurse.id, hands[0])
    assert (newest.patient_name, newest.deed) == ("李测试", FiringDeed.REVIEW)
    stranger = factories.practitioner(session, "stranger", name="外")
    assert firings_of(session, LOW, stranger.id, hands[0]) == []
    line = find_rule(session, PACK, LOW, hands[0])
    assert (line.firings, line.patients, line.last_fired_at) == (3, 1, hands[0])
    assert not line.is_draft
    with pytest.raises(UnknownRule):
        find_rule(session, PACK, "no-such-rule", hands[0])


def test_a_switch_silences_a_rule_or_a_pack_from_its_commit_on(
    session: Session, ward: Ward, hands: list[datetime]
) -> None:
    switch_off(session, SwitchScope.RULE, LOW, "误报太多", OPERATOR, NOON)
    switch_off(session, SwitchScope.RULE, LOW, "又一次", OPERATOR, NOON)
    read(session, ward, "3.5", NOON, hands)
    assert firings(session) == []
    read(session, ward, "2.8", NOON + HOUR, hands)
    assert firings(session) == [(VERY_LOW, FiringDeed.ACTED)]

    switch_off(session, SwitchScope.PACK, PACK, "停用", OPERATOR, NOON)
    switch_on(session, SwitchScope.RULE, LOW, OPERATOR, NOON)
    read(session, ward, "2.7", NOON + 2 * HOUR, hands)
    assert len(firings(session)) == 1
    assert all(one.is_silent for one in list_rules(session, NOON) if one.pack_key == PACK)

    switch_on(session, SwitchScope.PACK, PACK, OPERATOR, NOON)
    switch_on(session, SwitchScope.PACK, PACK, OPERATOR, NOON)
    read(session, ward, "2.7", NOON + 3 * HOUR, hands)
    assert firings(session)[1:] == [(VERY_LOW, FiringDeed.APPENDED)]
    switch_off(session, SwitchScope.RULE, LOW, "再停一次", OPERATOR, NOON)
    assert session.scalar(select(func.count()).select_from(RuleSwitch)) == 3
    reason = session.scalars(select(RuleSwitch).filter_by(is_off=True)).one().reason
    assert reason == "再停一次"
    written = session.scalars(
        select(AuditEvent.action).where(AuditEvent.entity.in_(("rule-switch", "pack-switch")))
    ).all()
    assert sorted(written) == ["switch-off"] * 3 + ["switch-on"] * 2
    with pytest.raises(UnknownRule):
        switch_off(session, SwitchScope.RULE, "no-such-rule", "x", OPERATOR, NOON)


def test_what_a_rule_was_about_to_tell_a_patient_is_not_told_once_it_is_off(
    session: Session, ward: Ward, hands: list[datetime]
) -> None:
    for key in ("kept", "silenced"):
        rule = factories.rule(
            session, key, pack_key=PACK,
            definition={"actions": [{"alert": {"staff_text": "问", "patient_text": f"{key}120"}}]},
        )  # fmt: skip
        alert = factories.alert(session, ward.patient, ward.team, rule=rule)
        session.add(Event.of("alert.opened", NOON, patient_id=ward.patient.id, alert_id=alert.id))
    session.add(RuleSwitch(scope=SwitchScope.RULE, key="silenced", reason="误报", off_at=NOON))
    session.flush()

    settling.settle(session, WORK)

    told = session.scalars(select(Communication).filter_by(channel=Channel.INBOX)).all()
    texts = [one.content or "" for one in told if one.kind == "alert-notice"]
    assert len(texts) == 1
    assert "kept120" in texts[0]


def put_rules(session: Session, *rules: dict[str, Any], **more: Any) -> None:
    """Bring the pack's next version into force with these rules instead of its own."""
    kept = session.scalars(select(Pack).filter_by(key=PACK)).one()
    content = {**kept.content, "version": "9", "rules": [*kept.content["rules"], *rules], **more}
    install_pack(session, parse_pack(content), NOON, approved_by="演示主任")


def tag_rule(**changed: Any) -> dict[str, Any]:
    return {
        "key": "foot", "version": 1, "name": "足部风险", "grade": "mild", "source": "house",
        "condition": {"latest": {"code": "15074-8", "op": ">=", "value": 10, "unit": "mmol/L",
                                 "within": "PT24H"}},
        "actions": [{"tag": {"key": "foot-risk"}}], "cool_down": "P1D", "clears_after": 0,
        "late_policy": "same", **changed,
    }  # fmt: skip


def test_a_rule_without_an_alert_keeps_its_cool_down_too(
    session: Session, ward: Ward, hands: list[datetime]
) -> None:
    put_rules(session, tag_rule())
    for hours in (0, 1, 25):
        read(session, ward, "11", NOON + hours * HOUR, hands)

    deeds = (FiringDeed.ACTED, FiringDeed.COOLING, FiringDeed.ACTED)
    assert firings(session) == [("foot", deed) for deed in deeds]
    borne = select(TagAssignment.id).where(TagAssignment.basis == "alert-rule:foot")
    assert session.scalars(borne).all()


def test_a_graver_rule_worsens_the_alert_of_the_draft_and_takes_its_place(
    session: Session, ward: Ward, hands: list[datetime]
) -> None:
    wound = {"questionnaire": "weekly-check", "link_id": "foot-wound", "op": "==", "value": True,
             "within": "P7D"}  # fmt: skip
    texts = {"staff_text": "马上问", "patient_text": "请马上打120"}
    put_rules(
        session,
        tag_rule(grade="severe", episode="foot-wound", actions=[{"alert": texts}],
                 condition={"all": [{"answer": wound}, tag_rule()["condition"]]}),
    )  # fmt: skip
    begun = Sheet("weekly-check", {"foot-wound": True}, "one")
    save_draft(session, ward.patient.id, Author(), begun, NOON)
    settling.settle(session, WORK)
    alert = session.scalars(select(Alert)).one()
    alert.status, alert.owner_id, alert.level = AlertStatus.ACKNOWLEDGED, ward.nurse.id, 0
    read(session, ward, "11", NOON, hands)  # by now it is graver than the draft could say
    rest = {"missed-doses": 0, "hypo-count": 0, "diet": "most-days", "exercise": "most-days",
            "mood": "good"}  # fmt: skip
    sent = Sheet("weekly-check", {**begun.answers, **rest}, "one")
    record_response(session, ward.patient.id, Author(), sent, NOON)
    settling.settle(session, WORK)

    alert = session.scalars(select(Alert)).one()
    assert (alert.grade, alert.status, alert.owner_id) == (Grade.SEVERE, AlertStatus.ACTIVE, None)
    assert (alert.level, alert.acknowledge_by) == (1, NOON + timedelta(minutes=5))
    assert alert.texts == ("马上问", "请马上打120")
    steps = session.scalars(select(AlertStep.kind).order_by(AlertStep.id)).all()
    assert steps == ["opened", "worsened"]


def test_a_rule_puts_a_patient_onto_a_further_plan_once(
    session: Session, ward: Ward, hands: list[datetime]
) -> None:
    kept = session.scalars(select(Pack).filter_by(key=PACK)).one()
    further = {**kept.content["plans"][0], "key": "intensive", "enrol_when": None, "tag": None}
    further = {key: value for key, value in further.items() if value is not None}
    with pytest.raises(InvalidDefinition, match="elsewhere is not defined"):
        put_rules(session, tag_rule(actions=[{"plan": {"deed": "begin", "key": "elsewhere"}}]))
    begin = {"plan": {"deed": "begin", "key": "intensive"}}
    put_rules(
        session, tag_rule(actions=[begin], cool_down="PT0M"),
        plans=[*kept.content["plans"], further],
    )  # fmt: skip

    read(session, ward, "11", NOON, hands)
    read(session, ward, "12", NOON + HOUR, hands)

    begun = session.scalars(select(CarePlan).filter_by(plan_key="intensive")).one()
    assert begun.care_team_id == ward.team.id
    assert begun.anchor_on == NOON.astimezone(HOSPITAL).date()


def test_a_rule_rests_a_plan_goes_on_with_it_and_ends_it(
    session: Session, ward: Ward, hands: list[datetime]
) -> None:
    def change(deed: str, over: int) -> dict[str, Any]:
        reached = {"code": "15074-8", "op": ">=", "value": over, "unit": "mmol/L",
                   "within": "PT1H"}  # fmt: skip
        return tag_rule(
            key=f"plan-{deed}", cool_down="PT0M", condition={"latest": reached},
            actions=[{"plan": {"deed": deed, "key": PACK}}],
        )  # fmt: skip

    put_rules(session, change("hold", 18), change("end", 25), change("resume", 30))
    plan = session.scalars(select(CarePlan)).one()

    read(session, ward, "18", NOON, hands)
    assert plan.status is CarePlanStatus.ON_HOLD
    hands[0] = NOON + HOUR
    session.add(
        Event.of("rule.plan", hands[0], patient_id=ward.patient.id, rule="plan-resume", action=0,
                 care_team_id=ward.team.id)
    )  # fmt: skip
    settling.settle(session, WORK)
    assert plan.status is CarePlanStatus.ACTIVE
    read(session, ward, "26", NOON + 2 * HOUR, hands)
    assert (plan.status, plan.is_open) == (CarePlanStatus.REVOKED, None)
    notes = session.scalars(select(CarePlanStep).order_by(CarePlanStep.id)).all()
    # At 26 the plan is rested by the one rule and ended by the other.
    kinds = [one.kind.value for one in notes if one.note == "足部风险"]
    assert kinds == ["held", "resumed", "held", "ended"]


def test_a_rule_that_reads_too_much_does_not_silence_the_others(
    session: Session, ward: Ward, hands: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no approved rule does on this record, a flood of values would make it do."""
    many = {"count": {"code": "15074-8", "op": "<", "value": 3, "unit": "mmol/L",
                      "within": "P90D", "at_least": 900}}  # fmt: skip
    put_rules(session, tag_rule(condition={"any": [many] * 190}))
    rows = [
        {"value": Decimal(5), "effective_at": NOON - timedelta(minutes=n)} for n in range(1, 80)
    ]
    for row in rows:
        factories.observation(session, ward.patient, str(row["value"]), row["effective_at"])

    read(session, ward, "2.8", NOON, hands)

    assert firings(session) == [(VERY_LOW, FiringDeed.ACTED)]


def test_a_dry_run_counts_what_rules_did_and_does_nothing(
    session: Session, ward: Ward, hands: list[datetime]
) -> None:
    for hours, value in ((150, "3.5"), (120, "8.0"), (100, "3.2"), (99, "3.3"), (24, "2.8")):
        factories.observation(session, ward.patient, value, NOON - hours * HOUR)
    other = factories.patient(session, name="不在计划里")
    factories.observation(session, other, "3.5", NOON - HOUR)
    low = find_rule(session, PACK, LOW, NOON).rule

    found, is_cut = rehearse(session, low, PACK, NOON, HOSPITAL, days=30)
    assert (found.asked, found.patients, found.hits, found.alerts) == (1, 1, 3, 2)
    assert not is_cut
    assert found.samples[0].patient_id == ward.patient.id
    shorter, _ = rehearse(session, low, PACK, NOON, HOSPITAL, days=5)
    assert shorter.hits == 2

    # A pack nobody is on yet is asked of those whom it would read.
    new, is_cut = rehearse(session, low, "new-pack", NOON, HOSPITAL, days=30, most=1)
    assert (new.asked, is_cut) == (1, True)
    absent = parse_rule({**tag_rule(), "condition": {"absent": {"code": "15074-8", "days": 3}}})
    assert rehearse(session, absent, "new-pack", NOON, HOSPITAL, days=30)[0].asked == 0

    assert firings(session) == []
    assert session.scalars(select(Alert)).all() == []
    assert session.scalar(select(func.count()).select_from(CarePlan)) == 1
    assert session.scalar(select(func.count()).where(Observation.patient_id == other.id)) == 1


def test_a_quiet_reading_asks_no_more_than_it_must(session: Session, ward: Ward) -> None:
    asked: list[str] = []
    bind = session.get_bind()
    event.listen(bind, "before_cursor_execute", lambda *seen: asked.append(seen[2]))

    def evaluate(code: str, reading: Observation) -> list[str]:
        session.flush()
        asked.clear()
        rule_evaluation.evaluate(
            session, ward.patient.id, (f"observation:{code}",), NOON, HOSPITAL,
            observation_id=reading.id,
        )  # fmt: skip
        return list(asked)

    quiet = evaluate(GLUCOSE, measure(session, ward, "6.1", NOON))
    of_no_interest = evaluate("1234-5", measure(session, ward, "6.1", NOON))

    assert sum("FROM patient" in one for one in quiet) == 2  # the lock; plans and alerts
    assert not any("rule_switch" in one or "alert_step" in one for one in quiet)
    assert len(of_no_interest) == 1  # which packs are in force


def test_absences_are_not_kept_again_every_hour(
    session: Session, ward: Ward, hands: list[datetime]
) -> None:
    for hours in range(3):
        hands[0] = NOON + timedelta(days=6, hours=hours)
        rule_evaluation.evaluate(session, ward.patient.id, ("clock",), hands[0], HOSPITAL)

    kept = [one for one in firings(session) if one[1] is FiringDeed.ACTED]
    assert len(kept) == len(firings(session)) == len({key for key, _ in kept})


def test_the_operator_lists_rehearses_and_switches(
    database: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Session(database) as session:
        install_pack(session, read_pack(ROOT / "packs" / PACK), NOON, approved_by=None)
        session.commit()
    monkeypatch.setenv("CARELOOP_SECRET_KEYS", SECRET_KEYS)
    monkeypatch.setenv("CARELOOP_DATABASE_URL", database.url.render_as_string(False))

    def run(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        status = main(["rules", *arguments])
        unit_of_work.configure(bind=database)
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    assert f"{LOW:28} moderate  draft" in run("list")[1]
    assert "0 patients asked" in run("rehearse", LOW)[1]
    assert run("rehearse", "nothing")[0] == 1
    assert run("off", LOW, "--reason", "草稿")[0] == 1
    with Session(database) as session:
        install_pack(session, read_pack(ROOT / "packs" / PACK), NOON, approved_by="演示主任")
        session.commit()
    assert run("off", PACK, "--pack", "--reason", "停用")[0] == 0
    assert f"{LOW:28} moderate  off" in run("list")[1]
    assert run("on", PACK, "--pack")[0] == 0
    assert f"{LOW:28} moderate  on" in run("list")[1]
