"""Drafts of packs that nobody went on with: deleted after a while, with a line in the trail."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.trust.access import Actor
from app.models import DraftStatus, PackDraft
from app.models.trust.audit import record

_BY_CLOCK: Final = Actor("job", None, "purge-drafts")


def purge_drafts(session: Session, now: datetime, kept_for: timedelta, limit: int = 50) -> int:
    """Delete drafts that were not signed and not touched for so long; return how many.

    What was signed stays: it says who answers for a version.
    """
    old = session.scalars(
        select(PackDraft)
        .where(PackDraft.status != DraftStatus.APPROVED, PackDraft.updated_at < now - kept_for)
        .order_by(PackDraft.id)
        .limit(limit)
        .with_for_update(of=PackDraft, skip_locked=True)
    ).all()
    for draft in old:
        session.delete(draft)
    for draft in old:
        detail = {
            "draft": draft.public_id, "pack": draft.pack_key, "state": draft.status.value,
            "author": draft.author_id,
        }  # fmt: skip
        record(session, _BY_CLOCK, "purge", "pack-draft", now, detail=detail)
    return len(old)
