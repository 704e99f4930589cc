"""Verbs for reaching patients: whom a message would reach before it is sent, and what it saved."""

import json
from collections.abc import Callable, Sequence

import click
from sqlalchemy import Engine

from app import clock
from app.cli.frame import OPERATOR, with_database
from app.cli.segments import meant_by
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.outreach.decency import Purpose
from app.domain.outreach.messaging import Outlets
from app.models.segments.reading import reading
from app.models.trust.audit import record
from app.services.outreach.reach_counts import read_months
from app.services.outreach.reach_report import have_called, report_reach
from app.services.segments.freezing import read_audience
from app.settings import Settings

# How the hospital reaches people: the wiring knows.
Wired = Callable[[Settings], Outlets]


@click.group()
def reach() -> None:
    """Whom messages reach, by which channels, and whom not and why."""


@reach.command()
@click.option("--segment", help="The name or id of a saved segment.")
@click.option("--audience", help="The id of a frozen audience.")
@click.option(
    "--purpose", type=click.Choice([one.value for one in Purpose]), default="education",
    show_default=True,
)  # fmt: skip
@click.option("--tasks", is_flag=True, help="Make a nurse's task of each high-risk one, once.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
@click.pass_obj
@with_database
def report(
    loaded: Settings,
    engine: Engine,
    wired: Wired,
    *,
    segment: str | None,
    audience: str | None,
    purpose: str,
    tasks: bool,
    as_json: bool,
) -> None:
    """Count whom a message would reach, of all patients of a segment or audience. Sends nothing."""
    now = clock.now()
    ids = _meant(segment, audience)
    with reading() as session:
        found = report_reach(session, ids, Purpose(purpose), now, wired(loaded))
    told = {
        "asked": found.asked,
        "reached": found.reached,
        "by_channel": _counts(found.by_channel.most_common()),
        "unreached": _counts(found.unreached.most_common()),
        "hindered": {
            f"{channel}: {why}": number for (channel, why), number in found.hindered.most_common()
        },
        "high_risk_unreached": len(found.worrying),
    }
    with unit_of_work.begin() as session:
        if tasks:
            calls = have_called(session, found.worrying, now, HOSPITAL)
            told["tasks_made"] = calls.made
            told["tasks_there_already"] = calls.there_already
            told["without_team"] = calls.without_team
            detail = {"made": calls.made, "without_team": calls.without_team}
            record(session, OPERATOR, "create", "contact-tasks", now, detail=detail)
        record(session, OPERATOR, "read", "reach-report", now)
    _print(told, as_json=as_json)


@reach.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
@click.pass_obj
@with_database
def saved(loaded: Settings, engine: Engine, wired: Wired, *, as_json: bool) -> None:
    """Print SMS sent, SMS avoided and yuan saved, by month."""
    with reading() as session:
        months = read_months(session, wired(loaded).sms_price)
    lines = {
        f"{one.month:%Y-%m}": {"sms": one.sms, "avoided": one.avoided, "yuan": one.saved / 100}
        for one in months
    }
    if as_json:
        print(json.dumps(lines))
        return
    for month, line in lines.items():
        print(f"{month}  {line['sms']:>9,}  {line['avoided']:>9,}  {line['yuan']:>12,.2f}")


def _meant(segment: str | None, audience: str | None) -> Sequence[int]:
    if (segment is None) == (audience is None):
        raise click.UsageError("Name a segment or an audience.")
    if segment is not None:
        return meant_by(segment)
    with unit_of_work.begin() as session:
        chunks = read_audience(session, audience or "", OPERATOR, clock.now())
        return [int(one) for chunk in chunks for one in chunk]


def _counts(counted: Sequence[tuple[str, int]]) -> dict[str, int]:
    return {str(name): number for name, number in counted}


def _print(told: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
        return
    for name, value in told.items():
        if isinstance(value, dict):
            print(f"{name}:")
            for key, number in value.items():
                print(f"  {key:32} {number:>9,}")
        else:
            print(f"{name:34} {value:>9,}")
