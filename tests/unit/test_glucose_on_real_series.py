"""The shipped glucose rules over published series, counted a second time in plain Python.

The second count stays in mg/dL, the unit of the files, with the guideline's limits in that unit:
below 54, below 70, from 300 on. So it shares neither conversion nor rules with what it checks.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from app.domain.plans.rules import Hit, RuleIndex
from app.domain.profile.patient_facts import Facts, ObservedValue, ScheduledReading
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
        yield from uci_file(file)


def uci_file(file: Path) -> Iterator[Reading]:
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


def test_rules_fire_on_the_days_that_hold_such_numbers(shared_data: Path) -> None:
    readings = [*(one for each in cgm(shared_data).values() for one in each), *uci(shared_data)]
    plausible = (one for one in map(judged, readings) if one.is_plausible)
    days = {(hit.rule.key, hit.at.date()) for one in plausible for hit in hits(one)}

    assert days == {(key, at.date()) for at, value in readings for key in counted([value])}
    assert len(days) > 300


def test_three_days_without_glucose_are_found_when_they_are_over(shared_data: Path) -> None:
    """One slot a day from 05:00 to 11:00 of the hospital, asked every morning at 12."""
    rule = next(one for one in RuleIndex(PACK.rules).woken_by("clock") if one.rule.key == D8)
    for file in sorted((shared_data / "clinical" / "home" / "uci-diabetes").glob("*.tsv"))[:6]:
        readings = sorted(at for at, _ in uci_file(file))
        days = {at.astimezone(ZONE).date() for at in readings}
        first = min(days)
        calendar = [first + timedelta(days=n) for n in range((max(days) - first).days + 8)]
        fired = []
        for day in calendar:
            noon = datetime.combine(day, time(12), ZONE)
            facts = Facts(
                noon, ZONE,
                {"15074-8": [ObservedValue(Decimal(6), at) for at in reversed(readings)
                             if at <= noon]},
                scheduled={"15074-8": [slot(one) for one in reversed(calendar) if one <= day]},
            )  # fmt: skip
            if rule.evaluate(facts) is not None:
                fired.append(day)
        missing = {
            day for day in calendar[2:] if not days & {day - timedelta(days=n) for n in range(3)}
        }
        # What comes later on the third day comes too late for that noon.
        late = {at.astimezone(ZONE).date() for at in readings}
        morning = {
            at.astimezone(ZONE).date() for at in readings if at.astimezone(ZONE).hour < 12
        } | {at.astimezone(ZONE).date() for at in readings if is_noon(at)}
        missing |= {
            day for day in calendar[2:]
            if day in late - morning and not days & {day - timedelta(days=n) for n in (1, 2)}
        }  # fmt: skip
        assert fired == sorted(missing)
        assert fired


D8 = "d8-no-glucose-3-days"


def slot(day: date) -> ScheduledReading:
    return ScheduledReading(
        datetime.combine(day, time(5), ZONE), datetime.combine(day, time(11), ZONE)
    )


def is_noon(at: datetime) -> bool:
    return at.astimezone(ZONE).time() == time(12)


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
