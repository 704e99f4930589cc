"""The shipped glucose rules over published series, counted a second time in plain Python.

The second count stays in mg/dL, the unit of the files, with the guideline's limits in that unit:
below 54, below 70, from 300 on. So it shares neither conversion nor rules with what it checks.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from app.domain.plans.rules import Hit, RuleIndex
from app.domain.profile.patient_facts import Facts, ObservedValue
from app.domain.profile.vital_signs import Interpretation, Measurement, VitalSign, interpret
from app.domain.staff.alerting import Episode, Step, on_abnormal, on_hit, on_normal
from app.integrations.pack_files import read_pack

pytestmark = pytest.mark.shared

PACK = read_pack(Path(__file__).parents[2] / "packs" / "t2dm-after-discharge")
WOKEN = RuleIndex(PACK.rules).woken_by("observation:15074-8")
LIMITS = PACK.limits[VitalSign.GLUCOSE]
ZONE = ZoneInfo("Asia/Shanghai")
# Codes of glucose in the UCI files; the others are doses, meals and exercise.
UCI_GLUCOSE = {"48", "57", "58", "59", "60", "61", "62", "63", "64"}

Reading = tuple[datetime, int]


def cgm(shared_data: Path) -> dict[str, list[Reading]]:
    file = shared_data / "clinical" / "home" / "cgm_dexcom_t2dm.csv"
    with file.open(encoding="utf-8", newline="") as rows:
        parsed = [
            (row["id"], datetime.fromisoformat(row["time"]).replace(tzinfo=UTC), int(row["gl"]))
            for row in csv.DictReader(rows)
        ]
    grouped = groupby(parsed, key=lambda row: row[0])
    return {who: [(at, value) for _, at, value in rows] for who, rows in grouped}


def uci(shared_data: Path) -> Iterator[Reading]:
    """Yield well-formed glucose rows; paper records hold some that are not."""
    for file in sorted((shared_data / "clinical" / "home" / "uci-diabetes").glob("*.tsv")):
        for line in file.read_text("utf-8").splitlines():
            day, at, code, value, *_ = [*line.split("\t"), "", "", "", ""]
            if code in UCI_GLUCOSE and re.fullmatch(r"\d+", value) and re.match(r"\d+-", day):
                try:
                    moment = datetime.strptime(f"{day} {at}", "%m-%d-%Y %H:%M")
                except ValueError:
                    continue
                yield moment.replace(tzinfo=UTC), int(value)


def judged(reading: Reading) -> Measurement:
    at, value = reading
    measurement = Measurement(UUID(int=0), VitalSign.GLUCOSE, Decimal(value), "mg/dL", at)
    return measurement.in_judged_unit()


def hits(measurement: Measurement) -> list[Hit]:
    observed = ObservedValue(measurement.value, measurement.effective_at)
    facts = Facts(measurement.effective_at, ZONE, {"15074-8": [observed]})
    found = (compiled.evaluate(facts, measurement.effective_at) for compiled in WOKEN)
    return [hit for hit in found if hit is not None]


def fired(readings: list[Reading]) -> Counter[str]:
    plausible = (one for one in map(judged, readings) if one.is_plausible)
    return Counter(hit.rule.key for one in plausible for hit in hits(one))


def counted(values: list[int]) -> dict[str, int]:
    """Count in mg/dL; 10 and 600 are the last whole numbers inside 0.6-33.3 mmol/L."""
    counts = {
        "d1-glucose-low": sum(54 <= value < 70 for value in values),
        "d2-glucose-very-low": sum(10 <= value < 54 for value in values),
        "d6-glucose-very-high": sum(300 <= value <= 600 for value in values),
    }
    return {key: count for key, count in counts.items() if count}


def test_cgm_readings_fire_the_rules_their_numbers_call_for(shared_data: Path) -> None:
    series = cgm(shared_data)
    readings = [reading for one in series.values() for reading in one]
    expected = counted([value for _, value in readings])
    assert expected
    assert fired(readings) == expected


def test_paper_and_meter_records_fire_the_rules_their_numbers_call_for(shared_data: Path) -> None:
    readings = list(uci(shared_data))
    values = [value for _, value in readings]
    # The collection counts 6817; two of them were taken at 56:35 and 188:00. One low is a zero.
    assert (len(values), sum(v < 70 for v in values), sum(v < 54 for v in values)) == (
        6815, 722, 332,
    )  # fmt: skip
    assert values.count(0) == 1
    assert fired(readings) == counted(values)


def test_a_series_opens_as_many_low_episodes_as_a_plain_count_finds(shared_data: Path) -> None:
    for readings in cgm(shared_data).values():
        assert opened(readings) == opened_in_plain_python([value for _, value in readings])


def opened(readings: list[Reading]) -> int:
    episode: Episode | None = None
    count = 0
    for measurement in map(judged, readings):
        low = [hit for hit in hits(measurement) if hit.rule.episode == "glucose-low"]
        if low:
            decision = on_hit(episode, low[0].rule.grade)
        elif interpret(measurement, LIMITS) is Interpretation.NORMAL:
            decision = on_normal(episode, clears_after=2)
        else:
            decision = on_abnormal(episode)
        count += decision.step is Step.OPEN
        episode = None if decision.step is Step.CLEAR else decision.episode
    return count


def opened_in_plain_python(values: list[int]) -> int:
    """Normal is 70 to 180 mg/dL: 181 rounds to 10.0 mmol/L too, which is not above 10.0."""
    count, is_open, normals = 0, False, 0
    for value in values:
        if value < 70:
            count += not is_open
            is_open, normals = True, 0
        elif value <= 181:
            normals += 1
            is_open = is_open and normals < 2
        else:
            normals = 0
    return count
