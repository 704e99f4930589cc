"""Verbs for disease packs: look at one while it is written, read it as a document, install it."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Final

import click
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app import clock
from app.cli.frame import OPERATOR, Failed, with_database
from app.cli.terms import DEFAULTS
from app.database import unit_of_work
from app.domain.criteria.wording import describe
from app.domain.definitions import InvalidDefinition
from app.domain.plans.pack_calendar import render
from app.domain.plans.pack_sets import in_order, names_in, problems
from app.domain.plans.packs import Pack
from app.domain.plans.plan_days import Almanac
from app.integrations.pack_files import read_pack
from app.integrations.text_files import FOLDER as TEXTS
from app.models.trust.audit import record
from app.recurrence import days_of_rule
from app.services.plans.plan_library import install_pack
from app.settings import Settings

# A Monday, with neither a long month nor a leap day behind it.
EXAMPLE_ANCHOR: Final = date(2026, 3, 2)
# What stands above it in a document is written by people.
MARKER: Final = "<!-- python -m app.cli pack calendar; do not edit below -->"

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def pack_folders(packs: Path) -> list[Path]:
    """Return the folders that hold packs, not terms or the words of the text reader."""
    return sorted(path for path in packs.iterdir() if path.is_dir() and path.name not in _NO_PACKS)


_NO_PACKS: Final = (DEFAULTS.parent.name, TEXTS)


def install_all(packs: Path, approver: str | None) -> list[tuple[Pack, bool]]:
    """Install every pack, forms before those who ask for them; tell which were news."""
    try:
        found = in_order(read_pack(folder) for folder in pack_folders(packs))
    except InvalidDefinition as problem:
        raise Failed(str(problem)) from None
    if wrong := problems(found):
        raise Failed("\n".join(wrong))
    return [(one, _install(one, approver)) for one in found]


@click.group()
def pack() -> None:
    """Disease packs."""


@pack.command("install")
@click.argument("folder", required=False, type=_FOLDER)
@click.option("--all", "every", is_flag=True, help="Every pack of the packs folder.")
@click.option("--approver", help="Who of the department signs for it. Without: a draft.")
@with_database
def install(
    loaded: Settings, engine: Engine, *, folder: Path | None, every: bool, approver: str | None
) -> None:
    """Install a disease pack; only a signed one is used on patients, from its first day on."""
    if every == (folder is not None):
        raise click.UsageError("either a folder or --all")
    if folder is None:
        for one, is_news in install_all(loaded.packs_folder, approver):
            print(f"{one.id} {one.version}: {_done(one, approver, is_news)}")
        return
    one = _read(folder)
    print(_done(one, approver, _install(one, approver)))


@pack.command("check")
@click.argument("folders", nargs=-1, required=True, type=_FOLDER)
def check(folders: tuple[Path, ...]) -> None:
    """Read packs, tell every rule as a sentence, and what is wrong with its place.

    Forms of other packs are looked for beside the first folder.
    """
    found, wrong = _read_some(folders)
    beside = [one for one in _beside(folders[0], folders) if one.id not in {p.id for p in found}]
    for one in found:
        print(f"{one.id} {one.version}  {one.title}")
        names = names_in(one, beside)
        for rule in one.rules:
            print(f"  {rule.key}  {rule.grade.label}：{describe(rule.condition, names)}")
    wrong += problems([*found, *beside])
    if wrong:
        raise Failed("\n".join(wrong))
    print(f"{len(found)} packs, nothing wrong")


@pack.command("calendar")
@click.argument("folder", type=_FOLDER)
@click.option(
    "--anchor", type=click.DateTime(["%Y-%m-%d"]), help=f"Day 0; else {EXAMPLE_ANCHOR}, a Monday."
)
@click.option(
    "--into",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Put it below the marker of this file instead of printing it.",
)
def calendar(folder: Path, anchor: date | None, into: Path | None) -> None:
    """Tell a pack as a department reads and signs it, in Markdown."""
    found = _read(folder)
    day = date(anchor.year, anchor.month, anchor.day) if anchor else EXAMPLE_ANCHOR
    told = document(found, day, _beside(folder, [folder]) if found.borrows else ())
    if into is None:
        print(told, end="")
        return
    head, marker, _ = into.read_text("utf-8").partition(MARKER)
    if not marker:
        raise Failed(f"{into}: has no line {MARKER}")
    into.write_text(f"{head}{MARKER}\n\n{told}", "utf-8")


def document(found: Pack, anchor_on: date, others: Iterable[Pack] = ()) -> str:
    """Return a pack as Markdown."""
    return render(found, anchor_on, clock.HOSPITAL, Almanac(recur=days_of_rule), others)


def _read(folder: Path) -> Pack:
    try:
        return read_pack(folder)
    except InvalidDefinition as problem:
        raise Failed(f"{folder}: {problem}") from None


def _read_some(folders: Iterable[Path]) -> tuple[list[Pack], list[str]]:
    found, wrong = [], []
    for folder in folders:
        try:
            found.append(read_pack(folder))
        except InvalidDefinition as problem:
            wrong.append(f"{folder}: {problem}")
    return found, wrong


def _beside(folder: Path, but: Iterable[Path]) -> list[Pack]:
    """Return the packs next to a folder that can be read."""
    own = {one.resolve() for one in but}
    near = (one for one in pack_folders(folder.resolve().parent) if one not in own)
    return _read_some(one for one in near if (one / "pack.yaml").exists())[0]


def _install(content: Pack, approver: str | None) -> bool:
    try:
        with unit_of_work.begin() as session:
            return _keep(session, content, approver)
    except InvalidDefinition as problem:  # it borrows what is not in force
        raise Failed(str(problem)) from None


def _done(content: Pack, approver: str | None, is_news: bool) -> str:
    if not is_news:
        return "there already"
    if approver and not _is_due(content):
        return f"signed, in force from {content.effective_from}"
    return "installed"


def _is_due(content: Pack) -> bool:
    return content.effective_from <= clock.today()


def _keep(session: Session, content: Pack, approver: str | None) -> bool:
    is_news = install_pack(
        session, content, clock.now(), approved_by=approver, is_due=_is_due(content)
    )
    if is_news:
        detail = {"pack": content.id, "version": content.version, "approved": bool(approver)}
        record(session, OPERATOR, "install", "pack", clock.now(), detail=detail)
    return is_news
