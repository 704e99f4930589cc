"""Photos that patients send for the team to look at."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.errors import DomainError, NotFound
from app.domain.plans.plan import ActionKind
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.profile.photos import MOST_A_DAY, PhotoSubject, TakenInFuture, TooManyPhotos
from app.domain.profile.vital_signs import CLOCK_SKEW
from app.models import Event, Patient, Photo, Reporter, Task, TaskOwner

_PAGE: Final = 50
# A phone may be offline for hours: what was taken in time was not missed.
_ANSWERABLE: Final = (
    TaskStatus.REQUESTED, TaskStatus.READY, TaskStatus.IN_PROGRESS, TaskStatus.MISSED,
)  # fmt: skip


class PhotoReferenceReused(DomainError):
    code = "reference-reused"
    title = "这次提交和上一次不一致，请重新拍照"


@dataclass(frozen=True, slots=True)
class Shot:
    """What a phone says of a photo; `original` is the digest of the bytes it sent."""

    reference: UUID
    subject: PhotoSubject
    taken_at: datetime
    original: bytes


@dataclass(frozen=True, slots=True)
class Sender:
    reporter: Reporter
    account_id: int


def keep_photo(
    session: Session,
    patient_id: int,
    shot: Shot,
    sender: Sender,
    content: bytes,
    size: tuple[int, int],
    now: datetime,
) -> tuple[Photo, bool]:
    """Keep a photo, sealed, finish the task it answers, and return whether it is new.

    `content` is the JPEG to keep, `size` its width and height. The same reference again returns
    the first photo. The team hears of it by an event.

    :raises PhotoReferenceReused: the reference is known, but of another photo
    :raises TakenInFuture: the phone's clock is wrong
    :raises TooManyPhotos: `MOST_A_DAY` came within a day
    """
    patient = session.get_one(Patient, patient_id, with_for_update=True)
    reference = hashlib.sha256(f"{sender.account_id}:".encode() + shot.reference.bytes).digest()
    kept = session.scalar(select(Photo).filter_by(reference=reference))
    if kept is not None:
        if (kept.patient_id, kept.original) != (patient.id, shot.original):
            raise PhotoReferenceReused
        return kept, False
    if shot.taken_at - now > CLOCK_SKEW:
        raise TakenInFuture
    _refuse_floods(session, patient.id, now)
    task = _matching_task(session, patient.id, shot)
    photo = Photo(
        patient_id=patient.id, task_id=task.id if task else None, subject=shot.subject,
        reporter=sender.reporter, account_id=sender.account_id, reference=reference,
        original=shot.original, width=size[0], height=size[1], taken_at=shot.taken_at,
        received_at=now,
    )  # fmt: skip
    photo.seal(content)
    session.add(photo)
    session.flush()
    session.add(Event.of("photo.received", now, patient_id=patient.id, photo_id=photo.id))
    if task is not None:
        session.add(task.complete(now))
    return photo, True


def photos_of(session: Session, patient_id: int) -> Sequence[Photo]:
    """Return the newest photos, without what they show."""
    return session.scalars(
        select(Photo)
        .filter_by(patient_id=patient_id)
        .order_by(Photo.received_at.desc(), Photo.id.desc())
        .limit(_PAGE)
    ).all()


def find_photo(session: Session, patient_id: int, public_id: str) -> Photo:
    """:raises NotFound: no such photo of this patient"""
    photo = session.scalar(select(Photo).filter_by(patient_id=patient_id, public_id=public_id))
    if photo is None:
        raise NotFound
    return photo


def _refuse_floods(session: Session, patient_id: int, now: datetime) -> None:
    lately = select(func.count(Photo.id)).where(
        Photo.patient_id == patient_id, Photo.received_at > now - timedelta(days=1)
    )
    if (session.scalar(lately) or 0) >= MOST_A_DAY:
        raise TooManyPhotos


def _matching_task(session: Session, patient_id: int, shot: Shot) -> Task | None:
    """Return the first unanswered task for such a photo in whose window it was taken."""
    return session.scalar(
        select(Task)
        .where(
            Task.patient_id == patient_id,
            Task.owner == TaskOwner.PATIENT,
            Task.kind == ActionKind.PHOTO.value,
            Task.subject == shot.subject.value,
            Task.status.in_(_ANSWERABLE),
            Task.starts_at <= shot.taken_at,
            Task.ends_at > shot.taken_at,
        )
        .order_by(Task.starts_at, Task.id)
        .limit(1)
    )
