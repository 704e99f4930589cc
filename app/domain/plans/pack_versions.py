"""The next version of a pack: what changed bears a new number, what did not keeps its own."""

import copy
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

# Parts with a version of their own, found by their key.
PARTS: Final = ("articles", "questionnaires", "plans", "rules")
NOTHING_ELSE: Final[Mapping[tuple[str, str], int]] = {}
_NUMBERED: Final = re.compile(r"(.*?)(\d+)")


def next_version(version: str, taken: Collection[str]) -> str:
    """Return the version after `version` that nobody has taken: 1.0.9 becomes 1.0.10."""
    found = _NUMBERED.fullmatch(version)
    stem, number = (found[1], int(found[2])) if found else (f"{version}.", 0)
    while (candidate := f"{stem}{number + 1}") in taken:
        number += 1
    return candidate


def numbered(
    base: Mapping[str, Any],
    draft: Mapping[str, Any],
    taken: Collection[str],
    greatest: Mapping[tuple[str, str], int] = NOTHING_ELSE,
) -> dict[str, Any]:
    """Return a draft fit to be published beside its base; nothing published ever changes.

    The pack's version becomes the next one. A part that says something else than in `base` gets the
    number after its old one and after every one that was ever published (`greatest`, by part and
    key), unless its author already gave a greater one.
    """
    told = copy.deepcopy(dict(draft))
    told["id"] = base["id"]
    told["version"] = next_version(str(base["version"]), taken)
    for part in PARTS:
        before = {one.get("key"): one for one in base.get(part) or ()}
        for one in told.get(part) or ():
            old = before.get(one.get("key"))
            if old is not None and _content(one) == _content(old):
                one["version"] = old["version"]
                continue
            published = greatest.get((part, str(one.get("key"))), 0)
            least = max(_number(old) if old is not None else 0, published) + 1
            one["version"] = max(least, _number(one))
    return told


def _content(part: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key != "version"}


def _number(part: Mapping[str, Any]) -> int:
    version = part.get("version")
    return version if isinstance(version, int) and not isinstance(version, bool) else 0
