"""用药服务: refills to sign, deliveries and pick-ups under way, by state and by age."""

from http import HTTPStatus
from typing import Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.database import unit_of_work
from app.domain.errors import ApprovalRefused, DocumentUnderWay
from app.domain.exchange.medicine_flow import FlowState, RefusalReason
from app.domain.trust.access import Audience, Permission, may
from app.models.trust.audit import record
from app.services.exchange import medicines, requesting
from app.services.exchange.medicines import Show
from app.web import gate
from app.web.addresses import public_id
from app.web.staff import me

views = Blueprint("medicines", __name__, url_prefix="/medicines")

TABS: Final = {Show.TO_SIGN: "待医生审核", Show.OPEN: "办理中", Show.ENDED: "近 30 天已结束"}
# The shape beside the word; what is not here is on its way.
KINDS: Final = {
    FlowState.READY: "good",
    FlowState.COMPLETED: "good",
    FlowState.REFUSED: "bad",
    FlowState.EXPIRED: "bad",
    FlowState.CANCELLED: "off",
}
_NOTICES: Final = {
    "signed": "已同意，正在交给医院。",
    "declined": "已记录为不同意，患者会收到原因。",
    "stale": "这一条刚刚已有人处理或已过期，没有重复处理。",
}


@views.get("")
@gate.policy(Audience.STAFF, Permission.HANDLE_ALERT)
def overview() -> AnyResponse:
    """Show the services of the asker's teams in one of three states of affairs."""
    return _page({})


@views.post("/<flow_id>/sign")
@gate.policy(Audience.STAFF, Permission.SIGN_REFILLS)
def sign(flow_id: str) -> AnyResponse:
    """Sign a refill: it goes to the hospital."""
    now = clock.now()
    try:
        with unit_of_work.begin() as session:
            flow = medicines.find_for_staff(session, public_id(flow_id), me())
            if flow.document_id is None:
                raise DocumentUnderWay
            requesting.approve(session, flow.document_id, me(), now, origin=gate.actor().origin)
            medicines.note_signature(session, flow, now)
    except (ApprovalRefused, DocumentUnderWay):
        return _back("stale")
    return _back("signed")


@views.post("/<flow_id>/decline")
@gate.policy(Audience.STAFF, Permission.SIGN_REFILLS)
def decline(flow_id: str) -> AnyResponse:
    """Do not sign, for a reason that the patient reads."""
    now, asked = clock.now(), request.form.get("reason", "")
    if asked not in set(RefusalReason):
        return _page({f"reason-{flow_id}": "请选择不同意的原因"})
    try:
        with unit_of_work.begin() as session:
            flow = medicines.find_for_staff(session, public_id(flow_id), me())
            medicines.decline(session, flow, me(), RefusalReason(asked), now)
            if flow.document_id is not None:
                requesting.withdraw(session, flow.document_id, gate.actor(), now)
    except (ApprovalRefused, DocumentUnderWay):
        return _back("stale")
    return _back("declined")


def _page(problems: dict[str, str]) -> AnyResponse:
    asked, now = request.args.get("show", ""), clock.now()
    show = Show(asked) if asked in set(Show) else Show.TO_SIGN
    with unit_of_work.begin() as session:
        found = medicines.flows_for_staff(session, me(), show, now)
        seen = sorted({line.patient_pk for line in found.lines})
        record(session, gate.actor(), "read", "medicine-flow", now, detail={"patient_ids": seen})
    role = gate.signed_in().role
    page = render_template(
        "console/medicines.html", found=found, show=show, tabs=TABS, kinds=KINDS, now=now,
        reasons=list(RefusalReason), problems=problems, to_sign=Show.TO_SIGN,
        may_sign=role is not None and may(role, Permission.SIGN_REFILLS),
        notice=_NOTICES.get(request.args.get("done", "")),
    )  # fmt: skip
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK)


def _back(done: str) -> AnyResponse:
    return redirect(url_for(".overview", done=done), HTTPStatus.SEE_OTHER)
