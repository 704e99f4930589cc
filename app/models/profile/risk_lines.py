"""What the scores say of a patient, as pages show it; and the model in use for an outcome."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.profile.risk import follow_up_priority as priority
from app.domain.profile.risk import local_model
from app.domain.profile.risk.frame import Band, Score
from app.domain.profile.risk.library import SCORES
from app.models.profile.risk import ModelKind, RiskAssessment, TrainedModel

_ORDER: Final = (priority.KEY, local_model.KEY, *SCORES)


@dataclass(frozen=True, slots=True)
class RiskInput:
    """One input as it entered a score; `share` says in words what it adds, None where it is kept
    back or adds nothing. `row` is where it stands in the record ("observation:12")."""

    key: str
    name: str
    value: str
    unit: str | None
    at: datetime | None
    row: str | None
    note: str
    share: str | None


@dataclass(frozen=True, slots=True)
class RiskLine:
    """One current assessment; without a value `missing` says why, in Chinese."""

    key: str
    name: str
    value: Decimal | None
    unit: str
    band: str | None  # key
    band_name: str | None
    sentence: str
    inputs: tuple[RiskInput, ...]
    missing: tuple[str, ...]
    version: str
    source: str
    computed_at: datetime


def read_risk(session: Session, patient_id: int) -> tuple[RiskLine, ...]:
    """Return the current assessments of a patient, the priority of follow-up first.

    A probability is there only while the model that gave it is in use.
    """
    rows = session.scalars(
        select(RiskAssessment).where(
            RiskAssessment.patient_id == patient_id, RiskAssessment.is_current.is_(True)
        )
    )
    lines = (_line(session, row) for row in rows)
    return tuple(
        sorted(
            (line for line in lines if line is not None),
            key=lambda line: (line.value is None, _ORDER.index(line.key)),
        )
    )


def active_model(session: Session, key: str) -> TrainedModel | None:
    """Return the model of risk in use under this key, if there is one."""
    return session.scalar(
        select(TrainedModel).where(
            TrainedModel.kind == ModelKind.RISK,
            TrainedModel.key == key,
            TrainedModel.is_active.is_(True),
        )
    )


def _line(session: Session, row: RiskAssessment) -> RiskLine | None:
    if row.score == priority.KEY:
        band = None if row.value is None else priority.band_of(row.value)
        sentence = priority.meaning(row.value, band) if row.value is not None and band else ""
        return _told(row, priority.NAME, "{score}", priority.SOURCE, band, sentence)
    if row.score == local_model.KEY:
        model_key, _, version = row.version.rpartition("#")
        model = active_model(session, model_key)
        if model is None or str(model.version) != version or row.value is None:
            return None
        band = local_model.band_of(row.value)
        sentence = local_model.meaning(row.value)
        return _told(row, local_model.NAME, "%", local_model.SOURCE, band, sentence)
    score = SCORES.get(row.score)
    if score is None:
        return None  # a score that this version of the program no longer knows
    band, sentence = _of_score(score, row.value)
    return _told(row, score.name, score.unit, score.source, band, sentence)


def _of_score(score: Score, value: Decimal | None) -> tuple[Band | None, str]:
    if value is None:
        return None, ""
    band = score.band_of(value)
    return band, score.meaning(value, band)


def _told(
    row: RiskAssessment, name: str, unit: str, source: str, band: Band | None, sentence: str
) -> RiskLine:
    return RiskLine(
        key=row.score,
        name=name,
        value=row.value,
        unit=unit,
        band=row.band,
        band_name=band.name if band else None,
        sentence=sentence or f"暂不能计算：{'；'.join(row.missing)}。",
        inputs=tuple(_input(one) for one in row.inputs),
        missing=tuple(row.missing),
        version=row.version,
        source=source,
        computed_at=row.computed_at,
    )


def _input(kept: dict[str, Any]) -> RiskInput:
    at = kept.get("at")
    return RiskInput(
        key=kept["key"],
        name=kept["name"],
        value=kept["value"],
        unit=kept.get("unit"),
        at=datetime.fromisoformat(at) if at else None,
        row=kept.get("row"),
        note=kept.get("note", ""),
        share=kept.get("share"),
    )
