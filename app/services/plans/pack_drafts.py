"""Writing the next version of a pack: drafted by one person, signed by another.

Installing is the caller's: `approve` and `take_due` hand out what may go into force.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from app.domain.errors import DomainError, NotFound
from app.domain.plans.pack_differences import differences
from app.domain.plans.pack_parsing import parse_pack
from app.domain.plans.pack_versions import numbered
from app.domain.plans.packs import Pack as PackContent
from app.domain.plans.plan import PlanDefinition as Plan
from app.domain.trust.access import Actor
from app.models import (
    Article,
    DraftStatus,
    Pack,
    PackDraft,
    PlanDefinition,
    Practitioner,
    PublicationStatus,
    Questionnaire,
    Rule,
)
from app.models.plans.knowledge import knowledge
from app.models.trust.audit import record

# The base of a pack that is not there yet.
NEW: Final = "new"
LONGEST_REASON: Final = 200
_TABLES: Final = {
    "articles": Article, "questionnaires": Questionnaire, "plans": PlanDefinition, "rules": Rule,
}  # fmt: skip


class DraftChanged(DomainError):
    """Somebody saved it since, or its status is another one by now."""

    code = "draft-changed"
    title = "草稿刚刚有人改过或状态已变，请打开最新的再改"


class OwnDraft(DomainError):
    """Nobody signs what they wrote at."""

    code = "own-draft"
    title = "参与编写的人不能签署，请另一位同事签署"


class BaseReplaced(DomainError):
    """Another version went into force since the draft was begun."""

    code = "base-replaced"
    title = "草稿所依据的版本已被替换，请从现用版本重新起草"


class NothingChanged(DomainError):
    code = "nothing-changed"
    title = "草稿和现用版本没有区别"


@dataclass(frozen=True, slots=True)
class DraftLine:
    id: str
    pack_key: str
    title: str
    base_version: str
    version: str
    status: DraftStatus
    author_name: str
    approver_name: str | None
    updated_at: datetime
    effective_from: str


@dataclass(frozen=True, slots=True)
class DraftView:
    """A draft with what it changes; `may_sign` for the one who looks."""

    line: DraftLine
    revision: int
    content: Mapping[str, Any]
    changes: tuple[str, ...]
    returned_because: str | None
    is_base_current: bool
    may_sign: bool


@dataclass(frozen=True, slots=True)
class Signed:
    """A draft that somebody else signed; `is_due` where its first day has come."""

    draft_id: int
    pack: PackContent
    approver: str
    is_due: bool


def begin_draft(session: Session, pack_key: str, actor: Actor, now: datetime) -> PackDraft:
    """Begin the next version of a pack in force.

    :raises NotFound: no such pack in force
    """
    base = _in_force(session, pack_key)
    if base is None:
        raise NotFound
    return _begin(session, pack_key, base.version, base.content, actor, now)


def import_draft(
    session: Session, content: Mapping[str, Any], actor: Actor, now: datetime
) -> PackDraft:
    """Begin a draft with what was written elsewhere: of a pack in force, or a new one.

    :raises InvalidDefinition: it cannot be read as a pack
    """
    pack = parse_pack(content)
    base = _in_force(session, pack.id)
    if base is None:
        return _begin(session, pack.id, NEW, dict(content), actor, now)
    told = _numbered(session, base, content)
    parse_pack(told)
    return _begin(session, pack.id, base.version, told, actor, now)


def save_draft(
    session: Session,
    draft_id: str,
    revision: int,
    content: Mapping[str, Any],
    actor: Actor,
    now: datetime,
) -> None:
    """Keep what was written; parts that changed get their next number.

    :raises InvalidDefinition: it cannot be read as a pack, with the place
    :raises DraftChanged: somebody saved it since, or it is no longer being written
    """
    draft = _find(session, draft_id)
    if draft.revision != revision or draft.status is not DraftStatus.EDITING:
        raise DraftChanged
    base = _in_force(session, draft.pack_key)
    told = _numbered(session, base, content) if base is not None else dict(content)
    if base is None:
        told["id"] = draft.pack_key
    parse_pack(told)
    draft.content = told
    draft.revision = revision + 1
    draft.updated_at = now
    if actor.id not in draft.editor_ids:
        draft.editor_ids = [*draft.editor_ids, actor.id]
    _note(session, actor, "update", draft, now)


def submit_draft(session: Session, draft_id: str, actor: Actor, now: datetime) -> None:
    """Ask for a signature.

    :raises NothingChanged: it says what is in force already
    :raises DraftChanged: it is not being written
    """
    draft = _find(session, draft_id)
    if draft.status is not DraftStatus.EDITING:
        raise DraftChanged
    base = _in_force(session, draft.pack_key)
    if base is not None and not differences(base.content, draft.content):
        raise NothingChanged
    draft.status, draft.returned_because, draft.updated_at = DraftStatus.SUBMITTED, None, now
    _note(session, actor, "submit", draft, now)


def return_draft(session: Session, draft_id: str, reason: str, actor: Actor, now: datetime) -> None:
    """Send a draft back to be written on, with the reason; also what one submitted oneself.

    :raises DraftChanged: nobody asked for a signature
    """
    draft = _find(session, draft_id)
    if draft.status is not DraftStatus.SUBMITTED:
        raise DraftChanged
    draft.status, draft.updated_at = DraftStatus.EDITING, now
    draft.returned_because = reason.strip()[:LONGEST_REASON] or None
    _note(session, actor, "return", draft, now)


def drop_draft(session: Session, draft_id: str, actor: Actor, now: datetime) -> None:
    """Give up a draft.

    :raises DraftChanged: it was signed, or given up
    """
    draft = _find(session, draft_id)
    if draft.status not in (DraftStatus.EDITING, DraftStatus.SUBMITTED):
        raise DraftChanged
    draft.status, draft.updated_at = DraftStatus.DROPPED, now
    _note(session, actor, "drop", draft, now)


def approve_draft(
    session: Session, draft_id: str, actor: Actor, now: datetime, today: date
) -> Signed:
    """Sign a draft; it goes into force on its first day, which may be today.

    :raises OwnDraft: the signer wrote at it
    :raises BaseReplaced: another version is in force than the one it was begun from
    :raises DraftChanged: nobody asked for a signature
    """
    draft = _find(session, draft_id)
    if draft.status is not DraftStatus.SUBMITTED:
        raise DraftChanged
    if actor.id is None or actor.id in draft.editor_ids:
        raise OwnDraft
    if not _is_base_current(session, draft):
        raise BaseReplaced
    signer = session.get_one(Practitioner, actor.id)
    sign_off = {
        **draft.content.get("sign_off", {}),
        "state": "approved", "approver": (signer.name or "")[:40], "approved_on": today.isoformat(),
    }  # fmt: skip
    draft.content = {**draft.content, "sign_off": sign_off}
    draft.status, draft.approver_id = DraftStatus.APPROVED, actor.id
    draft.approved_at = draft.updated_at = now
    _note(session, actor, "approve", draft, now)
    return _signed(draft, signer.name or "", today)


def take_due(session: Session, today: date) -> list[Signed]:
    """Return what was signed and whose first day has come; the caller installs it."""
    waiting = session.scalars(
        select(PackDraft)
        .where(PackDraft.status == DraftStatus.APPROVED, PackDraft.installed_at.is_(None))
        .options(joinedload(PackDraft.approver))
        .order_by(PackDraft.id)
        .with_for_update(of=PackDraft)
    ).all()
    signed = [
        _signed(one, (one.approver.name if one.approver else None) or "", today) for one in waiting
    ]
    return [one for one in signed if one.is_due]


def mark_installed(session: Session, draft_id: int, now: datetime) -> None:
    session.get_one(PackDraft, draft_id).installed_at = now


def list_drafts(session: Session) -> tuple[DraftLine, ...]:
    """Return what is being written, waits for a signature or for its first day, newest first."""
    rows = session.scalars(
        select(PackDraft)
        .where(
            PackDraft.status.in_((DraftStatus.EDITING, DraftStatus.SUBMITTED))
            | ((PackDraft.status == DraftStatus.APPROVED) & PackDraft.installed_at.is_(None))
        )
        .options(joinedload(PackDraft.author), joinedload(PackDraft.approver))
        .order_by(PackDraft.updated_at.desc(), PackDraft.id.desc())
    )
    return tuple(_line(row) for row in rows)


def read_draft(session: Session, draft_id: str, practitioner_id: int) -> DraftView:
    """:raises NotFound: no such draft"""
    draft = _find(session, draft_id)
    base = session.scalar(select(Pack).filter_by(key=draft.pack_key, version=draft.base_version))
    return DraftView(
        _line(draft), draft.revision, draft.content,
        differences(base.content if base else {}, draft.content, knowledge(session).names),
        draft.returned_because,
        _is_base_current(session, draft),
        draft.status is DraftStatus.SUBMITTED and practitioner_id not in draft.editor_ids,
    )  # fmt: skip


def drafts_of_plan(session: Session, plan_key: str) -> dict[str, Plan]:
    """Return the plan of this key as each open draft has it, by the draft's public id."""
    rows = session.scalars(
        select(PackDraft).where(PackDraft.status.in_((DraftStatus.EDITING, DraftStatus.SUBMITTED)))
    )
    plans = {row.public_id: parse_pack(row.content).plans for row in rows}
    return {draft: plan for draft, found in plans.items() for plan in found if plan.key == plan_key}


