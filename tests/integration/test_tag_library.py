"""The library of tags: packs, the hospital's own words, merging and its old keys."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.plans.pack_parsing import parse_pack
from app.domain.plans.packs import Pack
from app.domain.trust.access import Actor
from app.integrations.pack_files import read_pack
from app.models import Event, Tag, TagAssignment, TagDecision
from app.models.profile.patient_facts import load_facts
from app.models.profile.tag_library import library
from app.services.plans.plan_library import install_pack
from app.services.profile.tags import tag_library, tag_words
from app.services.profile.tags.tag_library import TagRefused, draft_of
from app.services.profile.tags.tag_sweeping import sweep_tags
from app.services.profile.tags.tagging import retag
from tests import factories
from tests.conftest import NOON, ROOT
from tests.integration import records
from tests.integration.records import at

ACTOR = Actor("operator", None, "test")


def newer(pack: Pack, version: str, **changed: Any) -> Pack:
    return parse_pack({**pack.definition, **changed, "version": version})


@pytest.fixture
def pack(session: Session) -> Pack:
    found = read_pack(ROOT / "packs" / "t2dm-after-discharge")
    install_pack(session, found, NOON, approved_by="演示主任")
    return found


def find(session: Session, key: str) -> Tag:
    return session.scalars(select(Tag).filter_by(key=key)).one()


def test_a_new_version_leaves_what_the_hospital_wrote_and_brings_its_rules(
    session: Session, pack: Pack
) -> None:
    tag = find(session, "hba1c-high")
    own = {"when": {"condition": {"code": "E10"}}, "confidence": 1, "source": "hospital"}
    draft = replace(draft_of(tag), name="血糖控制差", synonyms=("糖化高",), rules=(own,))
    tag_library.change_tag(session, "hba1c-high", draft, ACTOR, at(1))
    tags = [
        {**one, "name": f"新{one['name']}", "exclusion_group": "new-group"}
        if one["key"] == "hba1c-high" else one
        for one in pack.definition["tags"]
    ]  # fmt: skip
    rules = [
        {**one, "confidence": 0.9} if one["tag"] == "hba1c-high" else one
        for one in pack.definition["tag_rules"]
    ]

    install_pack(
        session, newer(pack, "2.0.0", tags=tags, tag_rules=rules), at(2), approved_by="演示主任"
    )

    assert (tag.name, tag.synonyms) == ("血糖控制差", ["糖化高"])
    assert tag.exclusion_group == "new-group"
    assert [rule.get("pack") for rule in tag.rules] == ["t2dm-after-discharge", None]
    assert tag.rules[0]["confidence"] == 0.9
    assert len(library(session).index.woken({"observation:4548-4"})) == 2


def test_a_rule_that_the_pack_dropped_goes_the_tag_stays(session: Session, pack: Pack) -> None:
    rules = [one for one in pack.definition["tag_rules"] if one["tag"] != "missed-doses"]

    install_pack(session, newer(pack, "2.0.0", tag_rules=rules), at(2), approved_by="演示主任")

    assert find(session, "missed-doses").rules == []


def test_the_library_is_compiled_once_for_each_state(session: Session, pack: Pack) -> None:
    known = library(session)
    assert library(session) is known

    find(session, "diabetes").expires_days = 30

    changed = library(session)
    assert changed is not known
    assert changed.stamp != known.stamp
    find(session, "diabetes").name = "糖尿病（新）"
    assert library(session).stamp == changed.stamp


def test_rules_that_wait_for_each_other_are_refused(session: Session) -> None:
    def asks(key: str) -> tuple[dict[str, Any], ...]:
        return ({"when": {"tag": {"key": key}}, "confidence": 1, "source": "hospital"},)

    base = tag_library.TagDraft(name="甲", tag_class="management")
    tag_library.create_tag(session, "a", base, ACTOR, NOON)
    b = replace(base, name="乙", rules=asks("a"))
    tag_library.create_tag(session, "b", b, ACTOR, NOON)

    with pytest.raises(TagRefused) as refused:
        tag_library.change_tag(session, "a", replace(base, rules=asks("b")), ACTOR, NOON)
    assert refused.value.problems == {"rules": "规则互相依赖，形成循环：甲、乙"}
    # Through the tree as well: who asks for a tag reads those below it.
    tag_library.create_tag(session, "c", replace(base, name="丙", parent_key="b"), ACTOR, NOON)
    with pytest.raises(TagRefused):
        tag_library.change_tag(
            session, "c", replace(base, name="丙", parent_key="a", rules=asks("a")), ACTOR, NOON
        )


def test_a_merged_tag_is_found_by_its_old_key_and_its_patients_follow(session: Session) -> None:
    nurse = factories.practitioner(session, "nurse-chen")
    actor = Actor("practitioner", nurse.id, "test")
    base = tag_library.TagDraft(name="旧词", tag_class="management")
    tag_library.create_tag(session, "old", base, actor, NOON)
    tag_library.create_tag(session, "newer", replace(base, name="新词"), actor, NOON)
    asks = ({"when": {"tag": {"key": "old"}}, "confidence": 1, "source": "hospital"},)
    tag_library.create_tag(session, "reader", replace(base, name="读", rules=asks), actor, NOON)
    borne, both, refused, given = (factories.patient(session) for _ in range(4))
    records.tag(session, borne, "old")
    records.tag(session, both, "old")
    records.tag(session, both, "newer")
    records.tag(session, refused, "newer")
    tag_words.take_tag(session, refused.id, "old", actor, at(1))
    tag_words.give_tag(session, given.id, "old", actor, at(1))
    tag_words.take_tag(session, given.id, "newer", actor, at(0))

    tag_library.merge_tag(session, "old", "newer", actor, at(2))
    while sweep_tags(session, at(2), limit=2):
        pass

    live = {
        patient.id: session.scalars(
            select(Tag.key).join(TagAssignment, TagAssignment.tag_id == Tag.id)
            .where(TagAssignment.patient_id == patient.id, TagAssignment.is_live.is_(True))
        ).all()
        for patient in (borne, both, refused, given)
    }  # fmt: skip
    # Of two words the newer one stands: not borne by the third, borne by the fourth.
    assert live == {
        borne.id: ["newer"],
        both.id: ["newer"],
        refused.id: ["newer"],
        given.id: ["newer"],
    }
    retag(session, refused.id, at(3), HOSPITAL, triggers={"gives:newer"})
    for one in (borne, given):
        assert "old" in load_facts(session, one.id, at(3), HOSPITAL).tags
        retag(session, one.id, at(3), HOSPITAL, triggers={"tag:old"})
    assert session.scalars(select(TagAssignment).filter_by(patient_id=borne.id)).all()
    words = session.scalars(select(TagDecision).filter_by(is_live=True)).all()
    assert {(one.patient_id, one.is_borne) for one in words} == {
        (refused.id, False), (given.id, True),
    }  # fmt: skip
    told = session.scalars(select(Event).filter_by(kind="tag.assigned", patient_id=borne.id)).all()
    assert [one.payload["tag"] for one in told] == ["newer", "reader"]


def test_operational_tags_follow_from_what_is_known(session: Session) -> None:
    pack = read_pack(ROOT / "packs" / "operational")
    install_pack(session, pack, NOON, approved_by="演示主任")
    seen, unknown = records.someone(session), factories.patient(session, phone=None, gender=None)
    factories.encounter(session, seen, started_at=at(-3))
    for one in (seen, unknown):
        retag(session, one.id, NOON, HOSPITAL)

    def borne(patient_id: int) -> set[str]:
        return set(
            session.scalars(
                select(Tag.key).join(TagAssignment, TagAssignment.tag_id == Tag.id)
                .where(TagAssignment.patient_id == patient_id, TagAssignment.is_live.is_(True))
            )
        )  # fmt: skip

    assert borne(unknown.id) == {"no-contact-90", "profile-poor", "unreachable"}
    assert borne(seen.id) == {
        "contact-rare", "new-patient", "profile-basic", "reach-phone-only",
    }  # fmt: skip
    retag(session, seen.id, at(40), HOSPITAL, triggers={"clock"})
    assert borne(seen.id) >= {"no-contact-30"}
    assert "new-patient" not in borne(seen.id)
