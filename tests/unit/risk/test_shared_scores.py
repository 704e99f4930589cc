"""Every score of the sample file, inputs and outputs as it has them."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.domain.profile.risk.cdrs import cdrs
from app.domain.profile.risk.china_par import Profile, china_par
from app.domain.profile.risk.ckd_epi import ckd_epi_2021
from app.domain.profile.risk.gmi import gmi
from app.domain.profile.risk.hospital import hospital
from app.domain.profile.risk.lace import lace
from app.domain.profile.risk.phq9 import phq9
from app.domain.profile.risk.schwartz import bedside_schwartz
from app.domain.profile.units import in_judged_unit


def _decimal(value: float) -> Decimal:
    return Decimal(str(value))


def _china_par(one: dict[str, Any]) -> float:
    profile = Profile(
        age=one["age"], pressure=one["sbp"], total_cholesterol=one["tc_mg"],
        hdl_cholesterol=one["hdl_mg"], waist=one["waist"], is_treated=one["treated"],
        smokes=one["smoker"], has_diabetes=one["diabetes"], is_north=one["north"],
        is_urban=one.get("urban", False), has_family_history=one.get("fh", False),
    )  # fmt: skip
    return 100 * china_par(profile, is_male=one["sex"] == "m")


def _phq9(answers: list[int]) -> dict[str, Any]:
    found = phq9(answers)
    # The file says positive for an answer of 1 as well.
    return {
        "total": found.total, "band": found.band, "item9_positive": found.is_ninth_positive,
    }  # fmt: skip


ASKED: dict[str, Any] = {
    "lace": lambda one: lace(
        one["los_days"], one["charlson"], one["ed_visits_6m"], is_acute=one["acute"]
    ),
    "hospital_2016": lambda one: hospital(
        _decimal(one["hb_g_L"]), _decimal(one["na"]), one["admissions_12m"], one["los_days"],
        is_oncology=one["oncology"], had_procedure=one["procedure"], is_urgent=one["urgent"],
    ),
    "ckdepi2021": lambda one: ckd_epi_2021(
        one["scr_mg_dl"], one["age"], is_male=one["sex"] == "m"
    ),
    "china_par": _china_par,
    "cdrs": lambda one: cdrs(
        one["age"], _decimal(one["sbp"]), _decimal(one["bmi"]), _decimal(one["waist"]),
        is_male=one["sex"] == "m", has_family_history=one["family"],
    ),
    "phq9": _phq9,
    "gmi": lambda one: float(gmi(_decimal(one["mean_mg_dl"]))),
    "ifcc_to_ngsp": lambda one: float(in_judged_unit("4548-4", _decimal(one), "mmol/mol")),
    "schwartz_bedside": lambda one: float(
        bedside_schwartz(_decimal(one["height_cm"]), _decimal(one["scr_umol"]))
    ),
}  # fmt: skip


@pytest.mark.shared
def test_every_case_of_the_file(shared_data: Path) -> None:
    file = shared_data / "clinical" / "reference" / "score_tests.json"
    cases = json.loads(file.read_text(encoding="utf-8"))["tests"]
    assert {case["score"] for case in cases} <= set(ASKED)
    for case in cases:
        found = ASKED[case["score"]](case["inp"])
        if "tol" in case:
            found = pytest.approx(found, abs=case["tol"])
        assert found == case["out"], case
