"""What people call the things that criteria name by a key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Names:
    """Names by key; what is not in them is told by its key.

    `subjects` are articles and forms that patients read or answer; `questions` are the words of
    one question by form and linkId, `options` those of one answer to it by its code besides.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    departments: Mapping[str, str] = field(default_factory=dict)
    plans: Mapping[str, str] = field(default_factory=dict)
    questionnaires: Mapping[str, str] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)
    questions: Mapping[tuple[str, str], str] = field(default_factory=dict)
    options: Mapping[tuple[str, str, str], str] = field(default_factory=dict)


NO_NAMES: Final = Names()
