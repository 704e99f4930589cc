"""Mappings as YAML files, written by people: `packs/terminology/` and what a hospital adds.

source: lis            # a configured source, or "*" for any
kind: observation      # department, observation, unit, condition, medication
starts_on: 2026-01-01  # optional, in quotes: the first day of all of them
terms:
  - {code: "1001", display: 血清钾, target: 2823-3}
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from app.domain.errors import NotATarget
from app.domain.intake.term_targets import read_target
from app.domain.intake.terminology import LONGEST_CODE, TermKind, system_of
from app.integrations.pack_files import LARGEST_FILE, PackLoader
from app.models import ConceptMapping
from app.models.intake.mappings import ALWAYS, NewMapping

MOST_TERMS = 20_000
_KEYS = frozenset({"source", "kind", "starts_on", "terms"})
_TERM_KEYS = frozenset({"code", "display", "target", "target_display"})


class InvalidTermFile(Exception):
    """A file of mappings that cannot be loaded; the text names the line for its author."""


def read_mappings(file: Path, departments: Mapping[str, str]) -> tuple[NewMapping, ...]:
    """Return the mappings of a file, every target checked; all of it is good or none is taken.

    :raises InvalidTermFile: naming what is wrong and where
    """
    found = tuple(one for content in _read(file) for one in _document(file, content, departments))
    keys = [(one.source, one.kind, one.code, one.starts_on) for one in found]
    if len(set(keys)) != len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InvalidTermFile(f"{file.name}: the code {twice[2]} is there twice")
    return found


def _document(
    file: Path, content: Mapping[str, Any], departments: Mapping[str, str]
) -> Iterator[NewMapping]:
    unknown = set(content) - _KEYS
    if unknown:
        raise InvalidTermFile(f"{file.name}: {', '.join(sorted(unknown))} is not known")
    try:
        kind = TermKind(content.get("kind", ""))
    except ValueError:
        raise InvalidTermFile(f"{file.name}: kind must be one of {', '.join(TermKind)}") from None
    terms = content.get("terms")
    if not isinstance(terms, list) or not 0 < len(terms) <= MOST_TERMS:
        raise InvalidTermFile(f"{file.name}: terms must be a list of 1 to {MOST_TERMS}")
    source = system_of(_text(file, content, "source"))
    starts_on = _day(file, content.get("starts_on"))
    return _mappings(file, terms, kind, source, starts_on, departments)


def _mappings(
    file: Path,
    terms: list[Any],
    kind: TermKind,
    source: str,
    starts_on: date,
    departments: Mapping[str, str],
) -> Iterator[NewMapping]:
    for number, term in enumerate(terms, 1):
        at = f"{file.name}: term {number}"
        if not isinstance(term, dict) or set(term) - _TERM_KEYS:
            raise InvalidTermFile(f"{at} must have {', '.join(sorted(_TERM_KEYS))}")
        code = _text(file, term, "code", at)
        if len(code) > LONGEST_CODE:
            raise InvalidTermFile(f"{at}: the code is too long")
        try:
            target = read_target(
                kind, _text(file, term, "target", at), departments,
                str(term.get("target_display", "")),
            )  # fmt: skip
        except NotATarget as problem:
            raise InvalidTermFile(f"{at} ({code}): {problem.title}") from None
        display = str(term.get("display", ""))[:LONGEST_CODE]
        yield NewMapping(source, kind, code, display, target, starts_on)


def _read(file: Path) -> list[dict[str, Any]]:
    if file.stat().st_size > LARGEST_FILE:
        raise InvalidTermFile(f"{file.name}: the file is larger than {LARGEST_FILE} bytes")
    try:
        documents = list(yaml.load_all(file.read_text("utf-8"), PackLoader))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InvalidTermFile(f"{file.name}: not the YAML we read: {error}") from None
    if not documents or not all(isinstance(one, dict) for one in documents):
        raise InvalidTermFile(f"{file.name}: must be a mapping")
    return documents


def _text(file: Path, content: Mapping[str, Any], key: str, at: str = "") -> str:
    value = content.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InvalidTermFile(f"{at or file.name}: {key} must be text; put numbers in quotes")
    return value.strip()


def _day(file: Path, value: object) -> date:
    if value is None:
        return ALWAYS
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise InvalidTermFile(f"{file.name}: starts_on must be a day: 2026-01-01") from None


def write_mappings(rows: Iterable[ConceptMapping]) -> str:
    """Return YAML documents that `read_mappings` reads: one of each source, kind and first day."""
    files: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    for row in rows:
        head = (row.source, row.kind.value, row.starts_on.isoformat())
        term = {
            "code": row.code,
            "display": row.display,
            "target": row.target_code,
            "target_display": row.target_display,
        }
        files.setdefault(head, []).append({key: said for key, said in term.items() if said})
    documents = [
        {"source": source, "kind": kind, "starts_on": day, "terms": terms}
        for (source, kind, day), terms in files.items()
    ]
    return yaml.safe_dump_all(documents, allow_unicode=True, sort_keys=False, width=100)
