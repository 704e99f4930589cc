"""Medicines on the phone: how long they last; refill, delivery, and pick-up by somebody else."""

from dataclasses import asdict
from typing import Any

from app.clock import HOSPITAL
from app.domain.trust.consenting import ConsentPurpose
from app.services.exchange import medicines as flows
from app.services.exchange.medicines import Asked, Asking, Proxy
from app.services.trust.patient_consents import record_consent, require_consent
from miniprogram_api.doors import OpenRecord, blueprint, for_wechat_users, open_record
from miniprogram_api.medicine_schemas import (
    DeliveryIn,
    MedicineServiceDetailOut,
    MedicineServicesOut,
    MedicinesOut,
    PickupIn,
    RefillIn,
)
from miniprogram_api.schemas import NothingIn
from miniprogram_api.services import phone_services

medicines = blueprint("medicines")


@medicines.get("/patients/<id:patient>/medicines")
@for_wechat_users
@medicines.output(MedicinesOut)
def list_medicines(patient: str) -> dict[str, Any]:
    """List the hospital's medicines that the patient takes, and until when each lasts"""
    rules = phone_services().medicines
    with open_record(patient, "read", "medication-request") as opened:
        found = flows.medicines_of(opened.session, opened.patient_id, rules, opened.now, HOSPITAL)
    return {"medicines": found}


@medicines.get("/patients/<id:patient>/medicine-services")
@for_wechat_users
@medicines.output(MedicineServicesOut)
def list_services(patient: str) -> dict[str, Any]:
    """List what was asked for, newest first"""
    with open_record(patient, "read", "medicine-flow") as opened:
        return {"services": flows.flows_of(opened.session, opened.patient_id)}


@medicines.get("/patients/<id:patient>/medicine-services/<id:service>")
@for_wechat_users
@medicines.output(MedicineServiceDetailOut)
def read_service(patient: str, service: str) -> dict[str, Any]:
    """Read how one service stands, and how it came there"""
    with open_record(patient, "read", "medicine-flow") as opened:
        return _in_full(opened, service)


@medicines.post("/patients/<id:patient>/medicine-services/refills")
@for_wechat_users
@medicines.input(RefillIn, arg_name="body")
@medicines.output(MedicineServiceDetailOut, status_code=201)
def refill(patient: str, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Ask for the same medicines for some weeks more; a doctor looks at it first

    The same `reference` again answers 200 with the first.
    """
    with open_record(patient, "create", "medicine-flow") as opened:
        asked = flows.ask_refill(
            opened.session, _asking(opened, body), body["weeks"], is_stable=body["is_stable"],
            is_confirmed=body["is_confirmed"], statement=body["statement"],
        )  # fmt: skip
        return _answer(opened, asked)


@medicines.post("/patients/<id:patient>/medicine-services/deliveries")
@for_wechat_users
@medicines.input(DeliveryIn, arg_name="body")
@medicines.output(MedicineServiceDetailOut, status_code=201)
def deliver(patient: str, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Ask that prescribed medicines be brought; repeats as for a refill"""
    with open_record(patient, "create", "medicine-flow") as opened:
        asked = flows.ask_delivery(
            opened.session, _asking(opened, body), body["recipient"], body["phone"],
            body["address"], body["starts_at"], body["ends_at"],
        )  # fmt: skip
        return _answer(opened, asked)


@medicines.post("/patients/<id:patient>/medicine-services/pickups")
@for_wechat_users
@medicines.input(PickupIn, arg_name="body")
@medicines.output(MedicineServiceDetailOut, status_code=201)
def pick_up(patient: str, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Let somebody else fetch prescribed medicines, with a code; repeats as for a refill

    `consent` is the version of the text `pickup-by-proxy`: each time is agreed to anew.
    """
    proxy = Proxy(body["proxy_name"], body["relation"], body["phone"], body["identity_tail"])
    with open_record(patient, "create", "medicine-flow") as opened:
        asked = flows.ask_pickup(opened.session, _asking(opened, body), proxy)
        if asked.is_new:
            record_consent(
                opened.session, opened.patient_id, opened.account_id,
                ConsentPurpose.PICKUP_BY_PROXY, True, body["consent"], opened.now,
            )  # fmt: skip
        return _answer(opened, asked)


@medicines.post("/patients/<id:patient>/medicine-services/<id:service>/cancel")
@for_wechat_users
@medicines.input(NothingIn, arg_name="body")
@medicines.output(MedicineServiceDetailOut)
def cancel(patient: str, service: str, body: dict[str, Any]) -> dict[str, Any]:
    """Call it off; what the hospital has already is asked back from it"""
    with open_record(patient, "update", "medicine-flow") as opened:
        flows.cancel(opened.session, opened.patient_id, service, opened.now)
        return _in_full(opened, service)


def _asking(opened: OpenRecord, body: dict[str, Any]) -> Asking:
    require_consent(opened.session, opened.patient_id, opened.account_id)
    return Asking(
        patient_id=opened.patient_id,
        account_id=opened.account_id,
        reference=str(body["reference"]),
        medicines=tuple(body["medicines"]),
        rules=phone_services().medicines,
        now=opened.now,
        zone=HOSPITAL,
    )


def _answer(opened: OpenRecord, asked: Asked) -> tuple[dict[str, Any], int]:
    return _in_full(opened, asked.flow.public_id), 201 if asked.is_new else 200


def _in_full(opened: OpenRecord, service: str) -> dict[str, Any]:
    detail = asdict(flows.flow_in_full(opened.session, opened.patient_id, service, opened.now))
    return {**detail.pop("line"), **detail}