def packs_in_force(session: Session) -> Sequence[Pack]:
    return session.scalars(
        select(Pack).filter_by(status=PublicationStatus.ACTIVE).order_by(Pack.key)
    ).all()


def versions_of(session: Session, pack_key: str) -> Sequence[Pack]:
    """Return every installed version of a pack, the newest first."""
    return session.scalars(select(Pack).filter_by(key=pack_key).order_by(Pack.id.desc())).all()


def find_version(session: Session, pack_key: str, version: str) -> Pack:
    """:raises NotFound: no such version"""
    pack = session.scalar(select(Pack).filter_by(key=pack_key, version=version))
    if pack is None:
        raise NotFound
    return pack


def _begin(
    session: Session,
    pack_key: str,
    base_version: str,
    content: Mapping[str, Any],
    actor: Actor,
    now: datetime,
) -> PackDraft:
    if actor.id is None:
        raise NotFound
    draft = PackDraft(
        pack_key=pack_key, base_version=base_version, content=dict(content), author_id=actor.id,
        editor_ids=[actor.id], created_at=now, updated_at=now,
    )  # fmt: skip
    session.add(draft)
    session.flush()
    _note(session, actor, "create", draft, now)
    return draft


def _find(session: Session, public_id: str) -> PackDraft:
    draft = session.scalar(
        select(PackDraft).filter_by(public_id=public_id).with_for_update(of=PackDraft)
    )
    if draft is None:
        raise NotFound
    return draft


