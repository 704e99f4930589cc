"""Fixtures of the integration tests that call, or are called by, the stand-in platform."""

import json
from collections.abc import Iterator

import pytest

from tests.integration.callback_site import Site, one_site, platform, pushing, receiver, site
from tests.integration.platforms import account, logged, mini, quiet_standin, standin, wecom
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
