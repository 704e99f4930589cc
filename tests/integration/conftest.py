"""Fixtures of the integration tests: the stand-in platform, and the operator's verbs."""

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from app.cli.commands import main
from app.database import unit_of_work
from tests.conftest import SECRET_KEYS
from tests.integration.callback_site import Site, one_site, platform, pushing, receiver, site
from tests.integration.platforms import account, logged, mini, quiet_standin, standin, wecom
from tests.integration.verbs import Verb
from tests.standin.support import Platform, started

__all__ = [
    "account", "logged", "mini", "one_site", "platform", "quiet_standin", "receiver", "site",
    "standin", "wecom",
]  # fmt: skip


@pytest.fixture(scope="session")
def pushing_standin(one_site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    path = tmp_path_factory.mktemp("pushing") / "config.json"
    path.write_text(json.dumps(pushing(one_site.url)))
    with started(path) as running:
        yield running


@pytest.fixture
def verb(
    database: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Verb:
    """Run a verb against the database of the test; returns exit status, output and errors."""
    monkeypatch.setenv("CARELOOP_SECRET_KEYS", SECRET_KEYS)
    url = database.url.render_as_string(hide_password=False)
    monkeypatch.setenv("CARELOOP_DATABASE_URL", url)

    def once(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(arguments)
        printed = capsys.readouterr()
        unit_of_work.configure(bind=database)
        return status, printed.out.strip(), printed.err

    return once
