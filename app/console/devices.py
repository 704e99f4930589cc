"""一位患者的设备: what they hold and held, readings that wait; given and taken back."""

from http import HTTPStatus
from typing import Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.console import feed_words
from app.console.desk import desk
from app.database import unit_of_work
from app.domain.errors import DomainError, NotFound
from app.domain.profile.devices import DeviceKind, DeviceName, NotASerial
from app.domain.trust.access import Audience, Permission
from app.models import Reporter
from app.models.staff.staff_access import find_cared_for
from app.models.trust.audit import record
from app.services.profile.home_monitoring.devices import (
    Binder,
    DeviceFacts,
    bind,
    held_readings,
    holdings_of,
    unbind,
)
from app.web import gate, plan_forms
from app.web.addresses import public_id
from app.web.staff import me

views = Blueprint("devices", __name__, url_prefix="/patients/<patient_id>/devices")

_LONGEST: Final = 60
_NOTICES: Final = {
    "bound": "已绑定。从绑定的那天起，这台设备的读数记到这位患者名下。",
    "unbound": "已解除绑定。之前的读数不变。",
}
_BOUND_BY: Final = {Reporter.PATIENT: "本人", Reporter.FAMILY: "家属", Reporter.STAFF: "医护"}


@views.get("")
@gate.policy(Audience.STAFF, Permission.READ_PATIENT)
def show(patient_id: str) -> AnyResponse:
    """Show what a patient measures with, since when, and which readings wait."""
    return _page(patient_id, {})


@views.post("")
@gate.policy(Audience.STAFF, Permission.READ_PATIENT)
def give(patient_id: str) -> AnyResponse:
    """Bind a device, from today or from a day before: what it measured since is the patient's."""
    facts, problems = _facts()
    since = None
    try:
        since = plan_forms.read_day(request.form.get("since", ""))
    except plan_forms.DayUnreadable as unreadable:
        problems["since"] = unreadable.title
    if since is not None and since > clock.today():
        problems["since"] = "日期不能在今天以后"
    if facts is None or problems:
        return _page(patient_id, problems)
    now = clock.now()
    try:
        with unit_of_work.begin() as session:
            patient = find_cared_for(session, public_id(patient_id), me(), now)
            holding, _ = bind(
                session, patient.id, facts, Binder(Reporter.STAFF, practitioner_id=me()), now,
                starts_at=clock.start_of_day(since) if since else None,
            )  # fmt: skip
            record(
                session, gate.actor(), "create", "device", now, patient_id=patient.id,
                detail={"holding": holding.id},
            )  # fmt: skip
    except NotFound:
        raise
    except DomainError as refused:
        return _page(patient_id, {"serial": refused.title})
    return redirect(url_for(".show", patient_id=patient_id, done="bound"), HTTPStatus.SEE_OTHER)


@views.post("/<holding_id>/end")
@gate.policy(Audience.STAFF, Permission.READ_PATIENT)
def take_back(patient_id: str, holding_id: str) -> AnyResponse:
    """End a holding; what was measured until now stays."""
    now = clock.now()
    with unit_of_work.begin() as session:
        patient = find_cared_for(session, public_id(patient_id), me(), now)
        holding = unbind(session, patient.id, public_id(holding_id), now)
        record(
            session, gate.actor(), "delete", "device", now, patient_id=patient.id,
            detail={"holding": holding.id},
        )  # fmt: skip
    return redirect(url_for(".show", patient_id=patient_id, done="unbound"), HTTPStatus.SEE_OTHER)


def _facts() -> tuple[DeviceFacts | None, dict[str, str]]:
    """Return what the form says of a device, and what is wrong with it."""
    form, problems = request.form, dict[str, str]()
    vendor, kind = form.get("vendor", ""), form.get("kind", "")
    if vendor not in desk().device_vendors:
        problems["vendor"] = "请选择厂商"
    if kind not in set(DeviceKind):
        problems["kind"] = "请选择设备类型"
    words = {name: form.get(name, "").strip() or None for name in ("manufacturer", "model")}
    for name, text in words.items():
        if text and len(text) > _LONGEST:
            problems[name] = f"最多 {_LONGEST} 个字"
    try:
        device = DeviceName.of(vendor or "x", form.get("serial", ""))
    except NotASerial:
        problems["serial"] = "请填写机身上的序列号（字母和数字）"
        return None, problems
    if problems:
        return None, problems
    return DeviceFacts(device, DeviceKind(kind), words["manufacturer"], words["model"]), problems


def _page(patient_id: str, problems: dict[str, str]) -> AnyResponse:
    now = clock.now()
    with unit_of_work.begin() as session:
        patient = find_cared_for(session, public_id(patient_id), me(), now)
        holdings = holdings_of(session, patient.id)
        waiting = held_readings(session, patient.id)
        page = render_template(
            "console/devices.html", patient=patient, holdings=holdings, waiting=waiting,
            problems=problems, form=request.form, vendors=desk().device_vendors,
            kinds=list(DeviceKind), bound_by=_BOUND_BY, sentence_of=feed_words.sentence_of,
            today=clock.today(), notice=_NOTICES.get(request.args.get("done", "")),
        )  # fmt: skip
        record(session, gate.actor(), "read", "device", now, patient_id=patient.id)
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK)
