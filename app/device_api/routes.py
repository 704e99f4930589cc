"""The address to which clouds push readings; what may be said there is in docs/devices.md."""

import hashlib
from collections.abc import Callable
from typing import Any, Final

import structlog
from apiflask import APIBlueprint, APIFlask
from flask import Response, jsonify, request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from app import clock
from app.database import after_collisions, unit_of_work
from app.device_api.desk import DeviceDesk, Vendor, desk
from app.device_api.readings import keep, take
from app.domain.errors import SignInRequired
from app.domain.profile.plausibility import HoldReason
from app.domain.strict_json import JSONLimits, UnacceptableJSON, loads
from app.domain.trust import signatures
from app.domain.trust.access import Audience
from app.services.intake import Arrival, receive
from app.web import gate

log = structlog.get_logger()

devices = APIBlueprint("devices", __name__, url_prefix="/devices", enable_openapi=False)

_LIMITS: Final = JSONLimits(depth=4, items=1000, text=1000, exact=True)


def device_api(given: DeviceDesk) -> Callable[[APIFlask], None]:
    """Return the face that takes readings from the vendors the wiring knows."""

    def face(app: APIFlask) -> None:
        given.keep(app)
        app.register_blueprint(devices)

    return face


@devices.before_request
def _allow_more() -> None:
    """A cloud sends more at once than a phone; who it is, the signature says over all of it."""
    request.max_content_length = desk().batch_bytes


@devices.post("/<vendor>/readings")
@gate.policy(Audience.PLATFORM, why="each body is signed with the vendor's own secret")
def take_readings(vendor: str) -> Response:
    """Keep every reading, take those that can be taken, and say what became of each.

    The same readings again change nothing, so a vendor that lost our answer may repeat the call.
    """
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    body = request.get_data(cache=False)
    known = _signed_by(vendor, body)
    kept = keep(known.source, _readings(known, body), request.remote_addr)
    taken = take(kept)
    log.info("device_readings_taken", source=known.source, count=len(taken))
    return jsonify(
        readings=[
            {"id": one.id, "result": one.result, "reason": one.reason, "doubt": one.doubt}
            for one in taken
        ]
    )


def _signed_by(name: str, body: bytes) -> Vendor:
    """:raises SignInRequired: no such vendor, or not signed by it: both look the same"""
    vendor = desk().vendors.get(name)
    header = request.headers.get(signatures.HEADER, "")
    if vendor is None or not signatures.is_signed(header, vendor.secrets, body, clock.now()):
        log.warning("device_call_refused", route=request.endpoint)
        raise SignInRequired
    return vendor


def _readings(vendor: Vendor, body: bytes) -> list[Any]:
    """Return the readings of a call.

    :raises BadRequest: not a list of readings; what came is kept for a person to look at
    :raises RequestEntityTooLarge: too many at once: nothing is kept, they are to be sent in parts
    """
    try:
        told = loads(body, _LIMITS)
    except UnacceptableJSON:
        told = None
    found = told.get("readings") if isinstance(told, dict) else None
    if not isinstance(found, list) or not found:
        after_collisions(lambda: _keep_unreadable(vendor, body))
        raise BadRequest
    if len(found) > desk().batch_readings:
        raise RequestEntityTooLarge
    return found


def _keep_unreadable(vendor: Vendor, body: bytes) -> None:
    digest = hashlib.sha256(body).digest()
    arrival = Arrival(vendor.source, digest, "batch", digest.hex()[:16], request.remote_addr)
    now = clock.now()
    with unit_of_work.begin() as session:
        message = receive(session, arrival, body, now)
        if message.status == "received":
            message.status, message.reason = "held", HoldReason.NOT_READABLE.value
            message.processed_at = now
