"""Opening a hospital's database fails in one sentence that gives nothing away."""

import tomllib

import pytest

from app.integrations.tables.drivers import DRIVERS, SourceUnavailable, open_source
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("oracle+oracledb://u:secret@db/x", "pip install oracledb"),
        ("mssql+pymssql://u:secret@db/x", "pip install pymssql"),
        ("dm+dmPython://u:secret@db/x", "pip install dmPython"),
        ("informix://u:secret@db/x", "不支持这种数据库"),
        ("no address", "无法识别"),
    ],
)
def test_a_missing_driver_gives_one_clear_sentence(url: str, sentence: str) -> None:
    with pytest.raises(SourceUnavailable, match=sentence) as refused:
        open_source(url, 10)

    assert "secret" not in str(refused.value)


def test_the_sentence_names_the_pinned_drivers_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    pinned = {" ".join(extra) for extra in project["optional-dependencies"].values()}

    assert set(DRIVERS.values()) == pinned
