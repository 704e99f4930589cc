"""A hospital's own database with two views, on MariaDB or SQLite, and its mapping."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from app.integrations.feeds import Feeds
from app.integrations.tables.database import DatabaseTable
from app.integrations.tables.drivers import open_source
from app.integrations.tables.mapping import SourceMapping
from app.integrations.tables.reader import TableReader
from tests.conftest import WORKER, create_database
from tests.unit.tables.mappings import mapping, patients, results

LOCAL = timedelta(hours=8)
WRITTEN = "%Y-%m-%d %H:%M:%S"
_TABLES = (
    """CREATE TABLE BRXX (
        BRID CHAR(12) PRIMARY KEY, SFZH CHAR(18), XM VARCHAR(40), XB CHAR(1), CSRQ CHAR(8),
        LXDH VARCHAR(20), GXSJ {time})""",
    """CREATE TABLE JYJG (
        ID INTEGER PRIMARY KEY, BRID CHAR(12), YBH VARCHAR(20), XMDM VARCHAR(20),
        XMMC VARCHAR(40), JG VARCHAR(40), DW VARCHAR(20), CKFW VARCHAR(40), BZ VARCHAR(8),
        ZT CHAR(1), CXBZ CHAR(1), BGSJ {time}, GXSJ {time})""",
)


@dataclass(frozen=True)
class HospitalView:
    """The hospital's side: rows are written with the hospital's own clock, to the second."""

    url: str
    writer: Engine
    reader: Engine
    mapping: SourceMapping

    def table(self, name: str = "lab_result", page_rows: int = 1000) -> DatabaseTable:
        table = self.mapping.table(name)
        assert table is not None
        return DatabaseTable(self.mapping, table, self.reader, page_rows)

    @property
    def read(self) -> Feeds:
        return Feeds({"table": TableReader([self.mapping])})

    def write(self, sql: str, **values: Any) -> None:
        with self.writer.begin() as connection:
            connection.execute(text(sql), values)

    def patient(self, number: str, at: datetime, name: str = "李测试", phone: str = "") -> None:
        self.write("DELETE FROM BRXX WHERE BRID = :n", n=number)
        self.write(
            "INSERT INTO BRXX VALUES (:n, '', :name, '2', '19600301', :phone, :at)",
            n=number, name=name, phone=phone, at=local(at),
        )  # fmt: skip

    def result(self, key: int, at: datetime, value: str = "5.1", **columns: Any) -> None:
        row = {"BRID": "0001", "YBH": f"S{key}", "XMDM": "GLU", "ZT": "1", "CXBZ": "0"} | columns
        self.write("DELETE FROM JYJG WHERE ID = :key", key=key)
        self.write(
            "INSERT INTO JYJG VALUES (:key, :BRID, :YBH, :XMDM, '葡萄糖', :value, 'mmol/L', "
            "'3.9-6.1', '', :ZT, :CXBZ, NULL, :at)",
            key=key, value=value, at=local(at), **row,
        )  # fmt: skip

    def results(self, keys: range, at: datetime) -> None:
        """Write many results of one second at once."""
        with self.writer.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO JYJG VALUES (:key, '0001', :order, 'GLU', '葡萄糖', '5.1', "
                    "'mmol/L', '3.9-6.1', '', '1', '0', NULL, :at)"
                ),
                [{"key": key, "order": f"S{key}", "at": local(at)} for key in keys],
            )

    def delete(self, *keys: int) -> None:
        for key in keys:
            self.write("DELETE FROM JYJG WHERE ID = :key", key=key)


def local(at: datetime) -> str:
    return (at + LOCAL).strftime(WRITTEN)


def view_mapping(product: str, **changes: Any) -> SourceMapping:
    """Return the mapping; SQLite keeps times as text."""
    watermark: Any = {"column": "GXSJ", "format": WRITTEN} if product == "sqlite" else "GXSJ"
    return mapping(
        patients(updated_at=watermark),
        results(updated_at=watermark, **changes),
        closed=[],
    )


@contextmanager
def open_view(url: str, product: str, **changes: Any) -> Iterator[HospitalView]:
    writer, reader = create_engine(url), open_source(url, 10)
    kind = "TEXT" if product == "sqlite" else "DATETIME"
    with writer.begin() as connection:
        for table in _TABLES:
            connection.execute(text(table.format(time=kind)))
    try:
        yield HospitalView(url, writer, reader, view_mapping(product, **changes))
    finally:
        writer.dispose()
        reader.dispose()


Opened = Callable[..., HospitalView]


@pytest.fixture
def open_hospital(
    engine: Engine, request: pytest.FixtureRequest, tmp_path: Any
) -> Iterator[Opened]:
    """Opens a hospital of the same product as our own database, which it is not."""
    product = engine.dialect.name
    if product == "sqlite":
        url = f"sqlite:///{tmp_path / 'hospital.sqlite3'}"
    else:
        server = request.getfixturevalue("mariadb_url")
        url = create_database(server, f"hospital_{WORKER}") + "?charset=utf8mb4"
    opened = []

    def opening(**changes: Any) -> HospitalView:
        manager = open_view(url, product, **changes)
        opened.append(manager)
        return manager.__enter__()

    yield opening
    for manager in opened:
        manager.__exit__(None, None, None)


@pytest.fixture
def hospital(open_hospital: Opened) -> HospitalView:
    return open_hospital()
