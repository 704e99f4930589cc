"""What this hospital's own follow-up teaches: windows that are over, with what was known then."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.profile.risk.loss_to_follow_up import Sample, samples
from app.domain.profile.risk.training_set import InvalidTrainingSet, TrainingSet, split_by_time
from app.models import CarePlan, Patient
from app.models.profile.follow_up_history import load_follow_up_history

_BATCH: Final = 100


def read_past(
    session: Session,
    now: datetime,
    zone: ZoneInfo,
    after: int,
    *,
    home: str | None = None,
    department: str | None = None,
) -> tuple[list[Sample], int]:
    """Return the samples of the next patients with a plan, and where to go on (0: at the end)."""
    with_plan = select(CarePlan.patient_id).where(CarePlan.patient_id > after)
    which = select(Patient).where(
        Patient.id > after,
        Patient.id.in_(with_plan),
        # Records that were merged speak through their head.
        Patient.merged_into_id.is_(None),
    )
    if department is not None:
        which = which.where(Patient.department_code == department)
    patients = session.scalars(which.order_by(Patient.id).limit(_BATCH)).all()
    found = [
        sample
        for patient in patients
        for sample in samples(load_follow_up_history(session, patient), now, zone, home)
    ]
    return found, patients[-1].id if len(patients) == _BATCH else 0


def training_set_of(past: Sequence[Sample]) -> TrainingSet:
    """Return the training set of samples, split by time, with the list's points to compare.

    :raises InvalidTrainingSet: there are none
    """
    if not past:
        raise InvalidTrainingSet("还没有已经结束的随访窗口，无法训练")
    return TrainingSet(
        rows=[one.features for one in past],
        outcomes=[one.is_lost for one in past],
        parts=split_by_time([one.at.timestamp() for one in past]),
        features=tuple(past[0].features),
        subgroups=("age", "gender", "plan"),
        baseline=[one.priority for one in past],
        baseline_name="priority",
        split="time",
        dropped={},
        source="database",
    )
