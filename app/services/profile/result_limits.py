"""The limits and services a department signs off, put in force and ended; never changed."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.intake.hospital_records import Gender, ResultFlag
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.profile.units import UnitNotConvertible, in_judged_unit
from app.models import DepartmentLimit, ResultService, ServiceKind

_LIMIT_FIELDS: Final = frozenset(
    {
        "code", "unit", "sex", "age_from_days", "age_until_days", "critical_low", "critical_high",
        "delta_percent", "delta_within_days", "unless_conditions", "only_first", "tells_patient",
    }
)  # fmt: skip
_SERVICE_FIELDS: Final = frozenset({"code", "flags", "kind", "subject", "text", "due_within_days"})


class InvalidLimit(ValueError):
    """The list cannot be put in force; the text names the entry and what is wrong with it."""


def put_in_force(
    session: Session,
    department_code: str,
    limits: Iterable[Mapping[str, Any]],
    services: Iterable[Mapping[str, Any]],
    approved_by: str,
    now: datetime,
) -> tuple[int, int]:
    """Replace a department's limits and services by those given; return how many of each.

    Old ones end and stay, so that every alert still names the limit it stood on.

    :raises InvalidLimit: an entry is wrong; nothing is changed
    """
    new_limits = [_limit(one, f"limits[{n}]") for n, one in enumerate(limits)]
    new_services = [_service(one, f"services[{n}]") for n, one in enumerate(services)]
    ended = {"department_code": department_code, "ends_at": None}
    old_limits = session.scalars(select(DepartmentLimit).filter_by(**ended)).all()
    old_services = session.scalars(select(ResultService).filter_by(**ended)).all()
    olds: list[DepartmentLimit | ResultService] = [*old_limits, *old_services]
    for old in olds:
        old.ends_at = now
    news: list[DepartmentLimit | ResultService] = [*new_limits, *new_services]
    for new in news:
        new.department_code = department_code
        new.approved_by = approved_by
        new.starts_at = now
        session.add(new)
    session.flush()
    return len(new_limits), len(new_services)


def _limit(given: Mapping[str, Any], at: str) -> DepartmentLimit:
    _only(given, _LIMIT_FIELDS, at)
    code = _code(given, at)
    if code not in OBSERVATION_KINDS:
        raise InvalidLimit(f"{at}: 检验项目 {code} 不在目录中")
    bounds = [_number(given, name, at) for name in ("critical_low", "critical_high")]
    low, high = (_converted(code, one, str(given.get("unit", "")), at) for one in bounds)
    delta = _number(given, "delta_percent", at)
    if low is None and high is None and delta is None:
        raise InvalidLimit(f"{at}: 没有任何界限（critical_low、critical_high、delta_percent）")
    if low is not None and high is not None and low >= high:
        raise InvalidLimit(f"{at}: critical_low 不小于 critical_high")
    return DepartmentLimit(
        code=code,
        unit=OBSERVATION_KINDS[code].unit,
        critical_low=low,
        critical_high=high,
        delta_percent=delta,
        sex=_sex(given, at),
        age_from_days=int(given.get("age_from_days", 0)),
        age_until_days=given.get("age_until_days"),
        delta_within_days=int(given.get("delta_within_days", 90)),
        unless_conditions=[str(one) for one in given.get("unless_conditions", ())],
        only_first=bool(given.get("only_first", False)),
        tells_patient=bool(given.get("tells_patient", False)),
    )


def _converted(code: str, value: Decimal | None, unit: str, at: str) -> Decimal | None:
    """Return a bound in the unit in which the code is judged."""
    if value is None:
        return None
    try:
        return in_judged_unit(code, value, unit)
    except UnitNotConvertible:
        judged = OBSERVATION_KINDS[code].unit
        raise InvalidLimit(f"{at}: 单位 {unit or '（空）'} 不能换算为 {judged}") from None


def _service(given: Mapping[str, Any], at: str) -> ResultService:
    _only(given, _SERVICE_FIELDS, at)
    try:
        kind = ServiceKind(given.get("kind", ""))
        flags = [ResultFlag(one).value for one in given.get("flags", ())]
    except ValueError as problem:
        raise InvalidLimit(f"{at}: {problem}") from None
    text = str(given.get("text", "")).strip()
    if not flags or not text:
        raise InvalidLimit(f"{at}: 缺少 flags 或 text")
    if kind in (ServiceKind.ARTICLE, ServiceKind.EXAM) and not given.get("subject"):
        raise InvalidLimit(f"{at}: {kind} 需要 subject")
    return ResultService(
        code=_code(given, at),
        flags=flags,
        kind=kind,
        subject=given.get("subject"),
        text=text,
        due_within_days=int(given.get("due_within_days", 14)),
    )


def _only(given: Mapping[str, Any], known: frozenset[str], at: str) -> None:
    if strange := sorted(set(given) - known):
        raise InvalidLimit(f"{at}: 不认识的字段 {'、'.join(strange)}")


def _code(given: Mapping[str, Any], at: str) -> str:
    code = str(given.get("code", ""))
    if not code:
        raise InvalidLimit(f"{at}: 缺少 code（LOINC）")
    return code


def _sex(given: Mapping[str, Any], at: str) -> Gender | None:
    try:
        return Gender(given["sex"]) if given.get("sex") else None
    except ValueError:
        raise InvalidLimit(f"{at}: sex 应为 male 或 female") from None


def _number(given: Mapping[str, Any], name: str, at: str) -> Decimal | None:
    value = given.get(name)
    if value is None:
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise InvalidLimit(f"{at}: {name} 不是数") from None
