"""A mapping is read strictly, and what is wrong is named by line and path."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.domain.definitions import InvalidDefinition
from app.integrations.tables.mapping_files import InvalidMapping, read_mapping
from tests.conftest import ROOT
from tests.unit.tables.mappings import mapping, patients, results

EXAMPLES = sorted((ROOT / "docs" / "examples" / "tables").glob("*.yaml"))
FIELDS = results()["fields"]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_every_example_can_be_read(file: Path) -> None:
    assert read_mapping(file).tables


def test_a_mapping_reads_only_the_columns_it_names() -> None:
    table = mapping(patients()).tables[0]

    assert table.columns == ("BRID", "SFZH", "XM", "XB", "CSRQ", "LXDH", "GXSJ")


@pytest.mark.parametrize(
    ("table", "path"),
    [
        (patients(surplus=1), "tables[0].surplus"),
        (patients(key=[]), "tables[0].key"),
        (patients(**{"from": "BRXX; DROP TABLE X"}), "tables[0].from"),
        (patients(**{"is": "bill"}), "tables[0].is"),
        (patients(patient={"identifiers": []}), "tables[0].patient.identifiers"),
        (patients(overlap="two hours"), "tables[0].overlap"),
        (patients(empty="maybe"), "tables[0].empty"),
        (patients(vanishing={"horizon": "PT1H"}), "tables[0].vanishing.horizon"),
        (results(withdrawn={"column": "CXBZ", "yes": []}), "tables[0].withdrawn.yes"),
        (results(fields={"order": "YBH"}), "tables[0].fields.code"),
        (
            results(
                fields=results()["fields"] | {"status": {"column": "ZT", "map": {"1": "done"}}}
            ),
            "tables[0].fields.status.1",
        ),
        (
            results(fields=FIELDS | {"issued_at": {"column": "BGSJ", "format": "%Q"}}),
            "tables[0].fields.issued_at.format",
        ),
        (
            results(fields=FIELDS | {"note": {"column": 'a"b'}}),
            "tables[0].fields.note.column",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_path(table: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidDefinition) as wrong:
        mapping(table)

    assert wrong.value.path == path


def test_a_file_names_the_line_of_what_is_wrong(tmp_path: Path) -> None:
    text = EXAMPLES[0].read_text("utf-8")
    line = next(n for n, one in enumerate(text.splitlines(), 1) if "is: medication" in one)
    file = tmp_path / "wrong.yaml"
    file.write_text(text.replace("is: medication", "is: medicine"), "utf-8")

    with pytest.raises(InvalidMapping, match=rf"wrong\.yaml:{line}: tables\[0\]\.is: must be one"):
        read_mapping(file)


@pytest.mark.parametrize("text", ["a: [", "!!python/object:os.system {}", "- 1", "a: &x 1\nb: *x"])
def test_a_file_that_is_no_mapping_is_refused_with_its_name(text: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)

    with pytest.raises(InvalidMapping, match=r"^wrong\.yaml:"):
        read_mapping(file)


def test_credentials_have_no_place_in_a_mapping(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(f"url: mysql://root:x@db/his\n{EXAMPLES[0].read_text('utf-8')}", "utf-8")

    with pytest.raises(InvalidMapping, match=r"wrong\.yaml:1: url: unknown key"):
        read_mapping(file)


def test_laboratories_are_read_again_over_days_and_admissions_over_hours() -> None:
    overlaps = {table.name: table.overlap for table in mapping().tables}

    assert overlaps == {"patient": timedelta(hours=2), "lab_result": timedelta(days=3)}


@pytest.mark.parametrize(
    ("closed", "hour", "is_open"),
    [
        (None, 7, True), (None, 8, False), (None, 10, False), (None, 11, True),
        ([], 9, True),
        (["22:00-02:00"], 23, False), (["22:00-02:00"], 1, False), (["22:00-02:00"], 2, True),
    ],
)  # fmt: skip
def test_the_clinics_hours_are_closed_unless_said_otherwise(
    closed: list[str] | None, hour: int, is_open: bool
) -> None:
    source = mapping() if closed is None else mapping(closed=closed)

    assert source.is_open(datetime(2026, 5, 4, (hour - 8) % 24, tzinfo=UTC)) is is_open
