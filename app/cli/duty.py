"""Verbs for the duty roster: who answers the alerts of which team, and when."""

import csv
from datetime import datetime
from pathlib import Path

import click
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app import clock
from app.cli.frame import OPERATOR, Failed, with_database
from app.database import unit_of_work
from app.domain.errors import DomainError
from app.domain.staff.alert_clock import Responder
from app.models import CareTeam, Practitioner
from app.services.staff import duty_roster
from app.settings import Settings

_ROLES = click.Choice([role.value for role in Responder])


@click.group()
def duty() -> None:
    """Who answers the alerts of a team: attending, deputy, head."""


@duty.command("add")
@click.argument("team")
@click.argument("userid")
@click.argument("role", type=_ROLES)
@click.argument("starts")
@click.argument("ends")
@with_database
def add(
    loaded: Settings, engine: Engine, *, team: str, userid: str, role: str, starts: str, ends: str
) -> None:
    """Put USERID on the roster of TEAM from STARTS until ENDS (2026-05-04T17:30, hospital time)."""
    with unit_of_work.begin() as session:
        _plan(session, team, userid, role, starts, ends, "")
    print(f"{userid} answers for {team} as {role}")


@duty.command("load")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_database
def load(loaded: Settings, engine: Engine, *, path: Path) -> None:
    """Load a CSV with the columns team, userid, role, starts, ends: all of it or nothing."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except UnicodeDecodeError:
        raise Failed(f"{path}: is not UTF-8") from None
    columns = ("team", "userid", "role", "starts", "ends")
    with unit_of_work.begin() as session:
        for number, row in enumerate(rows, start=2):
            team, userid, role, starts, ends = ((row.get(one) or "").strip() for one in columns)
            _plan(session, team, userid, role, starts, ends, f"{path}:{number}: ")
    print(f"{len(rows)} shifts")


@duty.command("now")
@with_database
def now_(loaded: Settings, engine: Engine) -> None:
    """Print who answers now, and the shifts of the next two weeks."""
    at = clock.now()
    with unit_of_work.begin() as session:
        for one in duty_roster.duties(session, at):
            for role, people in one.answering.items():
                told = ", ".join(str(who.wecom_userid) for who in people) or "nobody"
                print(f"{one.team.name}  {role:17} {told}")
        for shift in duty_roster.shifts_ahead(session, at):
            starts, ends = (
                moment.astimezone(clock.HOSPITAL) for moment in (shift.starts_at, shift.ends_at)
            )
            print(
                f"{shift.public_id}  {starts:%m-%d %H:%M} – {ends:%m-%d %H:%M}  "
                f"{shift.care_team.name}  {shift.responder:17} {shift.practitioner.wecom_userid}"
            )


@duty.command("cancel")
@click.argument("shift")
@with_database
def cancel(loaded: Settings, engine: Engine, *, shift: str) -> None:
    """Take a shift off the roster."""
    with unit_of_work.begin() as session:
        try:
            duty_roster.cancel_shift(session, shift, clock.now(), OPERATOR)
        except DomainError as error:
            raise Failed(error.title) from None
    print(f"{shift} is off the roster")


def _plan(
    session: Session,
    team: str,
    userid: str,
    role: str,
    starts: str,
    ends: str,
    where: str,
) -> None:
    known_team = session.scalar(select(CareTeam).filter_by(name=team))
    who = session.scalar(select(Practitioner).filter_by(wecom_userid=userid.lower()))
    if known_team is None or who is None:
        raise Failed(f"{where}there is no {'team ' + team if known_team is None else userid}")
    if role not in list(Responder):
        raise Failed(f"{where}{role} is not one of {', '.join(Responder)}")
    try:
        duty_roster.plan_shift(
            session, known_team.public_id, who.public_id, Responder(role),
            _moment(starts, where), _moment(ends, where), clock.now(), OPERATOR,
        )  # fmt: skip
    except DomainError as error:
        raise Failed(f"{where}{error.title}") from None


def _moment(text: str, where: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Failed(f"{where}{text} is not a time like 2026-05-04T17:30") from None
    return at if at.tzinfo else at.replace(tzinfo=clock.HOSPITAL)
