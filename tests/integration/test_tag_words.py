"""What people say of tags goes before every machine, and can be undone."""

import random
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.errors import NotFound
from app.domain.staff.alert_clock import Responder
from app.domain.trust.access import Actor
from app.models import (
    AuditEvent,
    CareTeamMember,
    Event,
    Patient,
    Practitioner,
    ProposalStatus,
    Tag,
    TagAssignment,
    TagDecision,
    TagProposal,
    TagScope,
    TagSource,
)
from app.models.profile.tag_reading import tags_of
from app.models.profile.tagging import FoundTag, Judged, propose
from app.services.profile.tags import tag_words
from app.services.profile.tags.tag_words import NothingToUndo, ProposalSettled, TagNotForHands
from app.services.profile.tags.tagging import expire_tags, retag
from tests import factories
from tests.integration import records
from tests.integration.records import at

DIABETES = {"condition": {"code": "E11"}}


def tag(session: Session, key: str, when: object = None, **more: object) -> Tag:
    rules = [{"tag": key, "when": when, "confidence": 1, "source": "house"}] if when else []
    more = {"tag_class": "management", **more}
    row = Tag(key=key, name=f"标签{key}", rules=rules)
    for name, value in more.items():
        setattr(row, name, value)
    session.add(row)
    session.flush()
    return row


@pytest.fixture
def nurse(session: Session) -> Practitioner:
    return factories.practitioner(session, "nurse-chen")


@pytest.fixture
def actor(nurse: Practitioner) -> Actor:
    return Actor("practitioner", nurse.id, "test")


@pytest.fixture
def patient(session: Session) -> Patient:
    return factories.patient(session)


def borne(session: Session, patient: Patient) -> dict[str, TagSource]:
    session.flush()
    rows = session.execute(
        select(Tag.key, TagAssignment.source)
        .join(TagAssignment, TagAssignment.tag_id == Tag.id)
        .where(TagAssignment.patient_id == patient.id, TagAssignment.is_live.is_(True))
    )
    return {key: source for key, source in rows}  # noqa: C416  # typed so


def events(session: Session, kind: str) -> list[str]:
    session.flush()
    return [one.payload["tag"] for one in session.scalars(select(Event).filter_by(kind=kind))]


def diagnose(session: Session, patient: Patient) -> None:
    records.condition(session, patient, "E11.9", 0)


def ask(session: Session, patient: Patient, *, is_active: bool = True) -> None:
    retag(session, patient.id, at(1), HOSPITAL)


def text(key: str, confidence: str, basis: str = "text:chat@1") -> FoundTag:
    return FoundTag(key, Decimal(confidence), TagSource.TEXT, basis, "“我没有血糖仪”")


def test_what_a_person_gave_no_machine_ends(
    session: Session, patient: Patient, actor: Actor
) -> None:
    tag(session, "t2dm", DIABETES)

    tag_words.give_tag(session, patient.id, "t2dm", actor, at(0), reason="外院确诊")
    ask(session, patient)
    propose(session, patient.id, [], at(2), judged=Judged(TagSource.TEXT))

    assert borne(session, patient) == {"t2dm": TagSource.PERSON}
    assert events(session, "tag.assigned") == ["t2dm"]
    trail = session.scalars(select(AuditEvent).filter_by(entity="tag")).one()
    assert (trail.action, trail.patient_id, trail.detail) == (
        "give-tag", patient.id, {"tag": "t2dm"},
    )  # fmt: skip


def test_what_a_person_took_no_machine_gives_or_proposes(
    session: Session, patient: Patient, actor: Actor
) -> None:
    tag(session, "t2dm", DIABETES)
    diagnose(session, patient)
    ask(session, patient)
    assert borne(session, patient) == {"t2dm": TagSource.RULE}

    tag_words.take_tag(session, patient.id, "t2dm", actor, at(2))
    ask(session, patient)
    propose(session, patient.id, [text("t2dm", "0.5"), text("t2dm", "0.99")], at(3))

    assert borne(session, patient) == {}
    assert session.scalars(select(TagProposal)).all() == []


