"""Verbs for risk: assess patients, train a local model, look at it, put it in use or not."""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click
from sqlalchemy import Engine, func, select

from app import clock
from app.cli.frame import OPERATOR, Failed, with_database
from app.cli.risk_report import told
from app.database import unit_of_work
from app.domain.profile.risk.activation import READMISSION
from app.domain.profile.risk.frame import Assessment
from app.domain.profile.risk.library import SCORES
from app.domain.profile.risk.local_model import model_key
from app.domain.profile.risk.loss_to_follow_up import FEATURES, OUTCOME, Sample
from app.domain.profile.risk.training_set import (
    Columns,
    InvalidTrainingSet,
    TrainingSet,
    read_table,
)
from app.integrations.training_files import read_training_file
from app.models import Patient
from app.models.profile.patient_index import head_named
from app.models.profile.risk_lines import read_risk
from app.models.trust.audit import record
from app.services.profile import risk_assessing, risk_training
from app.settings import Settings

# Distributions move: a model is calibrated anew every quarter.
_QUARTER: Final = timedelta(days=92)
_OUTCOMES: Final = click.Choice([OUTCOME, READMISSION])
_CSV: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def risk() -> None:
    """Scores, the priority of following up, and local models."""


@risk.command("assess")
@click.argument("patient", required=False)
@click.option("--all", "everybody", is_flag=True, help="Every patient, in small transactions.")
@click.option("--after", default=0, help="With --all: go on after this number, as printed.")
@click.option("--explain", is_flag=True, help="Also why the other scores cannot be computed.")
@with_database
def assess(
    loaded: Settings,
    engine: Engine,
    *,
    patient: str | None,
    everybody: bool,
    after: int,
    explain: bool,
) -> None:
    """Compute every score of PATIENT (public id) that applies, and show what came out."""
    if everybody == (patient is not None):
        raise click.UsageError("give a patient, or --all")
    if patient is None:
        _assess_all(after, loaded.hospital_region)
        return
    now = clock.now()
    with unit_of_work.begin() as session:
        found = session.scalar(select(Patient.id).where(Patient.id == head_named(patient)))
        if found is None:
            raise Failed("没有这位患者")
        risk_assessing.assess(
            session, found, risk_assessing.EVERYTHING, now, clock.HOSPITAL,
            home=loaded.hospital_region,
        )  # fmt: skip
        lines = read_risk(session, found)
        said = risk_assessing.explain(session, found, now, clock.HOSPITAL) if explain else {}
        record(session, OPERATOR, "read", "risk", now, patient_id=found)
    for line in lines:
        print(f"{line.name}（{line.key} {line.version}）：{line.sentence}")
        for one in line.inputs:
            share = f"  {one.share}" if one.share else ""
            note = f"（{one.note}）" if one.note else ""
            print(f"    {one.name} {one.value} {one.unit or ''}{note}{share}".rstrip())
    for key in said.keys() - {line.key for line in lines}:
        one_said = said[key]
        if not isinstance(one_said, Assessment):
            print(f"{SCORES[key].name}（{key}）：暂不能计算：{'；'.join(one_said.reasons)}")


@risk.command("train")
@click.option("--outcome", required=True, type=_OUTCOMES)
@click.option("--data", type=_CSV, help="A CSV file with one case a line.")
@click.option("--from-database", is_flag=True, help="This hospital's own past (loss to follow-up).")
@click.option("--outcome-column", help="Which column says yes or no. [usual names]")
@click.option("--time-column", help="When each case was; the parts then follow in time.")
@click.option("--baseline-column", help="The plain list's points or count to be compared with.")
@click.option("--patient-column", help="Whose case it is; one person's go into one part.")
@click.option("--department", help="Only the cases of this department.")
@click.option("--department-column", help="Which column has the department. [department]")
@click.option("--subgroup-column", "subgroups", multiple=True, help="Also report by this column.")
@click.option("--ignore-column", "ignored", multiple=True, help="No feature: known only later.")
@click.option(
    "--calibration", type=click.Choice(["platt", "isotonic"]), default="platt", show_default=True
)
@with_database
def train(
    loaded: Settings,
    engine: Engine,
    *,
    outcome: str,
    data: Path | None,
    from_database: bool,
    outcome_column: str | None,
    time_column: str | None,
    baseline_column: str | None,
    patient_column: str | None,
    department: str | None,
    department_column: str | None,
    subgroups: tuple[str, ...],
    ignored: tuple[str, ...],
    calibration: str,
) -> None:
    """Train a model on past cases and report how good it is. It is not in use until activated."""
    if from_database == (data is not None):
        raise click.UsageError("give --data FILE, or --from-database")
    if from_database and outcome != OUTCOME:
        raise click.UsageError("the database teaches loss-to-follow-up only")
    if department is not None and not (department.isascii() and department.isprintable()):
        raise Failed("科室请用编码（ASCII）")
    columns = Columns(
        outcome_column, time_column, baseline_column, patient_column, department_column,
        subgroups, ignored,
    )  # fmt: skip
    now = clock.now()
    try:
        if data is not None:
            given = read_table(read_training_file(data), outcome, columns, department=department)
        else:
            given = _past(now, loaded.hospital_region, department)
    except InvalidTrainingSet as problem:
        raise Failed(str(problem)) from None
    trained = risk_training.train(given, outcome, now, uses_steps=calibration == "isotonic")
    with unit_of_work.begin() as session:
        key = model_key(outcome, department)
        model = risk_training.keep(session, key, trained, OPERATOR, now)
        name = risk_training.model_name(model)
    _show(name, trained.report, is_active=False)


