"""What the scores say of a patient, kept when it changes; and the priority of following up."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.domain.profile.risk import follow_up_priority as priority
from app.domain.profile.risk import local_model
from app.domain.profile.risk.follow_up_priority import Moment, follow_up_priority
from app.domain.profile.risk.frame import (
    AGE,
    GENDER,
    Assessment,
    Contribution,
    Effect,
    Given,
    Inputs,
    NotComputable,
    Score,
    Value,
    plain,
)
from app.domain.profile.risk.library import SCORES, needs_of, woken_by
from app.domain.profile.risk.loss_to_follow_up import features
from app.domain.profile.risk.prediction import Prediction, Row
from app.models import CarePlan, Event, Patient, RiskAssessment, TrainedModel
from app.models.profile.follow_up_history import load_follow_up_history
from app.models.profile.risk_inputs import load_inputs
from app.models.profile.risk_lines import active_model

EVERYTHING: Final = frozenset({"everything"})
_BATCH: Final = 20  # patients in a transaction: their rows are locked until it ends
_MONTH: Final = timedelta(days=30)
_PERSON: Final = {AGE: ("年龄", "岁"), GENDER: ("性别", None)}
_WORDS: Final[dict[Value, str]] = {True: "是", False: "否", "male": "男", "female": "女",
    "first": "一级亲属", "second": "二级亲属", "none": "无", "unknown": "不明", "other": "其他",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Told:
    """One assessment as its row is to be."""

    score: str
    version: str
    value: Decimal | None
    band: str | None
    inputs: list[dict[str, Any]]
    missing: list[str]


def assess(
    session: Session,
    patient_id: int,
    words: Collection[str],
    now: datetime,
    zone: ZoneInfo,
    *,
    home: str | None = None,
    cause: Event | None = None,
) -> int:
    """Ask the scores that something about `words` can change; return how many changed.

    A changed value or band ends the assessment before, begins a new one and writes `risk.assessed`;
    the same value with other inputs only brings its row up to date. What nobody would ask of this
    patient is not kept. `home` is the province and city of the hospital.
    """
    asked, is_followed = woken_by(words), bool(priority.WAKES & frozenset(words))
    if not asked and not is_followed:
        return 0
    # Two events of one patient take turns: the second sees what the first decided.
    patient = session.get_one(Patient, patient_id, with_for_update=True)
    if patient.merged_into_id is not None or patient.deceased_at is not None:
        return 0
    found: dict[str, _Told | None] = {}
    if asked:
        inputs = load_inputs(session, patient, now, zone, needs_of(asked))
        found = {score.key: _of_score(score, inputs, now) for score in asked}
    if is_followed:
        found.update(_of_follow_up(session, patient, now, zone, home))
    kept = _current(session, patient_id, found)
    return sum(
        _keep(session, patient_id, kept.get(key), told, now, cause) for key, told in found.items()
    )


@dataclass(frozen=True, slots=True)
class Step:
    """How far a pass over the patients came."""

    patients: int
    changed: int
    last: int


def assess_next(
    session: Session, after: int, now: datetime, zone: ZoneInfo, home: str | None = None
) -> Step:
    """Ask every score of the next patients by id; `patients` is 0 at the end."""
    living = select(Patient.id).where(
        Patient.id > after, Patient.merged_into_id.is_(None), Patient.deceased_at.is_(None)
    )
    return _assess_each(session, living.order_by(Patient.id), EVERYTHING, now, zone, home)


def follow_on(
    session: Session, after: int, now: datetime, zone: ZoneInfo, home: str | None = None
) -> Step:
    """Ask again what time alone changes, of the next patients on an open plan."""
    on_plan = select(CarePlan.patient_id).where(
        CarePlan.patient_id > after, CarePlan.is_open.is_(True)
    )
    words = frozenset({"follow-up", "encounter"})
    on_plan = on_plan.distinct().order_by(CarePlan.patient_id)
    return _assess_each(session, on_plan, words, now, zone, home)


def refresh_old(
    session: Session, after: int, now: datetime, zone: ZoneInfo, home: str | None = None
) -> Step:
    """Ask again everything of the next patients whose assessment is a month old: inputs age."""
    old = select(RiskAssessment.patient_id).where(
        RiskAssessment.patient_id > after,
        RiskAssessment.is_current.is_(True),
        RiskAssessment.computed_at < now - _MONTH,
    )
    old = old.distinct().order_by(RiskAssessment.patient_id)
    return _assess_each(session, old, EVERYTHING, now, zone, home)


def _assess_each(
    session: Session,
    which: Select[int],
    words: frozenset[str],
    now: datetime,
    zone: ZoneInfo,
    home: str | None,
) -> Step:
    ids = session.scalars(which.limit(_BATCH)).all()
    changed = sum(assess(session, one, words, now, zone, home=home) for one in ids)
    return Step(len(ids), changed, ids[-1] if ids else 0)


def explain(
    session: Session, patient_id: int, now: datetime, zone: ZoneInfo
) -> dict[str, Assessment | NotComputable]:
    """Return what every score says of a patient, also those that nobody would ask; keep nothing."""
    patient = session.get_one(Patient, patient_id)
    inputs = load_inputs(session, patient, now, zone, needs_of(tuple(SCORES.values())))
    return {key: score.compute(inputs, now) for key, score in SCORES.items()}


# -------------------------------------------------------------------------- what is said


def _of_score(score: Score, inputs: Inputs, now: datetime) -> _Told | None:
    if not score.is_asked(inputs):
        return None
    said = score.compute(inputs, now)
    shares = {} if isinstance(said, NotComputable) else _by_key(said.contributions)
    names = dict(_PERSON)
    names.update({need.key: (need.name, need.unit or None) for need in score.needs})
    lines = [
        _input(key, names[key], given, shares.get(key))
        for key in names
        if isinstance(given := inputs.get(key), Given)
    ]
    return _told(score.key, score.version, said, lines)


def _by_key(contributions: Iterable[Contribution]) -> dict[str, Contribution]:
    return {one.key: one for one in contributions}


def _told(
    key: str, version: str, said: Assessment | NotComputable, inputs: list[dict[str, Any]]
) -> _Told:
    if isinstance(said, NotComputable):
        return _Told(key, version, None, None, inputs, list(said.reasons))
    return _Told(key, version, said.value, said.band, inputs, [])


def _input(
    key: str, name: tuple[str, str | None], given: Given, share: Contribution | None
) -> dict[str, Any]:
    value = given.value
    shown = plain(value) if isinstance(value, Decimal) else _WORDS.get(value, str(value))
    line = {
        "key": key, "name": name[0], "value": shown, "unit": name[1],
        "at": given.at.isoformat() if given.at else None, "row": given.row or None,
        "note": given.note, "share": _share(share),
    }  # fmt: skip
    return {field: said for field, said in line.items() if said not in (None, "")}


def _share(share: Contribution | None) -> str | None:
    """Say what an input adds; what is nobody's to change is kept back (the waist of men)."""
    if share is None or not share.is_lever:
        return None
    match share.effect:
        case Effect.POINTS:
            return f"+{plain(share.amount)} 分"
        case Effect.TERM:
            return f"{'' if share.amount < 0 else '+'}{plain(share.amount)}"
    return f"×{plain(share.amount)}"


