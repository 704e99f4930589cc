"""The benchmarks run, check themselves and keep their contract; the sizes here mean nothing."""

import json
import subprocess
import sys
from typing import Any

import pytest

from benchmarks import measuring
from tests.conftest import ROOT

pytestmark = pytest.mark.mariadb


@pytest.fixture(autouse=True)
def one_server(mariadb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DATABASE_URL", mariadb_url)


def run(name: str, *more: str) -> dict[str, Any]:
    command = [sys.executable, "-m", f"benchmarks.{name}", "--json", "--rounds", "1"]
    done = subprocess.run(
        [*command, "--scale", "0.05", *more], cwd=ROOT, capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1  # progress goes elsewhere
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["benchmark"] == name
    assert found["seed"] == measuring.SEED
    assert {"cpus", "load_before", "busy", "seconds"} <= set(found["machine"])
    return found


def assert_measured(side: dict[str, Any]) -> None:
    low, high = side["per_second"]["spread"]
    assert 0 < low <= side["per_second"]["median"] <= high


def test_the_api_benchmark_prints_its_ratio_and_what_it_checked() -> None:
    found = run("api")

    assert found["ratio"] > 0
    assert found["target"] == 0.40
    assert {"per_second", "p50_ms", "p99_ms"} == set(found["ours"]) == set(found["bare"])
    assert_measured(found["ours"])
    assert_measured(found["bare"])
    assert found["checks"]["reads"] == found["checks"]["audited"] > 0
    assert found["sizes"]["connections"] == 32


def test_the_outreach_benchmark_prints_its_ratio_for_both_kinds() -> None:
    found = run("outreach")

    for kind in ("at_least_once", "at_most_once"):
        for delay in (0, 20, 50):
            one = found["embedded"][f"{kind}_{delay}_ms"]
            assert one["ratio"] > 0
            assert_measured({"per_second": one["ours"]})
            assert_measured({"per_second": one["bare"]})
    least = min(one["ratio"] / one["target"] for one in found["embedded"].values())
    assert found["ratio"] == least > 0


def test_rounds_alternate_after_a_warm_up() -> None:
    order: list[str] = []

    def side(name: str) -> dict[str, float]:
        order.append(name)
        return {"per_second": float(len(order))}

    a, b = measuring.alternate(lambda: side("a"), lambda: side("b"), 3)

    assert "".join(order) == "abababab"
    assert [one["per_second"] for one in a] == [3, 5, 7]
    assert measuring.medians(b) == {"per_second": {"median": 6.0, "spread": [4.0, 8.0]}}
    assert measuring.paired_ratio(a, b, "per_second") == round(5 / 6, 3)


def test_the_intake_benchmark_prints_its_ratio_and_the_memory_it_held() -> None:
    found = run("intake")

    assert found["ratio"] == found["ratio_to_parse"] > 0
    assert found["target"] == 0.4
    assert_measured(found["import"])
    assert_measured(found["parse"])
    assert found["rows"]["inbound_message"] == 2 * found["sizes"]["messages"]
    assert found["memory"]["messages"] == 1000
    assert min(found["memory"]["rss_mb_by_tenth"]) > 0


def test_the_segments_benchmark_prints_its_ratios_and_agrees_with_the_database() -> None:
    found = run("segments", "--patients", "3000")

    for ratio in ("ratio_to_bare_bitmap", "ratio_to_bulk_insert", "restart_ms", "visible_ms"):
        assert found[ratio] > 0
    assert [one["patients"] for one in found["queries"]] == found["checks"]["patients_by_sql"]
    assert found["checks"]["patients_by_sql"][0] > 0
    assert found["audience"]["patients"] == found["queries"][0]["patients"]
    assert found["sizes"]["patients"] == 3000
    assert len(found["ratio_to_sql"]) == 3


def test_the_tagging_benchmark_prints_its_ratios_and_checks_its_tags() -> None:
    found = run("tagging")

    assert found["ratio"] == found["ratio_to_closure"] > 0
    assert found["ratio_to_evaluate_all"] > 1
    assert found["events_per_second"] > 0
    for side in ("tree", "event", "closure", "woken", "evaluate_all", "whole_path"):
        assert_measured(found[side])
    assert found["checks"]["differing"] == 0
    assert found["checks"]["borne"] > 0


def test_the_rules_benchmark_prints_its_ratios_and_counts_its_alerts() -> None:
    found = run("rules")

    assert found["ratio"] == found["ratio_to_closure"] > 0
    assert found["ratio_to_evaluate_all"] > 1
    assert found["ratio_to_insert_and_commit"] > 0
    for side in ("tree", "with_words", "closure", "woken", "evaluate_all", "whole_path"):
        assert_measured(found[side])
    assert found["checks"]["hits"] == found["checks"]["expected_hits"] > 0


def test_the_snapshot_benchmark_prints_what_a_nurse_waits_for() -> None:
    found = run("snapshot")

    assert 0 < found["p50_ms"] <= found["p95_ms"]
    assert found["times_bare_p50"] > 0
    assert {"p50_ms", "p95_ms"} == set(found["ours"]) == set(found["bare"])
    assert found["statements"]["snapshot"] <= 17
    assert found["sizes"]["of_the_patient"] > found["sizes"]["rows_bare"] > 0


def test_the_expansion_benchmark_prints_its_ratio_and_what_it_checked() -> None:
    found = run("expansion", "--patients", "2000")

    assert found["ratio"] == found["ratio_to_bulk_insert"] > 0
    assert found["ours"]["rows"] == found["bare"]["rows"]
    assert found["checks"]["inserted_by_second_run"] == 0
    assert found["memory"]["most_grown_mb"] < 60
    assert_measured(found["ours"])