@risk.command("models")
@with_database
def models(loaded: Settings, engine: Engine) -> None:
    """List the trained models: how good, in use or not, and why not."""
    now = clock.now()
    with unit_of_work.begin() as session:
        for model in risk_training.list_models(session):
            auc, slope = model.report["auc"]["value"], model.report["calibration"]["slope"]
            state = "启用中" if model.is_active else "未启用"
            late = "，超过一个季度，请重新训练" if now - model.trained_at > _QUARTER else ""
            print(
                f"{risk_training.model_name(model):32} {model.trained_at:%Y-%m-%d}  "
                f"AUC {auc:.3f}  斜率 {slope:.2f}  {state}{late}"
            )


@risk.command("report")
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@with_database
def report(loaded: Settings, engine: Engine, *, model: str, as_json: bool) -> None:
    """Show the report of MODEL (KEY#VERSION, or KEY for the newest)."""
    with unit_of_work.begin() as session:
        found = risk_training.find_model(session, model)
        name, kept = risk_training.model_name(found), found.report
        is_active = bool(found.is_active)
    if as_json:
        print(json.dumps({"model": name, "is_active": is_active, **kept}, ensure_ascii=False))
        return
    _show(name, kept, is_active=is_active)


@risk.command("activate")
@click.argument("model")
@click.option("--approved-by", required=True, help="Who in the department answers for it.")
@with_database
def activate(loaded: Settings, engine: Engine, *, model: str, approved_by: str) -> None:
    """Put MODEL in use. Refused where it is no better than the list or cannot be trusted."""
    if not approved_by.strip():
        raise click.BadParameter("nobody", param_hint="--approved-by")
    with unit_of_work.begin() as session:
        found = risk_training.activate(session, model, approved_by.strip(), OPERATOR, clock.now())
        name = risk_training.model_name(found)
        foreign = sorted(set(found.report["columns"]) - set(FEATURES))
    print(f"{name} 已启用，批准人 {approved_by.strip()}。")
    if foreign or found.report["outcome"] != OUTCOME:
        told_of = f"（{'、'.join(foreign[:8])}）" if foreign else ""
        print(f"病历里没有它要的列{told_of}，患者页上不会出现概率。")
    else:
        print("概率会在下一次评估时出现；要立刻出现，请运行 risk assess --all。")


@risk.command("retire")
@click.argument("model")
@with_database
def retire(loaded: Settings, engine: Engine, *, model: str) -> None:
    """Take MODEL out of use: no probability of it is shown any more."""
    with unit_of_work.begin() as session:
        found = risk_training.retire(session, model, OPERATOR, clock.now())
        name = risk_training.model_name(found)
    ended = 0
    while True:
        with unit_of_work.begin() as session:
            step = risk_training.end_assessments(
                session, risk_training.find_model(session, name), clock.now()
            )
        if not step:
            break
        ended += step
    print(f"{name} 已停用，不再显示它的概率；{ended} 位患者的评估已结束。")


def _assess_all(after: int, home: str | None) -> None:
    with unit_of_work.begin() as session:
        total = session.scalar(select(func.count(Patient.id)).where(Patient.id > after)) or 0
    done = changed = 0
    while True:
        with unit_of_work.begin() as session:
            step = risk_assessing.assess_next(session, after, clock.now(), clock.HOSPITAL, home)
        done, changed = done + step.patients, changed + step.changed
        if step.patients:
            after = step.last
            print(f"\r{done} / {total}, go on with --after {after} ", end="", file=sys.stderr)
        if not step.patients:
            print(file=sys.stderr)
            print(f"{done} patients, {changed} assessments changed")
            return


def _past(now: datetime, home: str | None, department: str | None) -> TrainingSet:
    past: list[Sample] = []
    after = 0
    while True:
        with unit_of_work.begin() as session:
            found, after = risk_training.read_past(
                session, now, clock.HOSPITAL, after, home=home, department=department
            )
        past += found
        print(f"\r{len(past)} windows ", end="", file=sys.stderr)
        if not after:
            print(file=sys.stderr)
            return risk_training.training_set_of(past)


def _show(name: str, kept: dict[str, Any], *, is_active: bool) -> None:
    for line in told(name, kept, is_active=is_active):
        print(line)
    if kept["refusals"]:
        print("不能启用：")
        for reason in kept["refusals"]:
            print(f"  {reason}")
    elif not is_active:
        print(f"可以启用：python -m app.cli risk activate '{name}' --approved-by 姓名")
