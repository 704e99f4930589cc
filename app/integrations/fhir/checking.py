"""Whether a resource is built as FHIR R4 says: structure, cardinality, types, required codes.

Invariants, slicing and profiles are not looked at. What is said of a fault names the place and
the rule, never what stood there: it is sent back, stored and shown.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from app.integrations.fhir.primitives import PRIMITIVES
from app.integrations.fhir.structure import Element, Structures, structures

# Enough for a person to see what is wrong; a bundle built wrongly would name thousands.
_MOST: Final = 100
# A bundle, its entry, what that contains.
_DEEPEST: Final = 3
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")


@dataclass(frozen=True, slots=True)
class Issue:
    """One fault, as an OperationOutcome tells of it; `expression` is a FHIRPath."""

    severity: str  # error, warning, information
    code: str  # of the value set issue-type
    expression: str
    diagnostics: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that a resource may break, with its words."""

    code: str
    words: str


_NO_RESOURCE = Rule("structure", "不是资源：缺少 resourceType。Not a resource: no resourceType.")
_UNSUPPORTED = Rule("not-supported", "不接收这种资源。This type of resource is not taken.")
_DEEP = Rule("structure", "资源嵌套过深。Resources are nested too deep.")
_UNKNOWN = Rule("structure", "R4 没有这个元素。R4 has no such element.")
_MISSING = Rule("required", "缺少必需的元素。A required element is missing.")
_TWO_TYPES = Rule("structure", "同一个值给了两种类型。A value is given in two types.")
_NO_LIST = Rule("structure", "应为数组。Must be an array.")
_LIST = Rule("structure", "不应为数组。Must not be an array.")
_EMPTY = Rule("structure", "不允许空的值。Empty values are not allowed.")
_NO_OBJECT = Rule("structure", "应为对象。Must be an object.")
_VALUE = Rule("value", "值不符合该类型的写法。The value is not written as its type demands.")
_CODE = Rule("code-invalid", "不是规定的代码。The code is not one of the required value set.")


def check(resource: Any) -> tuple[Issue, ...]:
    """Return what is wrong with a resource or bundle; nothing where it is as R4 says.

    A type that we do not take is an error by itself and a word of information inside a bundle.
    """
    checking = _Checking(structures())
    checking.resource(resource, "", 1)
    return tuple(checking.issues)


def has_errors(issues: tuple[Issue, ...]) -> bool:
    """Tell whether something must not be taken as it is."""
    return any(issue.severity == "error" for issue in issues)


class _Checking:
    def __init__(self, table: Structures) -> None:
        self._table = table
        self.issues: list[Issue] = []

    def resource(self, resource: Any, path: str, depth: int) -> None:
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if not isinstance(kind, str) or not _NAME.fullmatch(kind):
            return self._say(path, _NO_RESOURCE)
        path = path or kind
        if kind not in self._table.resources:
            return self._say(path, _UNSUPPORTED, "error" if depth == 1 else "information")
        if depth > _DEEPEST:
            return self._say(path, _DEEP)
        content = {name: value for name, value in resource.items() if name != "resourceType"}
        return self._object(content, kind, path, depth)

    def _say(self, path: str, rule: Rule, severity: str = "error") -> None:
        if len(self.issues) < _MOST:
            self.issues.append(Issue(severity, rule.code, path, rule.words))

    def _object(self, content: dict[str, Any], at: str, path: str, depth: int) -> None:
        """Check an object against the elements that stand at `at` in the table."""
        known = self._table.elements[at]
        given: dict[str, set[str]] = {}
        for name, value in content.items():
            bare = name.removeprefix("_")
            element = known.get(bare)
            if element is None:
                self._say(f"{path}.{bare if _NAME.fullmatch(bare) else '?'}", _UNKNOWN)
                continue
            given.setdefault(element.name, set()).add(bare)
            kind = _kind(element, bare)
            if name == bare:
                self._values(value, element, kind, f"{path}.{bare}", depth, content.get("_" + name))
            elif kind in PRIMITIVES:
                self._companions(value, element, f"{path}.{bare}")
            else:
                self._say(f"{path}.{bare}", _UNKNOWN)
        for element in {id(one): one for one in known.values()}.values():
            names = given.get(element.name, set())
            if len(names) > 1:
                self._say(f"{path}.{element.name}", _TWO_TYPES)
            elif element.least and not names:
                self._say(f"{path}.{element.name}", _MISSING)

    def _values(
        self, value: Any, element: Element, kind: str, path: str, depth: int, companions: Any
    ) -> None:
        if element.most == 1:
            if isinstance(value, list):
                return self._say(path, _LIST)
            return self._value(value, element, kind, path, depth)
        if not isinstance(value, list):
            return self._say(path, _NO_LIST)
        if not value:
            return self._say(path, _EMPTY)
        for index, item in enumerate(value):
            # A null in an array says that the place has extensions only.
            if item is None and _is_object(companions, index):
                continue
            self._value(item, element, kind, f"{path}[{index}]", depth)
        return None

    def _value(self, value: Any, element: Element, kind: str, path: str, depth: int) -> None:
        if kind in PRIMITIVES:
            if not PRIMITIVES[kind](value):
                return self._say(path, _VALUE)
            if element.codes is not None and value not in element.codes:
                return self._say(path, _CODE)
            return None
        if kind == "Resource":
            return self.resource(value, path, depth + 1)
        if not isinstance(value, dict):
            return self._say(path, _NO_OBJECT)
        if not value:
            return self._say(path, _EMPTY)
        where = element.children or kind
        if not self._table.has(where):
            return None  # a datatype that occurs in extensions only
        self._object(value, where, path, depth)
        if element.codes is not None and not _has_code(value, element.codes):
            self._say(path, _CODE)
        return None

    def _companions(self, value: Any, element: Element, path: str) -> None:
        """Check `_birthDate`: the id and extensions of a primitive."""
        items = value if isinstance(value, list) else [value]
        if isinstance(value, list) == (element.most == 1):
            return self._say(path, _LIST if isinstance(value, list) else _NO_LIST)
        for item in items:
            if item is None and isinstance(value, list):
                continue
            if not isinstance(item, dict) or not item or not item.keys() <= {"id", "extension"}:
                return self._say(path, _NO_OBJECT)
            extensions = item.get("extension", [{"url": "-"}])
            if not isinstance(extensions, list) or not extensions:
                return self._say(path, _NO_LIST)
            for index, extension in enumerate(extensions):
                if not isinstance(extension, dict):
                    return self._say(path, _NO_OBJECT)
                self._object(extension, "Extension", f"{path}.extension[{index}]", 1)
        return None


def _kind(element: Element, name: str) -> str:
    """Return the type of a value; of a choice the name says which: valueQuantity."""
    if not element.is_choice:
        return element.types[0]
    chosen = name[len(element.name) :]
    return next(kind for kind in element.types if kind[0].upper() + kind[1:] == chosen)


def _has_code(concept: dict[str, Any], codes: frozenset[str]) -> bool:
    codings = concept.get("coding")
    listed = codings if isinstance(codings, list) else []
    return any(isinstance(one, dict) and one.get("code") in codes for one in listed)


def _is_object(companions: Any, index: int) -> bool:
    return (
        isinstance(companions, list)
        and index < len(companions)
        and isinstance(companions[index], dict)
    )
