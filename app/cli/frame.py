"""What every verb shares: the settings and the engine, and how it fails."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import click

from app import settings
from app.domain.trust.access import Actor
from app.start import start

OPERATOR: Final = Actor("operator", None, "cli")


class Failed(click.ClickException):
    """Something is wrong with the data or the database: exit 1, one sentence."""

    exit_code = 1


def with_database(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the verb the settings and the engine."""

    @wraps(verb)
    def prepared(*given: Any, **options: Any) -> None:
        loaded = settings.load()
        engine = start("cli", loaded, pool_size=2)
        try:
            verb(loaded, engine, *given, **options)
        finally:
            engine.dispose()

    return prepared
