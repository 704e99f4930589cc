"""`python -m app.cli risk …`: from a file or our own past to a model, and to a patient's page."""

import csv
import random
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.plans.plan_schedule import TaskStatus
from app.models import AuditEvent, Patient, RiskAssessment, Task, TrainedModel
from app.models.profile.risk_lines import read_risk
from app.services.profile.risk_assessing import assess
from tests import factories
from tests.integration.verbs import Verb
from tests.unit.risk.test_training import cases


@pytest.fixture
def run(verb: Verb) -> Verb:
    return partial(verb, "risk")


def written(folder: Path, signal: float, count: int = 3000) -> str:
    file = folder / "cases.csv"
    table = cases(count, signal)
    with file.open("w", newline="", encoding="gb18030") as lines:
        writer = csv.DictWriter(lines, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return str(file)


def test_from_a_file_to_use_and_out_of_it(run: Verb, tmp_path: Path) -> None:
    file = written(tmp_path, 1.0)
    status, out, _ = run("train", "--outcome", "loss-to-follow-up", "--data", file)
    assert status == 0
    assert "loss-to-follow-up#1（未启用）" in out
    assert "按时间先后" in out
    assert "可以启用" in out
    status, out, _ = run("activate", "loss-to-follow-up#1", "--approved-by", "张主任")
    assert status == 0
    assert "患者页上不会出现概率" in out  # nothing in a record is called `ward`
    assert "启用中" in run("models")[1]
    assert "批准：张主任" in run("report", "loss-to-follow-up")[1]
    assert '"is_active": true' in run("report", "loss-to-follow-up#1", "--json")[1]
    assert run("retire", "loss-to-follow-up#1")[0] == 0
    assert "未启用" in run("models")[1]
    with unit_of_work.begin() as session:
        deeds = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
    assert deeds == ["train", "activate", "retire"]


def test_noise_is_not_put_in_use(run: Verb, tmp_path: Path) -> None:
    file = written(tmp_path, 0.0)
    status, out, _ = run("train", "--outcome", "loss-to-follow-up", "--data", file)
    assert status == 0
    assert "不能启用" in out
    status, _, errors = run("activate", "loss-to-follow-up", "--approved-by", "张主任")
    assert status == 1
    assert "低于 0.65" in errors
    with unit_of_work.begin() as session:
        assert session.scalars(select(TrainedModel.is_active)).all() == [None]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "没有数据行"),
        (b"lost,lost\nyes,no\n", "列名"),
        (b"lost,age\nyes\n", "第 2 行有 1 格"),
        (b"lost,age\nmaybe,3\n", "不是“是”或“否”"),
        (b"\xff\xfe\x00\x81", "编码"),
        (b"lost,age\n" + b"yes,3\nno,4\n" * 20, "至少要 200 例"),
    ],
)
def test_a_bad_file_is_a_sentence(run: Verb, tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_bytes(content)
    status, _, errors = run("train", "--outcome", "loss-to-follow-up", "--data", str(file))
    assert status == 1
    assert said in errors


def test_a_wrong_call_is_said_so(run: Verb) -> None:
    assert run("train", "--outcome", "loss-to-follow-up")[0] == 2
    assert run("train", "--outcome", "readmission", "--from-database")[0] == 2
    assert run("assess")[0] == 2
    assert run("report", "没有")[0] == 1
    assert run("activate", "nothing#9", "--approved-by", "张主任")[0] == 1
    assert run("train", "--outcome", "loss-to-follow-up", "--from-database")[0] == 1


def test_one_patient_and_everybody(run: Verb) -> None:
    with unit_of_work.begin() as session:
        people = [factories.patient(session) for _ in range(45)]
        for one in people:
            factories.observation(session, one, "88.4", clock.now(), code="14682-9", unit="umol/L")
        first = people[0].public_id
    status, out, _ = run("assess", first, "--explain")
    assert status == 0
    assert "估算肾小球滤过率" in out
    assert "暂不能计算" in out
    assert run("assess", "nobody")[0] == 1
    status, out, errors = run("assess", "--all")
    assert (status, out) == (0, "45 patients, 44 assessments changed")
    assert "--after" in errors
    with unit_of_work.begin() as session:
        last = max(one.id for one in people)
        assert len(session.scalars(select(RiskAssessment)).all()) == 45
    assert run("assess", "--all", "--after", str(last - 2))[1].startswith("2 patients")


# ----------------------------------------------------------------- our own past and back


def live(session: Session, count: int) -> Patient:
    """Let patients live through ten months of a plan: who missed before is lost more often."""
    now, draw = clock.now(), random.Random(5)
    team = factories.care_team(session)
    began = now - timedelta(days=300)
    people = [factories.patient(session, phone="13800000000") for _ in range(count)]
    plans = {one.id: factories.care_plan(session, one, team, created_at=began) for one in people}
    rows = []
    for one in people:
        is_lost = False
        # Some keep to the plan, some do not: what they did tells what they will do.
        reliable = draw.random()
        for number in range(30):
            at = began + timedelta(days=10 * number + 1)
            if number % 3 == 0:
                is_lost = draw.random() > reliable + (0.15 if not is_lost else -0.15)
            done = not is_lost and draw.random() < 0.9
            rows.append(
                {
                    "public_id": f"t{one.id}-{number}",
                    "patient_id": one.id,
                    "care_plan_id": plans[one.id].id,
                    "slot": f"{one.id}-{number}",
                    "owner": "patient",
                    "kind": "measurement",
                    "title": "测一次血糖",
                    "status": TaskStatus.COMPLETED if done else TaskStatus.MISSED,
                    "starts_at": at,
                    "due_at": at,
                    "ends_at": at + timedelta(days=2),
                    "finished_at": at + timedelta(hours=5 if done else 48),
                    "reminders": 0,
                    "created_at": began,
                }
            )
    session.execute(insert(Task), rows)
    return people[0]


def test_a_probability_is_shown_only_while_its_model_is_in_use(run: Verb) -> None:
    with unit_of_work.begin() as session:
        patient = live(session, 220)
    status, out, _ = run("train", "--outcome", "loss-to-follow-up", "--from-database")
    assert status == 0
    assert "对照 priority" in out
    assert "可以启用" in out, out
    assert shown(patient) is None
    assert "risk assess --all" in run("activate", "loss-to-follow-up", "--approved-by", "张主任")[1]
    percent = shown(patient)
    assert percent is not None
    assert 0 < percent < 100
    with unit_of_work.begin() as session:
        session.scalars(select(TrainedModel)).one().is_active = None
        assert "loss-to-follow-up" not in {one.key for one in read_risk(session, patient.id)}
    assert "1 位患者" in run("retire", "loss-to-follow-up")[1]
    with unit_of_work.begin() as session:
        kept = session.scalars(select(RiskAssessment.score).filter_by(is_current=True)).all()
        assert kept == ["follow-up-priority"]
    assert shown(patient) is None


def shown(patient: Patient) -> float | None:
    with unit_of_work.begin() as session:
        assess(session, patient.id, {"follow-up"}, clock.now(), HOSPITAL)
        lines = read_risk(session, patient.id)
        found = next((one.value for one in lines if one.key == "loss-to-follow-up"), None)
        return None if found is None else float(found)
