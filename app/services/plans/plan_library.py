"""Disease packs, installed in versions that never change."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import select, update
from sqlalchemy.orm import Session, aliased

from app.database import Base
from app.domain.errors import DomainError
from app.domain.plans import packs
from app.domain.plans.pack_parsing import parse_pack
from app.domain.plans.pack_references import PackReferences
from app.domain.plans.plan_schedule import timing_revision
from app.models import (
    Article,
    Pack,
    PlanAction,
    PlanDefinition,
    PublicationStatus,
    Questionnaire,
    Rule,
)
from app.models.plans.knowledge import knowledge
from app.models.profile.tag_installing import install_tags

Row = TypeVar("Row", bound=Base)


class PackChanged(DomainError):
    """The same version with other content: a published version never changes."""

    code = "pack-changed"
    title = "这个版本已经安装过，内容却不一样：请改版本号"


def install_pack(
    session: Session,
    pack: packs.Pack,
    now: datetime,
    *,
    approved_by: str | None,
    is_due: bool = True,
) -> bool:
    """Install a pack, or approve its draft; False when there is nothing to do.

    Without `approved_by` it stays a draft: kept, shown to staff, never used on a patient. Its
    approval retires the earlier version; signed before it `is_due`, it is a draft until the clock
    finds its first day come. Patients already on a plan stay on their version.

    :raises PackChanged: this version is installed with other content
    :raises InvalidDefinition: approved, it borrows a form that is not in force
    """
    content_hash = bytes.fromhex(pack.content_hash)
    kept = session.scalar(select(Pack).filter_by(key=pack.id, version=pack.version))
    if kept is not None:
        if kept.content_hash != content_hash:
            raise PackChanged
        if kept.status is not PublicationStatus.DRAFT or not approved_by:
            return False
        if kept.approved_by and not is_due:
            return False
    in_force = bool(approved_by) and is_due
    status = PublicationStatus.ACTIVE if in_force else PublicationStatus.DRAFT
    if approved_by:
        PackReferences(pack).check_borrowed(knowledge(session).questionnaires)
    if in_force:
        _retire_earlier(session, pack.id)
        install_tags(session, pack.id, pack.tags, pack.definition.get("tag_rules", ()), now)
    if kept is None:
        kept = Pack(key=pack.id, version=pack.version, content_hash=content_hash)
        session.add(kept)
    kept.title, kept.installed_at = pack.title, now
    kept.content = dict(pack.definition)
    kept.status = status
    kept.approved_by = approved_by
    _install_texts(session, pack, status)
    _install_plans(session, pack, status)
    return True


def take_signed(session: Session, today: date) -> Sequence[tuple[packs.Pack, str]]:
    """Return the packs signed for a day that has come, and by whom; the caller installs them.

    Where another version was put into force since the signature, that later word holds.
    """
    since = aliased(Pack)
    replaced = (
        select(since.id)
        .where(
            since.key == Pack.key,
            since.status == PublicationStatus.ACTIVE,
            since.installed_at > Pack.installed_at,
        )
        .exists()
    )
    rows = session.scalars(
        select(Pack)
        .where(Pack.status == PublicationStatus.DRAFT, Pack.approved_by.is_not(None), ~replaced)
        .order_by(Pack.id)
        .with_for_update(of=Pack)
    )
    signed = [(parse_pack(row.content), row.approved_by or "") for row in rows]
    return [(pack, who) for pack, who in signed if pack.effective_from <= today]


def _retire_earlier(session: Session, pack_key: str) -> None:
    for model in (Article, Questionnaire, PlanDefinition, Rule):
        session.execute(
            update(model)
            .where(model.pack_key == pack_key, model.status == PublicationStatus.ACTIVE)
            .values(status=PublicationStatus.RETIRED)
        )
    session.execute(
        update(Pack)
        .where(Pack.key == pack_key, Pack.status == PublicationStatus.ACTIVE)
        .values(status=PublicationStatus.RETIRED)
    )


def _install_texts(session: Session, pack: packs.Pack, status: PublicationStatus) -> None:
    forms = {one["key"]: one for one in pack.definition.get("questionnaires", ())}
    rules = {one["key"]: one for one in pack.definition.get("rules", ())}
    for article in pack.articles:
        _keep(
            session, Article, article.key, article.version, status, pack,
            title=article.title, body=list(article.paragraphs),
        )  # fmt: skip
    for form in pack.questionnaires:
        _keep(
            session, Questionnaire, form.key, form.version, status, pack,
            title=form.title, definition=forms[form.key],
        )  # fmt: skip
    for rule in pack.rules:
        _keep(
            session, Rule, rule.key, rule.version, status, pack,
            name=rule.name, definition=rules[rule.key],
        )  # fmt: skip


def _install_plans(session: Session, pack: packs.Pack, status: PublicationStatus) -> None:
    told = {one["key"]: one for one in pack.definition.get("plans", ())}
    for plan in pack.plans:
        definition = _keep(
            session, PlanDefinition, plan.key, plan.version, status, pack,
            title=plan.name, anchor=plan.anchor, definition=told[plan.key],
        )  # fmt: skip
        if definition.actions:
            continue
        actions = {one["key"]: one for one in told[plan.key]["actions"]}
        definition.actions = [
            PlanAction(
                key=action.key,
                kind=action.kind,
                title=action.title,
                timing_revision=timing_revision(action),
                basis=action.timing.basis.value,
                definition=actions[action.key],
            )
            for action in plan.actions
        ]


def _keep(
    session: Session,
    model: type[Row],
    key: str,
    version: int,
    status: PublicationStatus,
    pack: packs.Pack,
    **content: Any,
) -> Row:
    """Return the row of one key and version, made where it is new, with its new status.

    A draft that brings a text already in force leaves it in force.
    """
    row = session.scalar(select(model).filter_by(key=key, version=version))
    if row is None:
        row = model(key=key, version=version, pack_key=pack.id, status=status, **content)
        session.add(row)
    elif any(getattr(row, name) != value for name, value in content.items()):
        raise PackChanged
    elif status is PublicationStatus.ACTIVE:
        row.status = status  # type: ignore[attr-defined]  # every knowledge table has one
    return row