def test_unlocking_returns_the_word_to_the_machines(
    session: Session, patient: Patient, actor: Actor
) -> None:
    tag(session, "t2dm", DIABETES)
    diagnose(session, patient)
    tag_words.take_tag(session, patient.id, "t2dm", actor, at(0))

    tag_words.unlock_tag(session, patient.id, "t2dm", actor, at(1))
    ask(session, patient)

    assert borne(session, patient) == {"t2dm": TagSource.RULE}
    assert events(session, "tag.unlocked") == ["t2dm"]
    with pytest.raises(NothingToUndo):
        tag_words.unlock_tag(session, patient.id, "t2dm", actor, at(2))


def test_undoing_brings_back_what_was_before_the_word(
    session: Session, patient: Patient, actor: Actor
) -> None:
    tag(session, "low", exclusion_group="risk")
    tag(session, "high", exclusion_group="risk")
    tag_words.give_tag(session, patient.id, "low", actor, at(0))
    propose(session, patient.id, [text("other", "0.9")], at(0))
    first = session.scalars(select(TagAssignment).filter_by(is_live=True)).one()

    tag_words.give_tag(session, patient.id, "high", actor, at(1))
    assert borne(session, patient) == {"high": TagSource.PERSON}
    tag_words.undo_word(session, patient.id, "high", actor, at(2))

    assert borne(session, patient) == {"low": TagSource.PERSON}
    assert first.is_live
    assert first.ends_at is None
    assert [one.is_borne for one in session.scalars(select(TagDecision).filter_by(is_live=True))]
    assert events(session, "tag.removed") == ["low", "high"]
    assert events(session, "tag.assigned") == ["low", "high", "low"]
    tag_words.undo_word(session, patient.id, "low", actor, at(3))
    assert borne(session, patient) == {}
    with pytest.raises(NothingToUndo):
        tag_words.undo_word(session, patient.id, "low", actor, at(4))


def test_undoing_a_refusal_brings_back_the_machine_s_own_row(
    session: Session, patient: Patient, actor: Actor
) -> None:
    tag(session, "t2dm", DIABETES)
    diagnose(session, patient)
    ask(session, patient)
    row = session.scalars(select(TagAssignment)).one()

    tag_words.take_tag(session, patient.id, "t2dm", actor, at(2))
    tag_words.undo_word(session, patient.id, "t2dm", actor, at(3))

    assert row.is_live
    assert session.scalars(select(TagAssignment)).one() is row


def test_what_a_machine_is_not_sure_of_waits_for_a_person(
    session: Session, patient: Patient, actor: Actor
) -> None:
    tag(session, "no-meter")
    propose(session, patient.id, [text("no-meter", "0.6")], at(0))
    assert borne(session, patient) == {}
    proposal = session.scalars(select(TagProposal).filter_by(is_open=True)).one()

    tag_words.accept_proposal(session, proposal.public_id, actor, at(1))

    assert borne(session, patient) == {"no-meter": TagSource.PERSON}
    given = session.scalars(select(TagAssignment)).one()
    assert given.evidence == "“我没有血糖仪”"
    assert given.practitioner_id == actor.id
    assert proposal.status is ProposalStatus.ACCEPTED
    with pytest.raises(ProposalSettled):
        tag_words.decline_proposal(session, proposal.public_id, actor, at(2))
    tag_words.undo_word(session, patient.id, "no-meter", actor, at(3))
    assert borne(session, patient) == {}
    assert proposal.status is ProposalStatus.OPEN


def test_a_declined_proposal_is_a_refusal(session: Session, patient: Patient, actor: Actor) -> None:
    tag(session, "no-meter")
    propose(session, patient.id, [text("no-meter", "0.6")], at(0))
    proposal = session.scalars(select(TagProposal)).one()

    tag_words.decline_proposal(session, proposal.public_id, actor, at(1))
    propose(session, patient.id, [text("no-meter", "0.95")], at(2))

    assert borne(session, patient) == {}
    assert proposal.status is ProposalStatus.DECLINED


def test_a_proposal_goes_when_nothing_speaks_for_it(session: Session, patient: Patient) -> None:
    tag(session, "no-meter")
    propose(session, patient.id, [text("no-meter", "0.6")], at(0))
    proposal = session.scalars(select(TagProposal)).one()

    propose(session, patient.id, [], at(1), judged=Judged(TagSource.TEXT, basis="text:form"))
    assert proposal.status is ProposalStatus.OPEN
    propose(session, patient.id, [], at(1), judged=Judged(TagSource.TEXT, basis="text:chat"))

    assert proposal.status is ProposalStatus.SUPERSEDED


