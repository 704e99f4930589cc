"""The resources of a body, and what their references point to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Resource = Mapping[str, Any]

# Kinds of bundle that state what is; a history tells of what was, a message is of other events.
BUNDLES: Final = frozenset({"transaction", "batch", "collection", "searchset", "document"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource of a body; `url` is its place in a bundle."""

    resource: Resource
    url: str = ""
    request: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return str(self.resource["resourceType"])

    @property
    def id(self) -> str:
        """The resource's id at its server; a bundle may give it in the URL alone."""
        if "id" in self.resource:
            return str(self.resource["id"])
        return self.url.rpartition(":")[2].rpartition("/")[2]


class Contents:
    """The entries of a body, found by what others may call them."""

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        self.entries = tuple(one for entry in entries for one in (entry, *_within(entry)))
        self._by_name: dict[str, Entry] = {}
        for entry in entries:
            for name in self._names(entry):
                self._by_name.setdefault(name, entry)

    @staticmethod
    def _names(entry: Entry) -> Iterator[str]:
        if entry.url:
            yield entry.url
        if entry.resource.get("id"):
            yield f"{entry.kind}/{entry.resource['id']}"

    @classmethod
    def of(cls, body: Resource) -> "Contents":
        """Return the contents of a checked resource or bundle."""
        if body["resourceType"] != "Bundle":
            return cls((Entry(body),))
        return cls(
            tuple(
                Entry(entry["resource"], str(entry.get("fullUrl", "")), entry.get("request", {}))
                for entry in body.get("entry", ())
                if "resource" in entry and _counts(entry)
            )
        )

    def find(self, reference: str, holder: Entry) -> Entry | None:
        """Return what a reference within `holder` points to; None where it is not in the body."""
        if reference.startswith("#"):
            held = holder.resource.get("contained", ())
            found = next((one for one in held if one.get("id") == reference[1:]), None)
            return _contained(found, holder) if found is not None else None
        bare = reference.split("/_history/")[0]
        found = self._by_name.get(bare)
        if found is None and "://" in holder.url and "/" in bare and "://" not in bare:
            base = holder.url.rsplit("/", 2)[0]
            found = self._by_name.get(f"{base}/{bare}")
        return found


def _within(entry: Entry) -> Iterator[Entry]:
    """Yield the results that a report carries inside itself."""
    if entry.kind == "DiagnosticReport":
        for one in entry.resource.get("contained", ()):
            if one["resourceType"] == "Observation":
                yield _contained(one, entry)


def _contained(resource: Resource, holder: Entry) -> Entry:
    """Return a contained resource under an id of its own; it is about whom its holder is about."""
    context = {
        name: holder.resource[name]
        for name in ("subject", "encounter", "meta")
        if name in holder.resource
    }
    own_id = f"{holder.id}.{resource.get('id', '')}" if holder.id else ""
    return Entry({**context, **resource, "id": own_id}, holder.url)


def _counts(entry: Mapping[str, Any]) -> bool:
    """Leave out what a search only says about itself, and what a transaction asks to delete."""
    is_outcome = entry.get("search", {}).get("mode") == "outcome"
    return not is_outcome and entry.get("request", {}).get("method", "PUT") in ("POST", "PUT")
