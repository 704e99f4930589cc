"""How large the drills are, and where their chance begins.

Small by default; CARELOOP_DRILLS=whole (`make drills`) makes them as large as docs/drills.md says.
"""

import os
import sys
from random import Random

IS_WHOLE = os.environ.get("CARELOOP_DRILLS") == "whole"
SEED = int(os.environ.get("CARELOOP_DRILL_SEED", "20261122"))


def size(small: int, whole: int) -> int:
    return whole if IS_WHOLE else small


def chance(drill: str) -> Random:
    """Return what is random in a drill: the same for the same seed."""
    return Random(f"{SEED} {drill}")


def report(drill: str, **counts: object) -> None:
    """Say what a drill found, with its seed."""
    told = ", ".join(f"{name} {count}" for name, count in counts.items())
    sys.stdout.write(f"\n{drill}: seed {SEED}, {told}\n")