def test_a_machine_ends_only_what_it_gave(session: Session, patient: Patient) -> None:
    tag(session, "t2dm", DIABETES)
    tag(session, "no-meter")
    diagnose(session, patient)
    ask(session, patient)
    propose(session, patient.id, [text("no-meter", "0.9"), text("t2dm", "0.9")], at(1))

    propose(session, patient.id, [], at(2), judged=Judged(TagSource.MODEL))
    ask(session, patient)
    assert borne(session, patient) == {"t2dm": TagSource.RULE, "no-meter": TagSource.TEXT}

    propose(session, patient.id, [], at(3), judged=Judged(TagSource.TEXT))
    assert borne(session, patient) == {"t2dm": TagSource.RULE}


def test_a_word_with_a_date_ends_with_it(session: Session, patient: Patient, actor: Actor) -> None:
    tag(session, "t2dm", DIABETES)
    tag_words.give_tag(session, patient.id, "t2dm", actor, at(0), until=at(5))

    assert expire_tags(session, at(4)) == 0
    assert expire_tags(session, at(5)) == 1

    assert borne(session, patient) == {}
    diagnose(session, patient)
    retag(session, patient.id, at(6), HOSPITAL)
    assert borne(session, patient) == {"t2dm": TagSource.RULE}


def test_operational_tags_are_not_for_hands(
    session: Session, patient: Patient, actor: Actor
) -> None:
    tag(session, "new-patient", tag_class="operational")
    for verb in (tag_words.give_tag, tag_words.take_tag):
        with pytest.raises(TagNotForHands):
            verb(session, patient.id, "new-patient", actor, at(0))


def test_a_team_s_tag_is_seen_and_used_by_its_members_alone(
    session: Session, patient: Patient, actor: Actor, nurse: Practitioner
) -> None:
    team = factories.care_team(session)
    session.add(
        CareTeamMember(
            care_team_id=team.id, practitioner_id=nurse.id, responder=Responder.ON_DUTY_NURSE
        )
    )
    other = factories.practitioner(session, "nurse-li")
    tag(session, "our-words", scope=TagScope.TEAM, care_team_id=team.id)
    tag(session, "for-all")
    stranger = Actor("practitioner", other.id, "test")
    with pytest.raises(NotFound):
        tag_words.give_tag(session, patient.id, "our-words", stranger, at(0))

    for key in ("our-words", "for-all"):
        tag_words.give_tag(session, patient.id, key, actor, at(0))

    seen = {who: [one.key for one in tags_of(session, patient.id, who)]
            for who in (nurse.id, other.id, None)}  # fmt: skip
    assert set(seen[nurse.id]) == {"our-words", "for-all"}
    assert seen[other.id] == seen[None] == ["for-all"]


@pytest.mark.parametrize("seed", range(15))
def test_whatever_machines_say_the_last_word_of_a_person_stands(
    session: Session, patient: Patient, actor: Actor, seed: int
) -> None:
    dice = random.Random(seed)
    keys = ["a", "b", "c", "d"]
    for key in keys:
        group = "g" if key in "ab" else None
        tag(session, key, DIABETES if key in "ac" else None, exclusion_group=group)
    if dice.random() < 0.5:
        diagnose(session, patient)
    said: dict[str, bool] = {}
    for step in range(30):
        key, when = dice.choice(keys), at(step)
        match dice.randrange(5):
            case 0:
                tag_words.give_tag(session, patient.id, key, actor, when)
                if key in "ab":
                    said = {one: word for one, word in said.items() if one == key or one not in "ab"
                            or word is False}  # fmt: skip
                said[key] = True
            case 1:
                tag_words.take_tag(session, patient.id, key, actor, when)
                said[key] = False
            case 2:
                retag(session, patient.id, when, HOSPITAL)
            case 3:
                sure = dice.choice(["0.5", "0.85", "1"])
                found = [text(one, sure) for one in dice.sample(keys, 2)]
                propose(session, patient.id, found, when)
            case _:
                source = dice.choice([TagSource.TEXT, TagSource.MODEL, TagSource.RULE])
                propose(session, patient.id, [], when, judged=Judged(source))
        now = borne(session, patient)
        assert {one: one in now for one in said} == said, f"step {step}"
        assert len(now.keys() & {"a", "b"}) <= 1