def _in_force(session: Session, pack_key: str) -> Pack | None:
    return session.scalar(select(Pack).filter_by(key=pack_key, status=PublicationStatus.ACTIVE))


def _is_base_current(session: Session, draft: PackDraft) -> bool:
    base = _in_force(session, draft.pack_key)
    return draft.base_version == (base.version if base else NEW)


def _numbered(session: Session, base: Pack, content: Mapping[str, Any]) -> dict[str, Any]:
    taken = set(session.scalars(select(Pack.version).filter_by(key=base.key)))
    greatest: dict[tuple[str, str], int] = {}
    for part, table in _TABLES.items():
        columns = table.__table__.c
        rows = session.execute(select(columns.key, func.max(columns.version)).group_by(columns.key))
        greatest |= {(part, row[0]): row[1] for row in rows}
    return numbered(base.content, content, taken, greatest)


def _signed(draft: PackDraft, approver: str, today: date) -> Signed:
    pack = parse_pack(draft.content)
    return Signed(draft.id, pack, approver, pack.effective_from <= today)


def _note(session: Session, actor: Actor, action: str, draft: PackDraft, now: datetime) -> None:
    detail = {"draft": draft.public_id, "pack": draft.pack_key, "revision": draft.revision}
    record(session, actor, action, "pack-draft", now, detail=detail)


def _line(draft: PackDraft) -> DraftLine:
    content = draft.content
    return DraftLine(
        draft.public_id, draft.pack_key, str(content.get("title", "")), draft.base_version,
        str(content.get("version", "")), draft.status, draft.author.name or "",
        draft.approver.name if draft.approver else None, draft.updated_at,
        str(content.get("effective_from", "")),
    )  # fmt: skip
