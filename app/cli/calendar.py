"""Verbs for the hospital's days off, on which plans do not call anybody in."""

from datetime import date
from pathlib import Path

import click
from sqlalchemy import Engine, select

from app import clock
from app.cli.frame import OPERATOR, Failed, with_database
from app.database import unit_of_work
from app.domain.definitions import InvalidDefinition
from app.domain.plans.working_days import parse_calendar
from app.integrations.pack_files import read_yaml
from app.models import CalendarDay
from app.models.trust.audit import record
from app.services.plans import working_calendar
from app.settings import Settings


@click.group()
def calendar() -> None:
    """Public holidays and the weekend days worked instead, a year at a time."""


@calendar.command("load")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_database
def load(loaded: Settings, engine: Engine, *, path: Path) -> None:
    """Put one year in force; what was known of that year ends.

    The file is YAML: year, source, free (name, from, until), worked.
    """
    try:
        year = parse_calendar(read_yaml(path))
    except InvalidDefinition as problem:
        raise Failed(f"{path}: {problem}") from None
    with unit_of_work.begin() as session:
        count = working_calendar.put_in_force(session, year, clock.now())
        detail = {"year": year.year, "days": count}
        record(session, OPERATOR, "approve", "calendar", clock.now(), detail=detail)
    print(f"{year.year}: {len(year.free)} days off, {len(year.worked)} weekend days worked")


@calendar.command("list")
@click.argument("year", type=int)
@with_database
def list_(loaded: Settings, engine: Engine, *, year: int) -> None:
    """List what differs from the ordinary week."""
    within = CalendarDay.day.between(date(year, 1, 1), date(year, 12, 31))
    with unit_of_work.begin() as session:
        for one in session.scalars(select(CalendarDay).where(within).order_by(CalendarDay.day)):
            print(f"{one.day}  {'worked' if one.is_worked else 'free  '}  {one.name}")
