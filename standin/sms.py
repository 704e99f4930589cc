"""An SMS provider's HTTP interface: one call, one message, written down."""

import re
import secrets
import time
from typing import Any

from flask import Blueprint, Response, request

from standin.checks import Items, Record, Table, Text, problem
from standin.gateway import json_response, play
from standin.standin import Standin

SEND = Record(
    {
        "key": Text(least=1),
        "phone": Text(pattern=r"(\+86)?1\d{10}"),
        "template": Text(least=1),
        "params": Table(Text()),
        "idempotency_key": Text(least=1, max_chars=64),
    }
)
REPORTS = Record(
    {"key": Text(least=1), "ids": Items(Text(least=1, max_chars=64), most=200, least=1)}
)
REMEMBERED_SECONDS = 24 * 3600


def blueprint(standin: Standin) -> Blueprint:
    sms = Blueprint("sms", __name__, url_prefix="/sms")

    @sms.post("/send")
    def send() -> Response:
        """Answer 200 with an id; 400 bad body, 401 bad key. A repeated key sends nothing more."""
        started = time.monotonic()
        fault = standin.faults.take("sms", "/send")
        played = play(fault, "sms", request) if fault and not fault.after else None
        if played is None:
            status, answer = _send(standin, request.get_json(force=True, silent=True))
            played = play(fault, "sms", request) if fault and fault.after else None
        if played:
            status, _, response = played.logged
        else:
            response = json_response(answer, status)
        with standin.lock:
            ms = 1000 * (time.monotonic() - started)
            standin.world.traffic.add("/sms/send", errcode=None, status=status, ms=ms)
        return response

    @sms.post("/reports")
    def reports() -> Response:
        """Tell what became of messages: {key, ids} -> {reports: [{id, status}]}, the known ones.

        A status is `delivered` or `failed`, as the receipts are set; what is lost has none.
        """
        body: Any = request.get_json(force=True, silent=True)
        if found := problem(REPORTS, body):
            return json_response({"code": "InvalidBody", "message": str(found)}, 400)
        if not secrets.compare_digest(body["key"].encode(), standin.config.sms.key.encode()):
            return json_response({"code": "InvalidKey", "message": "unknown key"}, 401)
        with standin.lock:
            outcome = standin.world.receipts.outcome
            sent = {one["msgid"] for one in standin.world.ledger.entries if one["kind"] == "sms"}
        known = [] if outcome == "lost" else [one for one in body["ids"] if one in sent]
        status = "delivered" if outcome == "success" else "failed"
        return json_response({"reports": [{"id": one, "status": status} for one in known]})

    return sms


def _send(standin: Standin, body: Any) -> tuple[int, dict[str, str]]:
    if found := problem(SEND, body):
        return 400, {"code": "InvalidBody", "message": str(found)}
    if not secrets.compare_digest(body["key"].encode(), standin.config.sms.key.encode()):
        return 401, {"code": "InvalidKey", "message": "unknown key"}
    with standin.lock:
        now, world = standin.clock.now(), standin.world
        key = ("sms", body["idempotency_key"])
        if answer := world.recall(key, now):
            return 200, answer
        answer = {"code": "OK", "id": secrets.token_hex(10)}
        world.remember(key, now + REMEMBERED_SECONDS, answer)
        world.ledger.add(
            "sms",
            phone=re.sub(r"^\+86", "", body["phone"]),
            template=body["template"],
            data=body["params"],
            msgid=answer["id"],
        )
    return 200, answer
