"""Verbs for critical limits and the services that abnormal results call for."""

from pathlib import Path

import click
import yaml
from sqlalchemy import Engine, select

from app import clock
from app.cli.frame import OPERATOR, Failed, with_database
from app.database import unit_of_work
from app.models import DepartmentLimit, ResultService
from app.models.trust.audit import record
from app.services.profile.result_limits import InvalidLimit, put_in_force
from app.settings import Settings


@click.group()
def limits() -> None:
    """Critical limits and what abnormal results call for, as departments signed them off."""


@limits.command("load")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--approver", required=True, help="Who in the department signed the list.")
@with_database
def load(loaded: Settings, engine: Engine, *, path: Path, approver: str) -> None:
    """Put a department's list in force; the list before it ends.

    The file is YAML: department (or `*`), limits, services.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise Failed(f"{path}: 不是有效的 YAML 文件") from None
    if not isinstance(content, dict) or not content.get("department"):
        raise Failed(f"{path}: 缺少 department")
    department = str(content["department"])
    with unit_of_work.begin() as session:
        try:
            counts = put_in_force(
                session, department, content.get("limits") or (), content.get("services") or (),
                approver, clock.now(),
            )  # fmt: skip
        except InvalidLimit as problem:
            raise Failed(f"{path}: {problem}") from None
        detail = {"department": department, "limits": counts[0], "services": counts[1]}
        record(session, OPERATOR, "approve", "result-limits", clock.now(), detail=detail)
    print(f"{department}: {counts[0]} limits, {counts[1]} services in force")


@limits.command("list")
@with_database
def list_(loaded: Settings, engine: Engine) -> None:
    """List what is in force."""
    with unit_of_work.begin() as session:
        for limit in session.scalars(select(DepartmentLimit).filter_by(ends_at=None)):
            bounds = f"<= {_shown(limit.critical_low)}  >= {_shown(limit.critical_high)}"
            print(f"{limit.department_code:12} {limit.code:10} {bounds} {limit.unit}")
        for service in session.scalars(select(ResultService).filter_by(ends_at=None)):
            flags = ",".join(service.flags)
            print(f"{service.department_code:12} {service.code:10} {flags} -> {service.kind}")


def _shown(value: object) -> str:
    return "-" if value is None else f"{value:f}"
