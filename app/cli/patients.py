"""Verbs over all patients."""

import sys

import click
from sqlalchemy import Engine

from app import clock
from app.cli.frame import with_database
from app.database import unit_of_work
from app.services.profile.patient_regions import place_batch
from app.settings import Settings


@click.group()
def patients() -> None:
    """Over all patients."""


@patients.command()
@click.option("--after", type=click.IntRange(min=0), default=0, help="Go on after this record.")
@with_database
def regions(loaded: Settings, engine: Engine, *, after: int) -> None:
    """Read province and city in addresses that came before anybody did; safe to repeat.

    Each 500 records are a transaction of their own; the last line says where to go on.
    """
    seen = placed = 0
    while True:
        with unit_of_work.begin() as session:
            batch = place_batch(session, after, clock.now())
        if batch.last is None:
            break
        after, seen, placed = batch.last, seen + batch.seen, placed + batch.placed
        print(f"… {seen} read, {placed} placed, --after {after} goes on here", file=sys.stderr)
    print(f"{seen} addresses read, {placed} placed, {seen - placed} without a province in them.")
