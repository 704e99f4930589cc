"""Messages of 就医助手 (hospital messages of WeChat's city services): one visit, many messages.

Which status a hospital may use and which fields it must fill is agreed with Tencent and differs
by hospital: it is configuration, and this is its shape.
"""

import re
from collections.abc import Mapping
from typing import Final

from app.domain.outreach.lock_screen import revealing
from app.domain.outreach.messaging import MedicalScene, fill

# 就医助手 is one kind of business among those of the city services.
BUSINESS_ID: Final = 150
# Outpatient, inpatient, check-up, online consultation, after the visit.
GROUPS: Final = range(1501, 1506)
# What our messages have to say; the names a scene's fields may ask for.
PLACEHOLDERS: Final = frozenset(
    {"title", "time", "name", "record", "department", "doctor", "place", "hospital"}
)
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ASKED: Final = re.compile(r"\{(\w+)\}")


def flaws(scene: MedicalScene) -> list[str]:
    """Return what the platform, or a lock screen, would not stand; nothing for a good scene."""
    found = []
    if scene.status // 1000 not in GROUPS:
        found.append(f"status {scene.status} is none of 1501xxx to 1505xxx")
    found += [f"{name} is not a field's name" for name in scene.fields if not _NAME.fullmatch(name)]
    found += [f"{name} is required" for name in sorted(scene.required - scene.fields.keys())]
    for name, text in scene.fields.items():
        if not text.strip():
            found.append(f"{name} is empty")
        unknown = set(_ASKED.findall(text)) - PLACEHOLDERS
        found += [f"{name} asks for {{{one}}}, which no message has" for one in sorted(unknown)]
        found += [f"{name} says {word!r} on a lock screen" for word in revealing(text)]
    return found


def business_info(scene: MedicalScene, values: Mapping[str, str]) -> dict[str, str]:
    """Return the fields filled in.

    :raises KeyError: the scene asks for what this message does not have
    """
    return fill(scene.fields, values)
