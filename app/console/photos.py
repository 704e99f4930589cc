"""一位患者的照片: which there are, and each one opened by itself, which is kept in the trail."""

from http import HTTPStatus

from flask import Blueprint, make_response, render_template
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.console import patient_words as words
from app.database import unit_of_work
from app.domain.profile.photos import PictureFormat
from app.domain.trust.access import Audience, Permission
from app.models.staff.staff_access import find_cared_for
from app.models.trust.audit import record
from app.services.profile.photos import find_photo, photos_of
from app.web import gate
from app.web.addresses import public_id
from app.web.staff import me

views = Blueprint("photos", __name__, url_prefix="/patients/<patient_id>/photos")


@views.get("")
@gate.policy(Audience.STAFF, Permission.READ_PATIENT)
def show(patient_id: str) -> AnyResponse:
    """List the photos of a patient; none is shown before somebody opens it."""
    now = clock.now()
    with unit_of_work.begin() as session:
        patient = find_cared_for(session, public_id(patient_id), me(), now)
        page = render_template(
            "console/photos.html", patient=patient, photos=photos_of(session, patient.id),
            words=words,
        )  # fmt: skip
        record(session, gate.actor(), "list", "photo", now, patient_id=patient.id)
    return make_response(page, HTTPStatus.OK)


@views.get("/<photo_id>")
@gate.policy(Audience.STAFF, Permission.READ_PATIENT)
def look(patient_id: str, photo_id: str) -> AnyResponse:
    """Give one photo to who cares for the patient; who looked is kept before it is served."""
    now = clock.now()
    with unit_of_work.begin() as session:
        patient = find_cared_for(session, public_id(patient_id), me(), now)
        photo = find_photo(session, patient.id, public_id(photo_id))
        content = photo.open()
        record(
            session, gate.actor(), "read", "photo", now, patient_id=patient.id,
            detail={"photo": photo.id},
        )  # fmt: skip
    answer = make_response(content)
    answer.content_type = PictureFormat.JPEG.value
    return answer
