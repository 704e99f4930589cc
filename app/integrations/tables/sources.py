"""The table sources as configured: their mappings, and their databases once somebody asks."""

from collections.abc import Iterable

from sqlalchemy import Engine

from app.integrations.tables.database import DatabaseTable
from app.integrations.tables.drivers import SourceUnavailable, open_source
from app.integrations.tables.mapping import SourceMapping
from app.integrations.tables.mapping_files import InvalidMapping, read_mapping
from app.settings import Tables, TableSource


def configured_mappings(tables: Tables) -> tuple[SourceMapping, ...]:
    """Return the mapping of every configured source.

    :raises InvalidMapping: one cannot be read, or is of another source
    """
    return tuple(_mapping(one) for one in tables.sources)


def _mapping(source: TableSource) -> SourceMapping:
    mapping = read_mapping(source.mapping)
    if mapping.source != source.name:
        raise InvalidMapping(
            f"{source.mapping.name}: source: is {mapping.source}, the settings say {source.name}"
        )
    return mapping


class TableSources:
    """Gives the tables of a source; its database is opened at the first asking."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._mappings = {one.source: one for one in configured_mappings(tables)}
        self._engines: dict[str, Engine] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The sources that have a database."""
        return tuple(one.name for one in self._tables.sources if one.url is not None)

    @property
    def mappings(self) -> Iterable[SourceMapping]:
        return self._mappings.values()

    def tables(self, name: str) -> tuple[DatabaseTable, ...]:
        """Return the tables of a source.

        :raises SourceUnavailable: it is not configured, has no database, or its driver is missing
        """
        source = self._tables.source(name)
        if source is None or source.url is None:
            raise SourceUnavailable(f"没有配置名为 {name} 的数据库来源")
        if name not in self._engines:
            self._engines[name] = open_source(
                source.url.get_secret_value(), self._tables.query_seconds
            )
        mapping, engine = self._mappings[name], self._engines[name]
        return tuple(
            DatabaseTable(mapping, one, engine, self._tables.page_rows) for one in mapping.tables
        )

    def close(self) -> None:
        for engine in self._engines.values():
            engine.dispose()