# ------------------------------------------------------------------------- following up


def _of_follow_up(
    session: Session, patient: Patient, now: datetime, zone: ZoneInfo, home: str | None
) -> dict[str, _Told | None]:
    moment = Moment(load_follow_up_history(session, patient), now, zone, home)
    plan = moment.history.open_plan()
    if plan is None:
        return {priority.KEY: None, local_model.KEY: None}
    said = follow_up_priority(moment)
    shares = [] if isinstance(said, NotComputable) else said.contributions
    lines = [
        {
            "key": one.key, "name": priority.RULES[one.key][0], "value": one.note,
            "share": _share(one),
        }
        for one in shares
    ]  # fmt: skip
    listed = _told(priority.KEY, priority.VERSION, said, lines)
    model = _model_for(session, moment.history.department)
    guessed = None if model is None else _guess(model, features(moment, plan))
    return {priority.KEY: listed, local_model.KEY: guessed}


def _model_for(session: Session, department: str | None) -> TrainedModel | None:
    """Return the model in use for a department, else the one for all."""
    of_department = (
        active_model(session, local_model.model_key(local_model.KEY, department))
        if department
        else None
    )
    return of_department or active_model(session, local_model.KEY)


def _guess(model: TrainedModel, row: Row) -> _Told | None:
    prediction = Prediction.from_json(model.weights)
    known = {column.name for column in prediction.featuriser.columns}
    if not known <= set(row):
        return None  # trained on columns that this record does not have
    percent = local_model.as_percent(prediction.probability(row))
    shares = sorted(prediction.shares(row).items(), key=lambda one: -abs(one[1]))
    lines = [
        {"key": name, "name": name, "value": _cell(row[name]), "share": f"{share:+.2f}（对数优势）"}
        for name, share in shares
    ]
    version = f"{model.key}#{model.version}"
    band = local_model.band_of(percent).key
    return _Told(local_model.KEY, version, percent, band, lines, [])


def _cell(cell: float | str | None) -> str:
    return "未知" if cell is None else f"{cell:g}" if isinstance(cell, float) else cell


# ---------------------------------------------------------------------------- what is kept


def _current(session: Session, patient_id: int, keys: Collection[str]) -> dict[str, RiskAssessment]:
    rows = session.scalars(
        select(RiskAssessment).where(
            RiskAssessment.patient_id == patient_id,
            RiskAssessment.is_current.is_(True),
            RiskAssessment.score.in_(list(keys)),
        )
    )
    return {row.score: row for row in rows}


def _keep(
    session: Session,
    patient_id: int,
    kept: RiskAssessment | None,
    told: _Told | None,
    now: datetime,
    cause: Event | None,
) -> bool:
    """Make the current row say what was found; tell whether value or band changed."""
    if told is None:
        if kept is None:
            return False
        kept.is_current = None
        if kept.band is None:
            return False
        _tell(session, kept, now, cause)
        return True
    if kept is not None and (kept.version, kept.value, kept.band) == (
        told.version, told.value, told.band,
    ):  # fmt: skip
        kept.inputs, kept.missing, kept.computed_at = told.inputs, told.missing, now
        return False
    if kept is not None:
        kept.is_current = None
        session.flush()  # only one may be current
    row = RiskAssessment(
        patient_id=patient_id, score=told.score, version=told.version, value=told.value,
        band=told.band, inputs=told.inputs, missing=told.missing, computed_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    is_news = (kept.value, kept.band) != (told.value, told.band) if kept else told.band is not None
    if is_news:
        _tell(session, row, now, cause)
    return is_news


def _tell(session: Session, row: RiskAssessment, now: datetime, cause: Event | None) -> None:
    session.add(
        Event.of(
            "risk.assessed", now, patient_id=row.patient_id, cause=cause, score=row.score,
            assessment_id=row.id,
        )
    )  # fmt: skip
