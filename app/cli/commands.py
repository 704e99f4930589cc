"""Verbs for operators. Exit 0: done; 1: the data has problems, listed; 2: the call is wrong."""

import base64
import importlib
import json
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from alembic import command
from alembic.config import Config
from pydantic import ValidationError
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from app import clock
from app.cli import feeds
from app.cli.assistant import assistant, install_texts
from app.cli.calendar import calendar
from app.cli.devices import devices
from app.cli.duty import duty
from app.cli.exchange import exchange, webhook
from app.cli.export_fhir import export
from app.cli.frame import OPERATOR, Failed, with_database
from app.cli.import_fhir import import_fhir
from app.cli.import_hl7 import import_files
from app.cli.limits import limits
from app.cli.outbox import outbox
from app.cli.packs import install_all, pack
from app.cli.patients import patients
from app.cli.reach import Wired, reach
from app.cli.relay import relay
from app.cli.risk import risk
from app.cli.rules import rules
from app.cli.segments import segments
from app.cli.table_verb import import_table
from app.cli.tags import tags
from app.cli.terms import DEFAULTS, load, terms
from app.database import unit_of_work
from app.domain.errors import DomainError
from app.domain.outreach.messaging import Outlets
from app.domain.staff.alert_clock import Responder
from app.domain.trust.access import StaffRole
from app.integrations.tables.mapping_files import InvalidMapping
from app.models import CareTeam, CareTeamMember, Practitioner
from app.models.trust.audit import record
from app.services import statistics
from app.services.trust import audit_trail
from app.settings import Settings

_ALEMBIC = Path(__file__).resolve().parents[2] / "alembic.ini"


