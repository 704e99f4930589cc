"""JSON in and out of the remote control."""

from concurrent.futures import Future
from typing import Any

from flask import Response, request

from standin.callbacks import Outcome
from standin.gateway import json_response
from standin.people import Impossible


def body_of_request() -> dict[str, Any]:
    """Return the request's object; no body at all is an empty one.

    :raises Impossible: not JSON, or not an object
    """
    body = request.get_json(force=True, silent=True) if request.get_data() else {}
    if not isinstance(body, dict):
        raise Impossible("a JSON object is wanted")
    return body


def told(body: dict[str, Any], *futures: Future[Outcome], **more: Any) -> Response:
    """Return how the pushes ended, and `more`; with `"wait": false` at once, without results."""
    if body.get("wait") is False:
        return json_response({"results": [], **more})
    ended = [future.result() for future in futures]
    results = [
        {"ok": one.is_delivered, "status": one.status, "tries": one.tries, "ms": one.ms}
        for one in ended
    ]
    return json_response({"results": results, **more})
