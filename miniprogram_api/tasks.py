"""What a patient is to do today, and what became of it."""

from dataclasses import asdict
from typing import Any

from flask import Response

from app import clock
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.profile.photos import PhotoSubject
from app.services.plans.patient_tasks import (
    TaskDetail,
    TaskLine,
    complete_task,
    decline_task,
    task_in_full,
    tasks_on,
)
from miniprogram_api.doors import blueprint, for_wechat_users, open_record, with_etag
from miniprogram_api.schemas import (
    ChangedTaskOut,
    DayQuery,
    DeclineIn,
    NothingIn,
    TaskDetailOut,
    TaskPageOut,
)

tasks = blueprint("tasks")


@tasks.get("/patients/<id:patient>/tasks")
@for_wechat_users
@tasks.input(DayQuery, location="query", arg_name="query", unknown=None)
@tasks.output(TaskPageOut)
def list_tasks(patient: str, query: dict[str, Any]) -> Response:
    """List what may be done on one day, in order of time

    Answers 304 to `If-None-Match` while nothing has changed. `next` goes into `after`.
    """
    day = query.get("day") or clock.today()
    with open_record(patient, "read", "task") as opened:
        found, last = tasks_on(opened.session, opened.patient_id, day, query["after"], opened.now)
    return with_etag(TaskPageOut, {"tasks": found, "next": last})


@tasks.get("/patients/<id:patient>/tasks/<id:task>")
@for_wechat_users
@tasks.output(TaskDetailOut)
def read_task(patient: str, task: str) -> dict[str, Any]:
    """Read one task: what, why, by when, and what is needed to do it"""
    with open_record(patient, "read", "task") as opened:
        return _in_full(task_in_full(opened.session, opened.patient_id, task, opened.now))


@tasks.post("/patients/<id:patient>/tasks/<id:task>/complete")
@for_wechat_users
@tasks.input(NothingIn, arg_name="body")
@tasks.output(ChangedTaskOut)
def complete(patient: str, task: str, body: dict[str, Any]) -> TaskLine:
    """Say that it is done; said again, nothing changes

    A measurement, a form or a photo is finished by sending it.
    """
    with open_record(patient, "update", "task") as opened:
        return complete_task(opened.session, opened.patient_id, task, opened.now)


@tasks.post("/patients/<id:patient>/tasks/<id:task>/decline")
@for_wechat_users
@tasks.input(DeclineIn, arg_name="body")
@tasks.output(ChangedTaskOut)
def decline(patient: str, task: str, body: dict[str, Any]) -> TaskLine:
    """Say that, and why, it cannot be done"""
    with open_record(patient, "update", "task") as opened:
        return decline_task(opened.session, opened.patient_id, task, now=opened.now, **body)


def _in_full(task: TaskDetail) -> dict[str, Any]:
    kind = OBSERVATION_KINDS.get(task.line.code or "") if task.line.kind == "measurement" else None
    article = {"title": task.article_title, "paragraphs": task.article_paragraphs}
    return {
        **asdict(task.line),
        "why": task.why,
        "instructions": task.instructions,
        "article": article if task.article_title else None,
        "questionnaire": task.form,
        "photo": PhotoSubject(task.line.subject or "other") if task.line.kind == "photo" else None,
        "measurement": None
        if kind is None
        else {
            "code": kind.code,
            "name": kind.name,
            "unit": kind.unit,
            "least": kind.least,
            "most": kind.most,
            "context": task.context,
            "last": task.last_value,
        },
    }
