"""Disease packs as folders of YAML files, written by people."""

import math
import re
from collections.abc import Hashable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer

from app.domain.definitions import InvalidDefinition
from app.domain.plans.pack_parsing import parse_pack
from app.domain.plans.packs import Pack

LARGEST_FILE = 512 * 1024
# A criterion may be ten deep, each level a mapping and a list, some levels down in its rule.
DEEPEST = 40


class PackLoader(Composer, yaml.CSafeLoader):
    """Safe YAML with the surprises taken out, scanned by libyaml.

    YAML 1.1 reads `on` as true, `10:00` as 600 and `2026-03-01` as a date, keeps the last of two
    equal keys, and lets aliases multiply a small file into a huge one.

    Events come from libyaml one at a time, nodes are made here: libyaml's own composer recurses
    without a bound and ends the process on deep nesting, and its scanner takes minutes for it.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def __init__(self, stream: str) -> None:
        yaml.CSafeLoader.__init__(self, stream)
        Composer.__init__(self)
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed")
        if self._depth == DEEPEST:
            raise yaml.composer.ComposerError(None, None, f"is nested deeper than {DEEPEST}")
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be text", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key} is there twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


PackLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf")
)
PackLoader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:null|~)$"), list("n~"))
PackLoader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^-?(?:0|[1-9]\d*)$"), list("-0123456789")
)
PackLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^-?\d+\.\d+$"), list("-0123456789")
)


def read_yaml(file: Path) -> dict[str, Any]:
    """Return the mapping that one file holds.

    :raises InvalidDefinition: it is not the YAML we read, or no mapping
    """
    return _read(file)


def read_pack(folder: Path) -> Pack:
    """Return the pack whose `*.yaml` files lie in `folder`; together they make one mapping.

    :raises InvalidDefinition: a file cannot be read, two files say the same, or the pack is wrong
    """
    content: dict[str, Any] = {}
    for file in sorted(folder.glob("*.yaml")):
        for key, value in _read(file).items():
            if key in content:
                raise InvalidDefinition(f"{file.name}: {key}", "another file has it too")
            content[key] = value
    if not content:
        raise InvalidDefinition(folder.name, "holds no YAML file")
    return parse_pack(content)


def read_text(text: str, name: str = "pack") -> dict[str, Any]:
    """Return what one YAML text says, as plain data.

    :raises InvalidDefinition: too large, not the YAML we read, or no mapping
    """
    if len(text.encode("utf-8", "replace")) > LARGEST_FILE:
        raise InvalidDefinition(name, "is too large")
    try:
        content = yaml.load(text, PackLoader)  # noqa: S506  a SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InvalidDefinition(name, f"is not the YAML we read: {error}") from None
    if not isinstance(content, dict):
        raise InvalidDefinition(name, "must be a mapping")
    return content


def write_text(content: Mapping[str, Any]) -> str:
    """Return plain data as YAML from which `read_text` makes exactly the same again.

    Comments of the files it once came from are not part of it.
    """
    return yaml.dump(
        dict(content), Dumper=_PackDumper, allow_unicode=True, sort_keys=False, width=110
    )


class _PackDumper(yaml.SafeDumper):
    """Writes no aliases, and numbers as the loader reads them: 0.00001, never 1.0e-05."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _plain_number(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    if not math.isfinite(value):
        raise InvalidDefinition("", "holds a number that is none")
    digits = format(Decimal(repr(value)), "f")
    digits = digits if "." in digits else f"{digits}.0"
    return dumper.represent_scalar("tag:yaml.org,2002:float", digits)


_PackDumper.add_representer(float, _plain_number)


def _read(file: Path) -> dict[str, Any]:
    if file.stat().st_size > LARGEST_FILE:
        raise InvalidDefinition(file.name, "is too large")
    try:
        return read_text(file.read_text("utf-8"), file.name)
    except UnicodeDecodeError as error:
        raise InvalidDefinition(file.name, f"is not the YAML we read: {error}") from None
