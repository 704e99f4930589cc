"""Verbs for segments; those of the index are in `segment_index`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app import clock
from app.cli.frame import OPERATOR, Failed, with_database
from app.cli.segment_index import index
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.criteria.tree import Criterion
from app.domain.criteria.wording import describe
from app.domain.segments.trees import read_tree
from app.domain.segments.why import Reason
from app.domain.strict_json import JSONLimits, UnacceptableJSON, loads
from app.models.segments.evaluating import AT_A_DEED, SqlEvaluator
from app.models.segments.names import names
from app.models.segments.reading import reading
from app.services.segments import explaining, freezing, segment_library
from app.services.segments.segment_library import SegmentLine
from app.settings import Settings

_EVALUATOR = SqlEvaluator(HOSPITAL)
_SEGMENT = click.argument("segment", required=False)
_TREE = click.option(
    "--tree", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A JSON file with criteria, instead of a saved segment.",
)  # fmt: skip


@click.group()
def segments() -> None:
    """Segments: who is meant, how many, why, and the lists frozen from them.

    SEGMENT is the name or the id of a saved one.
    """


@segments.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_database
def list_(loaded: Settings, engine: Engine, *, as_json: bool) -> None:
    """List the segments with their criteria as a sentence."""
    with reading() as session:
        called = names(session)
        for line in segment_library.list_segments(session, None):
            told = describe(line.criterion, called) if line.criterion else "条件已失效"
            if as_json:
                row = {
                    "id": line.public_id, "name": line.name, "version": line.version,
                    "team": line.team_name, "sentence": told,
                }  # fmt: skip
                print(json.dumps(row, ensure_ascii=False))
            else:
                print(f"{line.public_id}  {line.name}  v{line.version}  {line.team_name or '全院'}")
                print(f"  {told}")


@segments.command()
@_SEGMENT
@_TREE
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
@with_database
def count(
    loaded: Settings, engine: Engine, *, segment: str | None, file: Path | None, as_json: bool
) -> None:
    """Count whom a segment means now, by the database."""
    with reading() as session:
        criterion = _criterion(session, segment, file)
        sentence = describe(criterion, names(session))
        found = _EVALUATOR.count(session, criterion, clock.now(), seconds=AT_A_DEED)
    if as_json:
        print(json.dumps({"sentence": sentence, "count": found}, ensure_ascii=False))
    else:
        print(f"{found:,}  {sentence}")


@segments.command()
@click.argument("number")
@_SEGMENT
@_TREE
@with_database
def why(
    loaded: Settings, engine: Engine, *, number: str, segment: str | None, file: Path | None
) -> None:
    """Say why the patient with record NUMBER is meant or not; it is noted in the trail.

    NUMBER - reads it from standard input, so that no history of commands has it.
    """
    now = clock.now()
    number = sys.stdin.readline() if number == "-" else number
    with unit_of_work.begin() as session:
        criterion = _criterion(session, segment, file)
        patient = explaining.find_by_number(session, number, OPERATOR, now)
        found = explaining.explain(
            session, criterion, names(session), patient, OPERATOR, now, HOSPITAL
        )
    print(f"{found.masked_name}  {'在' if found.is_in else '不在'}")
    if found.is_deceased:
        print("已故，不计入任何人群")
    for line in _told(found.reason):
        print(line)


@segments.command()
@click.argument("segment")
@with_database
def freeze(loaded: Settings, engine: Engine, *, segment: str) -> None:
    """Keep whom a segment means now as an audience; print its id and size."""
    with unit_of_work.begin() as session:
        line = _line(session, segment)
        audience = freezing.freeze_segment(
            session, line.public_id, _EVALUATOR, OPERATOR, clock.now()
        )
        print(f"{audience.public_id}  {audience.size:,}")


def meant_by(segment: str) -> list[int]:
    """Return the keys of the patients whom a saved segment means now, ascending.

    :raises Failed: there is no such segment, or its criteria no longer hold together
    """
    with reading() as session:
        criterion = _criterion(session, segment, None)
        found = _EVALUATOR.ids(session, criterion, clock.now(), seconds=AT_A_DEED)
    keys: list[int] = found.tolist()
    return keys


def _criterion(session: Session, segment: str | None, file: Path | None) -> Criterion:
    if (segment is None) == (file is None):
        raise click.UsageError("Name a segment, or give --tree FILE.")
    if file is not None:
        return read_tree(_json(file))
    line = _line(session, segment or "")
    if line.criterion is None:
        raise Failed(f"{line.name}: 条件已失效，请在“人群”页面修改")
    return line.criterion


def _line(session: Session, segment: str) -> SegmentLine:
    for line in segment_library.list_segments(session, None):
        if segment in (line.public_id, line.name):
            return line
    raise Failed(f"{segment}: 没有这个人群")


def _json(file: Path) -> Any:
    try:
        return loads(file.read_bytes(), JSONLimits(exact=True))
    except UnacceptableJSON as problem:
        raise Failed(f"{file}: {problem}") from None


def _told(reason: Reason, depth: int = 0) -> Iterator[str]:
    known = f"（{reason.seen}）" if reason.seen else ""
    yield f"{'  ' * depth}{'✓' if reason.holds else '✗'} {reason.told}{known}"
    for item in reason.items:
        yield from _told(item, depth + 1)


segments.add_command(index)
