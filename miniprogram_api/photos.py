"""Photos of wounds, skin and medicines: sent as they are, kept without what phones write in."""

import hashlib
from typing import Any

from flask import Response, request

from app.domain.profile.photos import LARGEST, NotAPhoto, PictureFormat
from app.integrations.pictures import redrawn
from app.models import Photo
from app.services.profile.photos import Sender, Shot, find_photo, keep_photo, photos_of
from app.services.trust.patient_consents import require_consent
from app.web.factory import takes
from miniprogram_api.device_schemas import PhotoQuery, PhotosOut, SentPhotoOut
from miniprogram_api.doors import blueprint, for_wechat_users, open_record, reporter

photos = blueprint("photos")


@photos.before_request
def _allow_pictures() -> None:
    request.max_content_length = LARGEST


@photos.get("/patients/<id:patient>/photos")
@for_wechat_users
@photos.output(PhotosOut)
def list_photos(patient: str) -> dict[str, Any]:
    """List the newest photos that were sent, without what they show"""
    with open_record(patient, "read", "photo") as opened:
        return {"photos": list(photos_of(opened.session, opened.patient_id))}


@photos.get("/patients/<id:patient>/photos/<id:photo>")
@for_wechat_users
@photos.doc(responses={200: "the picture, image/jpeg"})
def show_photo(patient: str, photo: str) -> Response:
    """Show one photo, as it is kept"""
    with open_record(patient, "read", "photo") as opened:
        content = find_photo(opened.session, opened.patient_id, photo).open()
    return Response(content, content_type=PictureFormat.JPEG.value)


@photos.post("/patients/<id:patient>/photos")
@for_wechat_users
@takes(*PictureFormat)
@photos.input(PhotoQuery, location="query", arg_name="query", unknown=None)
@photos.output(SentPhotoOut, status_code=201)
def send_photo(patient: str, query: dict[str, Any]) -> tuple[Photo, int]:
    """Send a photo: the body is the JPEG or PNG itself, at most 8 MB

    It is drawn anew, so that place, time and device written into it are gone. It finishes the
    task that asks for it. The same `reference` again is answered 200.
    """
    content = request.get_data(cache=False)
    if not content:
        raise NotAPhoto
    picture = redrawn(content)
    shot = Shot(
        query["reference"], query["subject"], query["taken_at"], hashlib.sha256(content).digest()
    )
    with open_record(patient, "create", "photo") as opened:
        require_consent(opened.session, opened.patient_id, opened.account_id)
        sender = Sender(reporter(opened), opened.account_id)
        photo, is_new = keep_photo(
            opened.session, opened.patient_id, shot, sender, picture.content,
            (picture.width, picture.height), opened.now,
        )  # fmt: skip
    return photo, 201 if is_new else 200
