"""The table of FHIR R4 elements that we take and give, read once from `structures.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

_TABLE: Final = Path(__file__).with_name("structures.yaml")
_CARDINALITIES: Final = {"?": (0, 1), "1": (1, 1), "*": (0, None), "+": (1, None)}
BACKBONE: Final = "BackboneElement"
_LIKE_BACKBONE: Final = frozenset({BACKBONE, "Element"})


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a structure; `most` is None where it may repeat without end.

    `children` is the path under which a backbone's own elements stand in the table.
    """

    name: str  # without [x]
    types: tuple[str, ...]
    least: int = 0
    most: int | None = 1
    codes: frozenset[str] | None = None
    is_choice: bool = False
    children: str | None = None


@dataclass(frozen=True, slots=True)
class Structures:
    """Elements by the path of what holds them: `Patient`, `Patient.contact`, `Period`."""

    elements: Mapping[str, Mapping[str, Element]]  # by the name used in JSON: valueQuantity
    resources: frozenset[str]

    def has(self, path: str) -> bool:
        """Tell whether the table knows what may stand there."""
        return path in self.elements


@cache
def structures() -> Structures:
    """Return the whole table."""
    table = yaml.safe_load(_TABLE.read_text("utf-8"))
    reading = _Reading(table["codes"])
    for name, content in table["datatypes"].items():
        reading.add(name, content, _common("Element"))
    for name, content in table["resources"].items():
        reading.add(name, content, _common("Bundle" if name == "Bundle" else "DomainResource"))
    return Structures(reading.elements, frozenset(table["resources"]))


class _Reading:
    def __init__(self, codes: Mapping[str, list[str]]) -> None:
        self._codes = {name: frozenset(listed) for name, listed in codes.items()}
        self.elements: dict[str, dict[str, Element]] = {}

    def add(self, path: str, content: Mapping[str, Any], common: Mapping[str, Element]) -> None:
        found = dict(common)
        for key, value in content.items():
            element = self._backbone(path, key, value) if isinstance(value, dict) else None
            element = element or self._plain(key, value)
            if element.is_choice:
                for kind in element.types:
                    found[element.name + kind[0].upper() + kind[1:]] = element
            else:
                found[element.name] = element
        self.elements[path] = found

    def _backbone(self, path: str, key: str, content: Mapping[str, Any]) -> Element:
        name, *rest = key.split()
        kind = "Element" if "Element" in rest else BACKBONE
        least, most = _cardinality([word for word in rest if word in _CARDINALITIES])
        inner = f"{path}.{name}"
        self.add(inner, content, _common(kind))
        return Element(name, (kind,), least, most, children=inner)

    def _plain(self, key: str, text: str) -> Element:
        types, *rest = text.split()
        codes = next((self._codes[word[1:]] for word in rest if word.startswith("=")), None)
        least, most = _cardinality([word for word in rest if word in _CARDINALITIES])
        if types.startswith("@"):
            return Element(key, (BACKBONE,), least, most, children=types[1:])
        name = key.removesuffix("[x]")
        return Element(name, tuple(types.split("|")), least, most, codes, is_choice=name != key)


def _cardinality(found: list[str]) -> tuple[int, int | None]:
    return _CARDINALITIES[found[0]] if found else (0, 1)


def _common(kind: str) -> dict[str, Element]:
    """Return the elements that everything of a kind has."""
    found = {"id": Element("id", ("string",))}
    if kind != "Bundle":
        found["extension"] = Element("extension", ("Extension",), 0, None)
    if kind in (BACKBONE, "DomainResource"):
        found["modifierExtension"] = Element("modifierExtension", ("Extension",), 0, None)
    if kind in ("Bundle", "DomainResource"):
        found["id"] = Element("id", ("id",))
        found["meta"] = Element("meta", ("Meta",))
        found["implicitRules"] = Element("implicitRules", ("uri",))
        found["language"] = Element("language", ("code",))
    if kind == "DomainResource":
        found["text"] = Element("text", ("Narrative",))
        found["contained"] = Element("contained", ("Resource",), 0, None)
    return found
