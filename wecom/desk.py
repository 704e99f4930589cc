"""What the nurse pages are handed by the wiring: the doors of WeCom, and whom to ask."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from flask import current_app

from app.domain.errors import NotFound

_EXTENSION: Final = "careloop-nurse-desk"


class CodeRefused(Exception):
    """WeCom does not know this sign-in code: spent, late, or made up."""


class CodeUnanswered(Exception):
    """WeCom could not be asked, or did not answer."""


@dataclass(frozen=True, slots=True)
class SignInApp:
    """One WeCom application by which staff come in.

    `authorize_url(state, redirect_uri)` is where a browser goes to sign in; `exchange(code)`
    asks WeCom whose code it is, raising `CodeRefused` or `CodeUnanswered`. `corp_key` is the
    `Practitioner.corp_key` of its members.
    """

    key: str
    corp_key: str
    authorize_url: Callable[[str, str], str]
    exchange: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class NurseDesk:
    """Everything about this hospital that the pages cannot know by themselves."""

    public_url: str
    hospital_phone: str
    apps: tuple[SignInApp, ...]
    is_demo: bool = False

    def app(self, key: str) -> SignInApp:
        """Return an application.

        :raises NotFound: no such application
        """
        found = next((app for app in self.apps if app.key == key), None)
        if found is None:
            raise NotFound
        return found

    def first_app(self) -> SignInApp | None:
        """Return where an unknown visitor is sent; None where no WeCom is connected."""
        return next(iter(self.apps), None)

    def keep(self, extensions: dict[str, object]) -> None:
        extensions[_EXTENSION] = self


def desk() -> NurseDesk:
    """Return what this application was given."""
    return cast(NurseDesk, current_app.extensions[_EXTENSION])
