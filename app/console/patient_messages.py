"""患者的消息: what was sent to one patient, by which channel, why, and what became of it."""

from flask import Blueprint, render_template, request

from app import clock
from app.database import unit_of_work
from app.domain.trust.access import Audience, Permission
from app.models.staff.staff_access import find_cared_for
from app.models.trust.audit import record
from app.services.outreach.message_reading import messages_to
from app.web import gate, reach_words
from app.web.addresses import public_id
from app.web.staff import me

views = Blueprint("patient_messages", __name__, url_prefix="/patients/<patient_id>/messages")


@views.get("")
@gate.policy(Audience.STAFF, Permission.READ_PATIENT)
def show(patient_id: str) -> str:
    """List the messages to one patient, the newest first."""
    now, before = clock.now(), request.args.get("before") or None
    with unit_of_work.begin() as session:
        patient = find_cared_for(session, public_id(patient_id), me(), now)
        lines, is_more = messages_to(session, patient.id, public_id(before) if before else None)
        record(session, gate.actor(), "read", "messages", now, patient_id=patient.id)
        return render_template(
            "console/patient_messages.html", patient=patient, lines=lines, is_more=is_more,
            is_older=before is not None, words=reach_words, now=now,
        )  # fmt: skip
