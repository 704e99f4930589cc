"""Opening a hospital's database fails in one sentence that gives nothing away."""

import pytest

from app.integrations.tables.drivers import SourceUnavailable, open_source


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("oracle+oracledb://u:secret@db/x", r"careloop\[oracle\]"),
        ("mssql+pymssql://u:secret@db/x", r"careloop\[sqlserver\]"),
        ("dm+dmPython://u:secret@db/x", r"careloop\[dm\]"),
        ("informix://u:secret@db/x", "不支持这种数据库"),
        ("no address", "无法识别"),
    ],
)
def test_a_missing_driver_gives_one_clear_sentence(url: str, sentence: str) -> None:
    with pytest.raises(SourceUnavailable, match=sentence) as refused:
        open_source(url, 10)

    assert "secret" not in str(refused.value)
