"""A mapping of a small hospital's views, and rows as they come from them."""

from datetime import UTC, datetime
from typing import Any

from app.domain.intake.hospital_message import HospitalMessage
from app.domain.intake.rejections import Rejected
from app.domain.intake.table_rows import Deed, KeptRow, Values
from app.integrations.tables.mapping import SourceMapping, parse_mapping
from app.integrations.tables.reader import TableReader

AT = datetime(2026, 5, 4, 4, 0, tzinfo=UTC)  # 12:00 at the hospital


def patients(**changes: Any) -> dict[str, Any]:
    return {
        "name": "patient",
        "is": "patient",
        "from": "BRXX",
        "key": ["BRID"],
        "updated_at": "GXSJ",
        "patient": {
            "identifiers": [{"column": "BRID"}, {"column": "SFZH", "type": "NI", "issuer": "CN"}],
            "name": "XM",
            "gender": {"column": "XB", "map": {"1": "male", "2": "female", "9": "unknown"}},
            "birth_date": {"column": "CSRQ", "format": "%Y%m%d"},
            "phone": {"column": "LXDH", "empty": "deleted"},
        },
        **changes,
    }


def results(**changes: Any) -> dict[str, Any]:
    return {
        "name": "lab_result",
        "is": "observation",
        "from": "JYJG",
        "key": ["ID"],
        "updated_at": "GXSJ",
        "withdrawn": {"column": "CXBZ", "yes": ["1"]},
        "patient": {"identifiers": ["BRID"]},
        "fields": {
            "order": "YBH",
            "code": {"column": "XMDM", "display": "XMMC", "system": "L"},
            "value": "JG",
            "unit": "DW",
            "range": "CKFW",
            "flag": "BZ",
            "status": {"column": "ZT", "map": {"0": "preliminary", "1": "final", "2": "corrected"}},
            "issued_at": "BGSJ",
        },
        **changes,
    }


def mapping(*tables: dict[str, Any], **changes: Any) -> SourceMapping:
    return parse_mapping(
        {"source": "his", "issuer": "HIS", "tables": list(tables or [patients(), results()])}
        | changes
    )


def lab(**changes: Any) -> dict[str, Any]:
    """A result as a CHAR-padding database shows it."""
    return {
        "ID": 7,
        "BRID": "0001234     ",
        "YBH": "20260504001 ",
        "XMDM": "GLU",
        "XMMC": "葡萄糖",
        "JG": "5.10 ",
        "DW": "mmol/L",
        "CKFW": "3.9-6.1",
        "BZ": "",
        "ZT": "1",
        "CXBZ": "0",
        "BGSJ": datetime(2026, 5, 4, 8, 30),
    } | changes


def told(values: Values, table: dict[str, Any] | None = None, **kept: Any) -> HospitalMessage:
    """Return the message of one row, through the bytes that would be stored."""
    answer = answer_to(values, table, **kept)
    assert not isinstance(answer, Rejected), answer
    return answer[0]


def answer_to(
    values: Values,
    table: dict[str, Any] | None = None,
    *,
    deed: Deed = Deed.SEEN,
    life: int = 0,
    before: Values | None = None,
) -> tuple[HospitalMessage, ...] | Rejected:
    mapped = mapping(table or results())
    row = KeptRow(mapped.tables[0].name, deed, AT, life, values, before)
    return TableReader([mapped])("his", row.body())
