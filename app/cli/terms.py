"""Verbs for the words of other systems: see what nobody has explained, map it, load and export."""

import sys
from pathlib import Path

import click
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app import clock
from app.cli.frame import OPERATOR, Failed, with_database
from app.database import unit_of_work
from app.domain.intake.terminology import TermKind, system_of
from app.integrations.term_files import InvalidTermFile, read_mappings, write_mappings
from app.models import ConceptMapping, TermStatus, UnmappedTerm
from app.models.intake.mappings import ALWAYS
from app.models.intake.vocabulary import vocabulary
from app.services.staff import term_mapping, term_queue
from app.services.staff.term_mapping import Loaded
from app.settings import Settings

_KINDS = click.Choice([kind.value for kind in TermKind])
# What `init` loads: codes and names must agree before one of them counts.
DEFAULTS = Path("terminology") / "laboratory.yaml"


@click.group()
def terms() -> None:
    """What other systems' codes mean here."""


@terms.command("list")
@click.option("--source", help="Only of this source.")
@click.option("--kind", type=_KINDS, help="Only of this kind.")
@click.option(
    "--status",
    type=click.Choice([status.value for status in TermStatus]),
    default=TermStatus.OPEN.value,
    show_default=True,
)
@with_database
def terms_list(
    loaded: Settings, engine: Engine, *, source: str | None, kind: str | None, status: str
) -> None:
    """List codes, the most used first, with what they may mean and why."""
    with unit_of_work.begin() as session:
        queue = term_queue.list_terms(
            session,
            status=TermStatus(status),
            source=system_of(source) if source else None,
            kind=TermKind(kind) if kind else None,
            size=500,
        )
    for line in queue.lines:
        told = f"{line.source:12} {line.kind:12} {line.code:20} {line.uses:>7}"
        print(f"{told}  {line.display} {line.unit}".rstrip())
        if line.target_code:
            print(f"{'':12} = {line.target_code} {line.target_display}".rstrip())
        for one in line.suggestions:
            print(f"{'':12} ? {one.target.code} {one.target.display}: {one.why}")
        if line.progress is not None and line.progress.left:
            print(f"{'':12} reading again: {line.progress.left} of {line.progress.messages} left")
    if queue.total > len(queue.lines):
        print(f"… and {queue.total - len(queue.lines)} more", file=sys.stderr)


@terms.command("map")
@click.argument("source")
@click.argument("kind", type=_KINDS)
@click.argument("code")
@click.argument("target")
@click.option("--from", "starts_on", type=click.DateTime(["%Y-%m-%d"]), help="First day. [always]")
@with_database
def terms_map(
    loaded: Settings,
    engine: Engine,
    *,
    source: str,
    kind: str,
    code: str,
    target: str,
    starts_on: object,
) -> None:
    """Say what CODE of SOURCE means; what used it is read again by the clock process."""
    day = starts_on.date() if hasattr(starts_on, "date") else ALWAYS
    with unit_of_work.begin() as session:
        decision = term_mapping.resolve_term(
            session, _term(session, source, kind, code), target, OPERATOR, clock.now(),
            starts_on=day,
        )  # fmt: skip
    print(f"{code} = {decision.target_code}: {decision.messages} messages will be read again")


@terms.command("ignore")
@click.argument("source")
@click.argument("kind", type=_KINDS)
@click.argument("code")
@with_database
def terms_ignore(loaded: Settings, engine: Engine, *, source: str, kind: str, code: str) -> None:
    """Take CODE of SOURCE off the queue without a meaning."""
    with unit_of_work.begin() as session:
        term_mapping.ignore_term(session, _term(session, source, kind, code), OPERATOR, clock.now())
    print("ignored")


@terms.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_database
def terms_load(loaded: Settings, engine: Engine, *, file: Path) -> None:
    """Load mappings from a YAML file; what staff decided otherwise stays."""
    found = load(file)
    print(f"{found.new} new, {found.known} known already, {found.settled} open terms explained")


@terms.command("export")
@click.option("--source", help="Only of this source.")
@with_database
def terms_export(loaded: Settings, engine: Engine, *, source: str | None) -> None:
    """Print every mapping in force, as files that `load` reads, one after the other."""
    with unit_of_work.begin() as session:
        rows = session.scalars(
            select(ConceptMapping)
            .where(ConceptMapping.ends_on.is_(None))
            .order_by(ConceptMapping.source, ConceptMapping.kind, ConceptMapping.code)
        ).all()
    wanted = [row for row in rows if source is None or row.source == system_of(source)]
    print(write_mappings(wanted), end="")


def load(file: Path) -> Loaded:
    """Load one file in one transaction.

    :raises Failed: the file is not good; nothing of it is kept
    """
    with unit_of_work.begin() as session:
        try:
            mappings = read_mappings(file, vocabulary(session).departments)
        except InvalidTermFile as problem:
            raise Failed(str(problem)) from None
        return term_mapping.load_mappings(session, mappings, OPERATOR, clock.now())


def _term(session: Session, source: str, kind: str, code: str) -> str:
    found = session.scalar(
        select(UnmappedTerm.public_id).filter_by(
            source=system_of(source), kind=TermKind(kind), code=code
        )
    )
    if found is None:
        raise Failed(f"{source} has not used the {kind} code {code}")
    return found
