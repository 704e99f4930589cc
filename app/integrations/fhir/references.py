"""Which ids of the sender's own server a body uses for what it does not hold itself."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.integrations.fhir.reader.contents import Contents, Entry


def outside_ids(body: Mapping[str, Any], kind: str) -> tuple[str, ...]:
    """Return the ids in references such as `Patient/7` that lead out of a body, each once."""
    contents = Contents.of(body)
    found: dict[str, None] = {}
    for entry in contents.entries:
        for target in _references(entry.resource):
            base, _, name = target.split("/_history/")[0].partition("/")
            if base == kind and name and not _is_inside(contents, target, entry):
                found[name] = None
    return tuple(found)


def _is_inside(contents: Contents, target: str, entry: Entry) -> bool:
    return contents.find(target, entry) is not None


def _references(value: Any) -> Iterator[str]:
    """Yield references that do not say by a number whom they mean."""
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, Mapping):
        reference = value.get("reference")
        if isinstance(reference, str) and "identifier" not in value:
            yield reference
        for item in value.values():
            yield from _references(item)
