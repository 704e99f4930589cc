"""A patient's care plans on the phone: which, what may be asked for, a rest, an end."""

from datetime import date
from typing import Any

from app import clock
from app.clock import HOSPITAL
from app.domain.errors import ConsentRequired
from app.domain.plans.enrolling import EndReason, HoldReason
from app.domain.trust.consenting import ConsentPurpose
from app.models import CarePlan
from app.models.plans.knowledge import knowledge
from app.services.plans.care_plan_reading import (
    find_care_plan,
    open_to_requests,
    plans_of_patient,
    requests_of,
)
from app.services.plans.enrolment import life
from app.services.plans.enrolment.errors import AlreadyOnPlan
from app.services.plans.enrolment.proposals import withdraw_request
from app.services.plans.enrolment.ways import open_way_of, request_plan
from app.services.trust.patient_consents import people_of, record_consent
from app.web import gate
from miniprogram_api.doors import OpenRecord, blueprint, for_wechat_users, open_record
from miniprogram_api.plan_schemas import PauseIn, PlanRequestedOut, PlanRequestIn, PlansOut
from miniprogram_api.schemas import NothingIn

plans = blueprint("plans")


@plans.get("/patients/<id:patient>/plans")
@for_wechat_users
@plans.output(PlansOut)
def list_plans(patient: str) -> dict[str, Any]:
    """List the plans that run, those that may be asked for, and what was asked for"""
    with open_record(patient, "read", "care-plan") as opened:
        return _plans(opened)


@plans.post("/patients/<id:patient>/plan-requests")
@for_wechat_users
@plans.input(PlanRequestIn, arg_name="body")
@plans.output(PlanRequestedOut, status_code=201)
def request(patient: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask for a plan, with consent; asked again, nothing changes

    The team says yes or no, unless the code begins the plan by itself.
    """
    with open_record(patient, "create", "plan-request") as opened:
        session = opened.session
        _agree(opened, body["health_data"])
        key = body["plan"] or open_way_of(session, body["code"]).plan_key
        try:
            found = request_plan(
                session, opened.patient_id, opened.account_id, key, opened.now, HOSPITAL,
                state=body["code"],
            )  # fmt: skip
            state = "started" if isinstance(found, CarePlan) else "waiting"
        except AlreadyOnPlan:
            state = "on-plan"
        return {"state": state, "name": knowledge(session).plans[key].name}


@plans.delete("/patients/<id:patient>/plan-requests/<id:request_id>")
@for_wechat_users
@plans.output(PlansOut)
def withdraw(patient: str, request_id: str) -> dict[str, Any]:
    """Take back what was asked for; taken back again, nothing changes"""
    with open_record(patient, "delete", "plan-request") as opened:
        withdraw_request(
            opened.session, opened.patient_id, request_id, opened.account_id, opened.now
        )
        return _plans(opened)


@plans.post("/patients/<id:patient>/plans/<id:plan>/pause")
@for_wechat_users
@plans.input(PauseIn, arg_name="body")
@plans.output(PlansOut)
def pause(patient: str, plan: str, body: dict[str, date]) -> dict[str, Any]:
    """Let a plan rest while away: nothing is asked for on these days, both included"""
    with open_record(patient, "update", "care-plan") as opened:
        found = find_care_plan(opened.session, opened.patient_id, plan)
        life.plan_hold(
            opened.session, found, HoldReason.TRAVEL, body["begins_on"], body["until"],
            gate.actor(), opened.now, clock.today(),
        )  # fmt: skip
        return _plans(opened)


@plans.post("/patients/<id:patient>/plans/<id:plan>/resume")
@for_wechat_users
@plans.input(NothingIn, arg_name="body")
@plans.output(PlansOut)
def resume(patient: str, plan: str, body: dict[str, Any]) -> dict[str, Any]:
    """Let a plan go on from today, or take back a rest that was told beforehand"""
    with open_record(patient, "update", "care-plan") as opened:
        found = find_care_plan(opened.session, opened.patient_id, plan)
        life.resume_plan(opened.session, found, gate.actor(), opened.now, HOSPITAL)
        return _plans(opened)


@plans.post("/patients/<id:patient>/plans/<id:plan>/stop")
@for_wechat_users
@plans.input(NothingIn, arg_name="body")
@plans.output(PlansOut)
def stop(patient: str, plan: str, body: dict[str, Any]) -> dict[str, Any]:
    """End a plan: what is pending and unsent of it is cancelled at once"""
    with open_record(patient, "update", "care-plan") as opened:
        found = find_care_plan(opened.session, opened.patient_id, plan)
        life.end_plan(opened.session, found, EndReason.OPTED_OUT, gate.actor(), opened.now)
        return _plans(opened)


def _agree(opened: OpenRecord, version: str) -> None:
    """Write the consent that goes with a request.

    :raises ConsentRequired: to words that are not the current ones, or a guardian has yet to agree
    """
    people = people_of(opened.session, opened.account_id, None, opened.now)
    if any(one.patient_id == opened.patient_id and one.guardian_consent_due for one in people):
        raise ConsentRequired
    record_consent(
        opened.session, opened.patient_id, opened.account_id, ConsentPurpose.HEALTH_DATA, True,
        version, opened.now,
    )  # fmt: skip


def _plans(opened: OpenRecord) -> dict[str, Any]:
    session, patient_id, today = opened.session, opened.patient_id, clock.today()
    session.flush()
    names = {key: plan.name for key, plan in knowledge(session).plans.items()}
    return {
        "plans": plans_of_patient(session, patient_id, today, only_open=True),
        "offered": open_to_requests(session, patient_id, today),
        "requests": [
            {
                "id": one.public_id,
                "plan": one.plan_key,
                "name": names.get(one.plan_key, one.plan_key),
                "asked_at": one.proposed_at,
            }
            for one in requests_of(session, patient_id)
        ],
    }
