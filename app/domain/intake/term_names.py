"""Names of tests, compared as people compare them: without case, width, blanks and ornaments."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from app.domain.profile.laboratory import LABORATORY_TESTS

_ORNAMENTS: Final = re.compile(r"[\s_]+|\(.*?\)|\[.*?\]|^\*+")


def plain(name: str) -> str:
    """Return a name for comparing; what stands in brackets and a leading star say nothing."""
    return _ORNAMENTS.sub("", unicodedata.normalize("NFKC", name)).casefold()


_NAMES: Final[Mapping[str, frozenset[str]]] = {
    test.code: frozenset(plain(name) for name in (test.name, test.abbreviation, *test.names))
    for test in LABORATORY_TESTS.values()
}


def names_of(code: str) -> frozenset[str]:
    """Return the plain names under which a test of the catalogue is known."""
    return _NAMES.get(code, frozenset())
