"""Models as they are kept: in versions, at most one in use, and that only when it may be."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.errors import DomainError
from app.domain.profile.risk import local_model
from app.domain.profile.risk.activation import refusals
from app.domain.trust.access import Actor
from app.models import Event, ModelKind, RiskAssessment, TrainedModel
from app.models.trust.audit import record
from app.services.profile.risk_training.fitting import Trained

_BATCH: Final = 500


class NoSuchModel(DomainError):
    code = "no-such-model"
    title = "没有这个模型"


class ActivationRefused(DomainError):
    """The model is no better than the list, or cannot be trusted; `reasons` are all of them."""

    code = "activation-refused"

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(self.code)
        self.reasons = tuple(reasons)
        self.title = "不能启用这个模型：" + "；".join(self.reasons)


def keep(session: Session, key: str, trained: Trained, actor: Actor, now: datetime) -> TrainedModel:
    """Keep a trained model as the next version of its key; it is not in use."""
    last = session.scalar(
        select(func.max(TrainedModel.version)).where(
            TrainedModel.kind == ModelKind.RISK, TrainedModel.key == key
        )
    )
    model = TrainedModel(
        kind=ModelKind.RISK, key=key, version=(last or 0) + 1, is_active=None,
        weights=trained.prediction.as_json(), report=trained.report, trained_at=now,
    )  # fmt: skip
    session.add(model)
    session.flush()
    record(session, actor, "train", "risk-model", now, detail={"model": model_name(model)})
    return model


def activate(
    session: Session, name: str, approver: str, actor: Actor, now: datetime
) -> TrainedModel:
    """Put a model in use in the place of the one before; `approver` answers for it.

    The bounds are asked of the report again: they may have been tightened since.

    :raises NoSuchModel: nothing is called so
    :raises ActivationRefused: its report does not allow it
    """
    model = find_model(session, name)
    reasons = refusals(model.report)
    if reasons:
        raise ActivationRefused(reasons)
    for other in session.scalars(
        select(TrainedModel).where(
            TrainedModel.kind == ModelKind.RISK,
            TrainedModel.key == model.key,
            TrainedModel.is_active.is_(True),
        )
    ):
        other.is_active = None
    session.flush()  # only one may be in use
    model.is_active = True
    model.report = {**model.report, "approval": {"by": approver, "at": now.isoformat()}}
    record(session, actor, "activate", "risk-model", now, detail={"model": model_name(model)})
    return model


def retire(session: Session, name: str, actor: Actor, now: datetime) -> TrainedModel:
    """Take a model out of use: from now on no probability of it is shown.

    :raises NoSuchModel: nothing is called so
    """
    model = find_model(session, name)
    model.is_active = None
    record(session, actor, "retire", "risk-model", now, detail={"model": model_name(model)})
    return model


def end_assessments(session: Session, model: TrainedModel, now: datetime) -> int:
    """End some of what a model said of patients, each with its event; return how many, 0: none.

    Pages stop showing its probability at once; segments count by the rows, so these end too.
    """
    rows = session.scalars(
        select(RiskAssessment)
        .where(
            RiskAssessment.score == local_model.KEY,
            RiskAssessment.is_current.is_(True),
            RiskAssessment.version == model_name(model),
        )
        .limit(_BATCH)
    ).all()
    for row in rows:
        row.is_current = None
        session.add(
            Event.of(
                "risk.assessed", now, patient_id=row.patient_id, score=row.score,
                assessment_id=row.id,
            )
        )  # fmt: skip
    return len(rows)


def find_model(session: Session, name: str) -> TrainedModel:
    """Return the model called KEY#VERSION, or the newest of a KEY.

    :raises NoSuchModel: nothing is called so
    """
    key, _, version = name.partition("#")
    if not key.isascii() or not key or " " in key or (version and not version.isdecimal()):
        raise NoSuchModel
    which = select(TrainedModel).where(TrainedModel.kind == ModelKind.RISK, TrainedModel.key == key)
    if version:
        which = which.where(TrainedModel.version == int(version))
    model = session.scalar(which.order_by(TrainedModel.version.desc()).limit(1))
    if model is None:
        raise NoSuchModel
    return model


def list_models(session: Session) -> Sequence[TrainedModel]:
    return session.scalars(
        select(TrainedModel)
        .where(TrainedModel.kind == ModelKind.RISK)
        .order_by(TrainedModel.key, TrainedModel.version)
    ).all()


def model_name(model: TrainedModel) -> str:
    return f"{model.key}#{model.version}"
