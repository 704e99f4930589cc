"""经过和调整: what happened to each task of a patient's plan, and taking a change back."""

from http import HTTPStatus

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.database import unit_of_work
from app.domain.trust.access import Audience, Permission
from app.models.staff.staff_access import find_cared_for
from app.models.trust.audit import record
from app.services.plans.care_plan_reading import find_care_plan
from app.services.plans.plan_changes import end_change
from app.services.plans.plan_history import tasks_with_history
from app.web import gate, plan_labels, task_words
from app.web.addresses import public_id
from app.web.staff import me

views = Blueprint("care_plan_history", __name__, url_prefix="/patients/<patient_id>")


@views.get("/plan-tasks/<plan_id>")
@gate.policy(Audience.STAFF, Permission.ENROL)
def tasks(patient_id: str, plan_id: str) -> str:
    """Show the tasks of one plan, each with what happened to it and why."""
    now, before = clock.now(), request.args.get("before")
    with unit_of_work.begin() as session:
        patient = find_cared_for(session, public_id(patient_id), me(), now)
        plan = find_care_plan(session, patient.id, public_id(plan_id))
        page, further = tasks_with_history(session, plan, public_id(before) if before else None)
        title = plan.plan_definition.title
        detail = {"plan": plan.public_id}
        record(session, gate.actor(), "read", "task", now, patient_id=patient.id, detail=detail)
    return render_template(
        "console/care_plan_tasks.html", patient=patient, plan=plan, title=title, tasks=page,
        further=further, is_further=before is not None, labels=plan_labels, words=task_words,
        now=now,
    )  # fmt: skip


@views.post("/plan-changes/<change_id>")
@gate.policy(Audience.STAFF, Permission.ENROL)
def take_back(patient_id: str, change_id: str) -> AnyResponse:
    """Let what the plan says hold again for this patient."""
    now = clock.now()
    with unit_of_work.begin() as session:
        patient = find_cared_for(session, public_id(patient_id), me(), now)
        named = public_id(change_id)
        end_change(session, named, me(), now, patient_id=patient.id)
        detail = {"change": named}
        record(
            session, gate.actor(), "end", "action-change", now,
            patient_id=patient.id, detail=detail,
        )  # fmt: skip
    to = url_for("console.care_plans.show", patient_id=patient_id, done="taken-back")
    return redirect(to, HTTPStatus.SEE_OTHER)
