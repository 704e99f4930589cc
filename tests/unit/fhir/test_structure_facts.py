"""Our table of R4 against the facts and examples of the standard itself."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.integrations.fhir.checking import check, has_errors
from app.integrations.fhir.json_text import dump, parse
from app.integrations.fhir.structure import Element, structures

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def facts(shared_data: Path) -> dict[str, list[dict[str, Any]]]:
    path = shared_data / "clinical" / "fhir" / "r4-structures.json"
    found: dict[str, list[dict[str, Any]]] = json.loads(path.read_text())["structures"]
    return found


def described(element: Element) -> tuple[object, ...]:
    most = "*" if element.most is None else str(element.most)
    if element.children and "." in element.children and not element.codes:
        return element.least, most, None, None
    return element.least, most, frozenset(element.types), element.codes


def ours(top: str) -> dict[str, tuple[object, ...]]:
    return {
        f"{path}.{element.name}{'[x]' if element.is_choice else ''}": described(element)
        for path, elements in structures().elements.items()
        if path.split(".")[0] == top
        for element in elements.values()
    }


def theirs(elements: list[dict[str, Any]]) -> dict[str, tuple[object, ...]]:
    backbones = {"BackboneElement", "Element"}
    found = {}
    for one in elements:
        is_backbone = "ref" in one or set(one["type"]) <= backbones
        types = None if is_backbone else frozenset(one["type"])
        codes = frozenset(one["codes"]) if "codes" in one else None
        found[one["path"]] = (one["min"], one["max"], types, codes)
    return found


def test_every_element_that_we_know_is_as_the_standard_has_it(
    facts: dict[str, list[dict[str, Any]]],
) -> None:
    for top in sorted({path.split(".")[0] for path in structures().elements}):
        expected, found = theirs(facts[top]), ours(top)
        # The snapshots say `string` of resource ids; the specification's text says `id`.
        for path in [path for path in expected if path.endswith(".id")]:
            del expected[path], found[path]
        assert found == expected, top


def test_every_content_reference_points_where_the_standard_points(
    facts: dict[str, list[dict[str, Any]]],
) -> None:
    table = structures()
    for top in table.resources:
        for one in facts[top]:
            if "ref" in one:
                path, name = one["path"].rsplit(".", 1)
                assert table.elements[path][name].children == one["ref"]


def samples(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted((folder / "r4-examples").glob("*.json")):
        yield path.name, path.read_bytes()
    for path in sorted((folder / "synthea").glob("*.json.gz")):
        yield path.name, gzip.decompress(path.read_bytes())


def test_all_examples_of_the_types_we_take_pass(shared_data: Path) -> None:
    checked = 0
    for name, body in samples(shared_data / "clinical" / "fhir"):
        resource = parse(body)
        if resource["resourceType"] not in structures().resources:
            continue
        checked += 1
        assert not has_errors(check(resource)), name

    assert checked > 120


def test_a_resource_read_and_written_is_the_same_digit_by_digit(shared_data: Path) -> None:
    for name, body in samples(shared_data / "clinical" / "fhir"):
        resource = parse(body)
        again = parse(dump(resource).encode())
        assert repr(again) == repr(resource), name
