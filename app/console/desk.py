"""What the console is handed by the wiring: where staff come in, and whom to ask."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from flask import current_app

from app.clock import HOSPITAL
from app.domain.intake.feed_health import Watch
from app.domain.outreach.messaging import Outlets
from app.models.segments.evaluating import Evaluator, SqlEvaluator

_EXTENSION: Final = "careloop-console"


@dataclass(frozen=True, slots=True)
class ConsoleDesk:
    """Everything about this hospital that the pages cannot know by themselves.

    `sign_in_path` is None where no WeCom is connected: then nobody can come in.
    """

    hospital_name: str
    hospital_phone: str
    sign_in_path: str | None
    sign_out_path: str
    is_demo: bool = False
    watches: Mapping[str, Watch] = field(default_factory=dict)
    # Key → label of the makers whose clouds send readings.
    device_vendors: Mapping[str, str] = field(default_factory=dict)
    outlets: Outlets = field(default_factory=Outlets)
    # Who says whom criteria mean: the live index where the wiring has one.
    evaluator: Evaluator = field(default_factory=lambda: SqlEvaluator(HOSPITAL))

    def keep(self, extensions: dict[str, object]) -> None:
        extensions[_EXTENSION] = self


def desk() -> ConsoleDesk:
    """Return what this application was given."""
    return cast(ConsoleDesk, current_app.extensions[_EXTENSION])
