"""Installing packs: a version never changes, a new one retires the old, a draft does nothing."""

import copy
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.clock import HOSPITAL
from app.domain.definitions import InvalidDefinition
from app.domain.plans import packs
from app.domain.plans.pack_parsing import parse_pack
from app.integrations.pack_files import read_pack
from app.models import (
    Article,
    CarePlan,
    Pack,
    PlanAction,
    PlanDefinition,
    PublicationStatus,
    Questionnaire,
    Rule,
    Tag,
    Task,
)
from app.models.plans.knowledge import knowledge
from app.services.plans import plan_expansion
from app.services.plans.plan_library import PackChanged, install_pack
from tests.conftest import NOON, ROOT
from tests.integration.ward import WORK, build, discharge
from tests.settling import settle

Status = PublicationStatus
KNOWLEDGE = (Article, Questionnaire, PlanDefinition, Rule)


@pytest.fixture(scope="module")
def shipped() -> packs.Pack:
    return read_pack(ROOT / "packs" / "t2dm-after-discharge")


def plain(value: Any) -> Any:
    """Return the definition as plain lists and dicts that may be changed."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def newer(pack: packs.Pack, **changes: Any) -> packs.Pack:
    """Return a later version whose first plan has another name and one action less."""
    definition = plain(copy.deepcopy(dict(pack.definition)))
    definition["version"] = "9.0.0"
    plan = definition["plans"][0]
    plan["version"] += 1
    plan["name"] = "出院后随访（新）"
    plan["actions"] = plan["actions"][:-1]
    return parse_pack(definition | changes)


def install(session: Session, pack: packs.Pack, approved_by: str | None = "演示主任") -> bool:
    fresh = install_pack(session, pack, NOON, approved_by=approved_by)
    session.flush()
    session.expire_all()
    return fresh


def in_force(session: Session) -> dict[str, list[tuple[str, int]]]:
    """Return key and version of every text in force, by its kind."""
    found = {}
    for model in KNOWLEDGE:
        rows = session.execute(select(model.key, model.version).filter_by(status=Status.ACTIVE))
        found[model.__name__] = sorted((key, version) for key, version in rows)
    return found


def test_a_pack_installed_twice_is_installed_once(session: Session, shipped: packs.Pack) -> None:
    assert install(session, shipped)
    before = in_force(session)

    assert not install(session, shipped)

    assert in_force(session) == before
    assert session.scalar(select(func.count()).select_from(Pack)) == 1
    assert before["PlanDefinition"]
    assert before["Rule"]


def test_the_same_version_with_other_content_is_refused(
    session: Session, shipped: packs.Pack
) -> None:
    install(session, shipped)
    other = newer(shipped, version=shipped.version)

    with pytest.raises(PackChanged):
        install(session, other)


def test_a_text_that_changed_without_a_new_number_is_refused(
    session: Session, shipped: packs.Pack
) -> None:
    install(session, shipped)
    definition = plain(newer(shipped).definition)
    definition["articles"][0]["title"] = "另一个题目"

    with pytest.raises(PackChanged):
        install(session, parse_pack(definition))


def test_a_new_version_retires_the_old_and_is_what_is_known(
    session: Session, shipped: packs.Pack
) -> None:
    install(session, shipped)
    old = shipped.plans[0]
    assert knowledge(session).plans[old.key].version == old.version

    install(session, newer(shipped))

    assert [
        (pack.version, pack.status) for pack in session.scalars(select(Pack).order_by(Pack.id))
    ] == [(shipped.version, Status.RETIRED), ("9.0.0", Status.ACTIVE)]
    known = knowledge(session).plans[old.key]
    assert (known.version, known.name) == (old.version + 1, "出院后随访（新）")
    for keys in in_force(session).values():
        assert len({key for key, _ in keys}) == len(keys)  # one version of each
    assert (old.key, old.version + 1) in in_force(session)["PlanDefinition"]
    assert in_force(session)["Article"] == sorted((a.key, a.version) for a in shipped.articles)


def test_a_draft_is_kept_and_never_known(session: Session, shipped: packs.Pack) -> None:
    install(session, shipped, approved_by=None)

    assert session.scalars(select(Pack.status)).one() is Status.DRAFT
    known = knowledge(session)
    assert (dict(known.packs), dict(known.plans)) == ({}, {})
    assert not list(known.rules.woken_by("observation:15074-8"))
    assert not any(in_force(session).values())


def test_a_draft_beside_a_pack_in_force_changes_nothing(
    session: Session, shipped: packs.Pack
) -> None:
    install(session, shipped)
    before, known = in_force(session), knowledge(session)
    tags = session.execute(select(Tag.key, Tag.name).order_by(Tag.key)).all()
    definition = plain(newer(shipped).definition)
    definition["tags"][0]["name"] = "别的名字"

    install(session, parse_pack(definition), approved_by=None)

    assert in_force(session) == before
    assert knowledge(session) is known
    assert session.execute(select(Tag.key, Tag.name).order_by(Tag.key)).all() == tags


def test_patients_stay_on_the_version_they_began_with(
    session: Session, shipped: packs.Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)

    ward = build(session)
    discharge(session, ward)
    settle(session, WORK)
    plan = session.scalars(select(CarePlan)).one()
    slots = set(session.scalars(select(Task.slot)))
    assert slots

    install(session, newer(shipped))
    settle(session, WORK)
    plan_expansion.expand_plans(session, NOON, HOSPITAL)
    session.flush()
    session.expire_all()

    assert session.scalars(select(CarePlan)).one().plan_definition_id == plan.plan_definition_id
    assert plan.plan_definition.version == shipped.plans[0].version
    assert plan.plan_definition.status is Status.RETIRED
    assert set(session.scalars(select(Task.slot))) == slots
    own = set(session.scalars(select(Task.plan_action_id).where(Task.plan_action_id.is_not(None))))
    theirs = session.scalars(
        select(PlanAction.id).where(PlanAction.plan_definition_id == plan.plan_definition_id)
    )
    assert own <= set(theirs)


def test_a_draft_goes_into_force_when_it_is_approved(session: Session, shipped: packs.Pack) -> None:
    install(session, shipped)
    draft = newer(shipped)
    install(session, draft, approved_by=None)

    assert install(session, draft)

    assert knowledge(session).plans[shipped.plans[0].key].name == "出院后随访（新）"
    versions = session.execute(select(Pack.version, Pack.status).order_by(Pack.id)).all()
    assert versions == [(shipped.version, Status.RETIRED), ("9.0.0", Status.ACTIVE)]


def test_a_pack_borrows_a_form_only_while_it_is_in_force(
    session: Session, shipped: packs.Pack
) -> None:
    def borrowing(link_id: str) -> packs.Pack:
        low = {
            "answer": {
                "questionnaire": "phq-9", "link_id": link_id, "op": "==", "value": "several-days",
            }
        }  # fmt: skip
        definition = plain(copy.deepcopy(dict(shipped.definition)))
        definition["rules"][0]["condition"] = low
        return parse_pack(definition | {"version": "9.0.0", "borrows": ["phq-9"]})

    instruments = read_pack(ROOT / "packs" / "instruments")
    install_pack(session, instruments, NOON, approved_by=None)
    with pytest.raises(InvalidDefinition, match="no form phq-9 is in force"):
        install_pack(session, borrowing("phq9-9"), NOON, approved_by="王主任")
    install_pack(session, instruments, NOON, approved_by="王主任")
    with pytest.raises(InvalidDefinition, match="no such answer"):
        install_pack(session, borrowing("phq9-10"), NOON, approved_by="王主任")
    assert install_pack(session, borrowing("phq9-9"), NOON, approved_by="王主任")