def main(arguments: Sequence[str] | None = None, wired: Wired | None = None) -> int:
    """Run one verb and return its exit status; bad input never ends in a traceback.

    `wired` tells by what the hospital reaches people; without it, by nothing.
    """
    try:
        cli.main(
            arguments,
            prog_name="python -m app.cli",
            standalone_mode=False,
            obj=wired or (lambda _: Outlets()),
        )
    except click.ClickException as problem:
        problem.show()
        return problem.exit_code
    except click.exceptions.Abort:
        return 1
    except ValidationError as problem:
        for error in problem.errors(include_input=False, include_url=False):
            name = "__".join(str(part) for part in error["loc"]).upper()
            print(f"CARELOOP_{name}: {error['msg']}" if name else error["msg"], file=sys.stderr)
        return 2
    except InvalidMapping as problem:
        print(problem, file=sys.stderr)
        return 2
    except SQLAlchemyError as problem:
        # Its text would quote the statement with its values.
        print(f"The database refused: {type(problem).__name__}", file=sys.stderr)
        return 1
    except DomainError as problem:
        print(problem.title, file=sys.stderr)
        return 1
    return 0


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Run CareLoop: set up, import, look, check.

    Settings come from the environment (CARELOOP_…; see .env.example).
    """


cli.add_command(assistant)
cli.add_command(duty)
cli.add_command(rules)
cli.add_command(exchange)
cli.add_command(export)
cli.add_command(webhook)
cli.add_command(devices)
cli.add_command(patients)


@cli.command()
def key() -> None:
    """Print a new secret key for CARELOOP_SECRET_KEYS. Keep it apart from the database."""
    print(f"k{secrets.randbelow(9000) + 1000}:{base64.b64encode(secrets.token_bytes(32)).decode()}")


@cli.command()
@with_database
def init(loaded: Settings, engine: Engine) -> None:
    """Create or update the tables and install the disease packs as drafts. Safe to repeat."""
    with engine.connect() as connection:
        config = Config(_ALEMBIC)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    install_all(loaded.packs_folder, approver=None)
    install_texts(loaded.packs_folder)
    if (defaults := loaded.packs_folder / DEFAULTS).exists():
        load(defaults)
    print("The database is ready.")


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
@with_database
def stats(loaded: Settings, engine: Engine, *, as_json: bool) -> None:
    """Count what is kept: patients, encounters, observations, messages, alerts…"""
    with unit_of_work.begin() as session:
        counts = statistics.count(session)
    if as_json:
        print(json.dumps(counts, ensure_ascii=False))
        return
    for name, number in counts.items():
        if isinstance(number, dict):
            print(f"{name}:")
            for state, of_state in number.items():
                print(f"  {state:20} {of_state:>9}")
        else:
            print(f"{name:22} {number:>9}")


cli.add_command(pack)
cli.add_command(tags)
cli.add_command(terms)
cli.add_command(feeds.sources)
cli.add_command(feeds.replay)
cli.add_command(relay)
cli.add_command(calendar)
cli.add_command(limits)
cli.add_command(segments)
cli.add_command(risk)
cli.add_command(reach)
cli.add_command(outbox)


@cli.group("import")
def import_() -> None:
    """Bring records in by hand."""


import_.add_command(import_fhir)


@import_.command("hl7")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--source", default="his", show_default=True, help="Who sends: a configured source.")
@click.option("--charset", help="What the bytes are, where the sender does not say (gb18030…).")
@with_database
def import_hl7(
    loaded: Settings, engine: Engine, *, paths: tuple[Path, ...], source: str, charset: str | None
) -> None:
    """Import HL7 v2 messages from files, batches or folders. What is known already only counts."""
    configured = next((one for one in loaded.hl7.sources if one.name == source), None)
    charset = charset or (configured.charset if configured else None)
    try:
        report = import_files(
            unit_of_work, _files(paths), source, charset, clock.now, on_progress=_progress
        )
    except ValueError as problem:
        raise click.BadParameter(str(problem), param_hint="--charset") from None
    with unit_of_work.begin() as session:
        detail = {"source": source, "messages": report.messages, "new": report.stored}
        record(session, OPERATOR, "import", "hl7", clock.now(), detail=detail)
    print(f"{report.messages} messages: {report.stored} new, {report.duplicates} known already")
    problems = [
        *(f"rejected {count}: {reason}" for reason, count in report.rejected.items()),
        *(f"held {count}: {reason}" for reason, count in report.held.items()),
        *(f"unreadable: {path}" for path in report.unreadable_files),
    ]
    if problems:
        raise Failed("\n".join(problems))


import_.add_command(import_table)


@cli.group()
def audit() -> None:
    """The audit trail."""


@audit.command("verify")
@with_database
def audit_verify(loaded: Settings, engine: Engine) -> None:
    """Check every link of the audit trail; list where it was touched."""
    with unit_of_work.begin() as session:
        checked, breaks = audit_trail.verify(session)
    if breaks:
        raise Failed(
            "\n".join(f"chain {one.chain}, entry {one.sequence}: {one.what}" for one in breaks)
        )
    print(f"{checked} entries, unbroken")


@cli.group()
def user() -> None:
    """Staff."""


@user.command("add")
@click.argument("name")
@click.option("--wecom", "wecom_userid", required=True, help="User id in WeCom.")
@click.option("--role", required=True, type=click.Choice([role.value for role in StaffRole]))
@click.option("--team", help="Care team to join; made where it is new.")
@click.option("--department", help="Department code of the team.")
@click.option(
    "--responder",
    type=click.Choice([level.value for level in Responder]),
    default=Responder.ON_DUTY_NURSE.value,
    show_default=True,
    help="When alerts reach them.",
)
@with_database
def user_add(
    loaded: Settings,
    engine: Engine,
    *,
    name: str,
    wecom_userid: str,
    role: str,
    team: str | None,
    department: str | None,
    responder: str,
) -> None:
    """Let a member of the corporation sign in, with a role and a team."""
    now = clock.now()
    corp = loaded.wecom.apps[0].corpid if loaded.wecom.apps else "corp"
    with unit_of_work.begin() as session:
        userid = wecom_userid.lower()
        if session.scalar(select(Practitioner).filter_by(corp_key=corp, wecom_userid=userid)):
            raise Failed(f"{userid} is there already")
        who = Practitioner(
            name=name, role=StaffRole(role), corp_key=corp, wecom_userid=userid,
            department_code=department, created_at=now,
        )  # fmt: skip
        session.add(who)
        if team:
            kept = session.scalar(select(CareTeam).filter_by(name=team))
            if kept is None:
                kept = CareTeam(name=team, department_code=department, created_at=now)
                session.add(kept)
            session.add(
                CareTeamMember(care_team=kept, practitioner=who, responder=Responder(responder))
            )
        session.flush()
        record(session, OPERATOR, "create", "practitioner", now, detail={"practitioner_id": who.id})
    print(f"{userid} may sign in as {role}")


@cli.group()
def demo() -> None:
    """The synthetic hospital."""


@demo.command("seed")
@with_database
def demo_seed(loaded: Settings, engine: Engine) -> None:
    """Fill an empty database with a synthetic hospital. Refused where patients are."""
    from app.demo.seed import seed

    with unit_of_work.begin() as session:
        if statistics.count(session)["patients"]:
            raise Failed("this database has patients: the synthetic hospital needs an empty one")
    counts = seed(unit_of_work, clock.now())
    print(json.dumps(counts, ensure_ascii=False))


@cli.command()
def openapi() -> None:
    """Print the description of the API, as kept in docs/openapi.json."""
    # The description needs no hospital, but the application does not start without a key.
    fresh = base64.b64encode(secrets.token_bytes(32)).decode()
    os.environ.setdefault("CARELOOP_SECRET_KEYS", f"k1:{fresh}")
    web = importlib.import_module("wsgi")
    print(json.dumps(web.app.spec, ensure_ascii=False, indent=2, sort_keys=True))


def _files(paths: Sequence[Path]) -> list[Path]:
    """Return the files, those of folders in the order of their names."""
    return [
        file
        for path in paths
        for file in (sorted(path.rglob("*.hl7")) if path.is_dir() else [path])
    ]


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty() or done == total:
        share = 100 * done // max(1, total)
        print(f"\r{share} %", end="\n" if done == total else "", file=sys.stderr)
