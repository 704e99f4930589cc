"""All patients' tags made anew from their facts, in batches, with a place to go on from.

Events keep tags true one patient at a time. A pass over all patients is for what no event tells:
rules that changed, a restored backup. It asks the same rules in the same way, so that after it,
as after the events, another pass finds nothing to do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Patient, TagRebuild
from app.models.profile.tag_library import library
from app.services.profile.tags.tagging import retag, review_tags


@dataclass(frozen=True, slots=True)
class Difference:
    """A patient whose tags are not what the rules say now."""

    patient_id: int
    to_give: tuple[str, ...]
    to_end: tuple[str, ...]
    other: tuple[str, ...]  # on other grounds, for longer, or proposed


def begin(session: Session, now: datetime, *, anew: bool = False) -> TagRebuild:
    """Return the pass to go on with: the one that was stopped, if rules are still the same."""
    stamp = library(session).stamp
    stopped = session.scalar(
        select(TagRebuild)
        .filter_by(library=stamp, finished_at=None)
        .order_by(TagRebuild.id.desc())
        .limit(1)
    )
    if stopped is not None and not anew:
        return stopped
    run = TagRebuild(library=stamp, after_id=0, patients=0, changed=0, started_at=now)
    session.add(run)
    session.flush()
    return run


def is_due(session: Session) -> bool:
    """Tell whether rules changed since the last pass over all patients was finished."""
    newest = select(TagRebuild.library).where(TagRebuild.finished_at.is_not(None))
    done = session.scalar(newest.order_by(TagRebuild.finished_at.desc()).limit(1))
    return done != library(session).stamp


def step(session: Session, run: TagRebuild, now: datetime, zone: ZoneInfo, limit: int = 50) -> int:
    """Make some patients' tags anew and return how many it were; 0 ends the pass."""
    ids = _next(session, run.after_id, limit)
    for patient_id in ids:
        run.changed += retag(session, patient_id, now, zone)
    run.patients += len(ids)
    if ids:
        run.after_id = ids[-1]
    else:
        run.finished_at = now
    session.flush()
    return len(ids)


def check(
    session: Session, after_id: int, now: datetime, zone: ZoneInfo, limit: int = 50
) -> tuple[int, list[Difference]]:
    """Compare some patients' tags with what the rules say; nothing is written.

    Return the last patient looked at (0 when nobody is left) and those who differ.
    """
    known = library(session)
    ids = _next(session, after_id, limit)
    found = []
    for patient_id in ids:
        changes = review_tags(session, patient_id, known.index.slots, known, now, zone).changes
        if changes:
            found.append(
                Difference(
                    patient_id,
                    tuple(sorted(one.tag_key for each in changes for one in each.give)),
                    tuple(sorted(key for each in changes for key in each.end)),
                    tuple(
                        sorted(
                            {one.tag_key for each in changes for one in (*each.renew, *each.ask)}
                            | {key for each in changes for key in each.supersede}
                        )
                    ),
                )
            )
        session.expunge_all()  # a pass over everybody holds no one
    return (ids[-1] if ids else 0), found


def count_patients(session: Session) -> int:
    return (
        session.scalar(select(func.count(Patient.id)).where(Patient.merged_into_id.is_(None))) or 0
    )


def _next(session: Session, after_id: int, limit: int) -> Sequence[int]:
    return session.scalars(
        select(Patient.id)
        .where(Patient.id > after_id, Patient.merged_into_id.is_(None))
        .order_by(Patient.id)
        .limit(limit)
    ).all()
