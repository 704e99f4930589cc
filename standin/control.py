"""The remote control: `/standin/...`, JSON in and out, for tests, demo and load."""

from flask import Blueprint, Response, request

from standin import control_phones, faults, people, qyapi_group_tasks
from standin.control_json import body_of_request, told
from standin.gateway import json_response
from standin.people import Impossible
from standin.standin import Standin, account_target, agent_target
from standin.views import member_view

MOST_ENTRIES = 10_000


def blueprint(standin: Standin) -> Blueprint:
    control = Blueprint("control", __name__, url_prefix="/standin")
    control_phones.add_to(control, standin)
    _add_members(control, standin)
    _add_troubles(control, standin)
    _add_records(control, standin)

    @control.errorhandler(Impossible)
    def impossible(error: Impossible) -> Response:
        return json_response({"error": str(error)}, error.status)

    return control


def _add_members(control: Blueprint, standin: Standin) -> None:
    @control.get("/members/<userid>")
    def member(userid: str) -> Response:
        with standin.lock:
            corp, found = people.find_member(standin, userid)
            return json_response(member_view(standin, corp, found))

    @control.post("/members/<userid>/oauth-code")
    def member_code(userid: str) -> Response:
        with standin.lock:
            corp, found = people.find_member(standin, userid)
            if body_of_request().get("agentid") not in found.agents:
                raise Impossible("the app is not visible to the member")
            now = standin.clock.now()
            code = standin.world.add_code("member", found.userid, corp.corpid, now)
        return json_response({"code": code})

    @control.post("/signed-in")
    def signed_in() -> Response:
        """Choose the member the sign-in page lets through at once: {userid} or {userid: null}."""
        userid = body_of_request().get("userid")
        if userid is not None:
            userid = people.find_member(standin, str(userid))[1].userid
        standin.world.signed_in = userid
        return json_response({"userid": userid})

    @control.post("/cards/<task_id>/click")
    def click(task_id: str) -> Response:
        """Press a button: {userid, key, repeat?, late?, selected?: {question: [option]}}."""
        body = body_of_request()
        futures = people.click(
            standin,
            task_id,
            str(body.get("userid")),
            str(body.get("key")),
            repeat=int(body.get("repeat", 1)),
            is_late=bool(body.get("late")),
            selected=body.get("selected"),
        )
        return told(body, *futures)

    @control.post("/members/<userid>/confirm-group-task")
    def confirm(userid: str) -> Response:
        """Confirm a mass message in WeCom: {msgid}; tells how many customers it went to."""
        with standin.lock:
            corp, found = people.find_member(standin, userid)
            msgid = str(body_of_request().get("msgid"))
            sent = qyapi_group_tasks.confirm(standin, corp, found.userid, msgid)
        if sent is None:
            raise Impossible("no such task of this member", 404)
        return json_response({"sent": sent})

    @control.post("/callbacks/verify")
    def verify() -> Response:
        """Run the URL check: {appid} or {corpid, agentid}."""
        body = body_of_request()
        account = standin.config.account(str(body.get("appid")))
        corp = standin.config.corp(str(body.get("corpid")))
        agent = corp.agent(body.get("agentid", 0)) if corp else None
        if account:
            return json_response({"ok": standin.callbacks.verify(account_target(account))})
        if corp and agent:
            return json_response({"ok": standin.callbacks.verify(agent_target(corp, agent))})
        raise Impossible("unknown appid, or unknown corpid and agentid")


def _add_troubles(control: Blueprint, standin: Standin) -> None:
    @control.get("/faults")
    def list_faults() -> Response:
        shown = standin.faults.shown()
        return json_response({"outage": standin.faults.is_outage, "faults": shown})

    @control.post("/faults")
    def add_fault() -> Response:
        """Add one: {path, kind, host?, value?, times?, after?, every?}; no times = for ever."""
        body = body_of_request()
        names = {"path", "kind", "host", "value", "times", "after", "every"}
        if body.get("kind") not in faults.KINDS or body.keys() - names:
            raise Impossible(f"kind is one of {', '.join(faults.KINDS)}; names: {sorted(names)}")
        if not isinstance(body.get("path"), str) or int(body.get("every", 1)) < 1:
            raise Impossible("path is text, every at least 1")
        return json_response(standin.faults.add(**body).shown())

    @control.delete("/faults")
    def clear_faults() -> Response:
        standin.faults.clear()
        return json_response({})

    @control.post("/outage")
    def outage() -> Response:
        """断开微信: WeChat and WeCom hang up on every call; SMS and callbacks go on."""
        standin.faults.is_outage = bool(body_of_request().get("on"))
        return json_response({"outage": standin.faults.is_outage})

    @control.post("/latency")
    def latency() -> Response:
        """Make each platform call take {ms} longer."""
        standin.world.latency_ms = float(body_of_request().get("ms", 0))
        return json_response({"ms": standin.world.latency_ms})

    @control.post("/receipts")
    def receipts() -> Response:
        """Set how delivery results come: {delay_seconds?, outcome?: success|failed|lost}."""
        body, receipts = body_of_request(), standin.world.receipts
        if body.get("outcome", "success") not in ("success", "failed", "lost"):
            raise Impossible("outcome is success, failed or lost")
        receipts.delay_seconds = float(body.get("delay_seconds", receipts.delay_seconds))
        receipts.outcome = body.get("outcome", receipts.outcome)
        answer = {"delay_seconds": receipts.delay_seconds, "outcome": receipts.outcome}
        return json_response(answer)

    @control.post("/reset")
    def reset() -> Response:
        standin.reset()
        return json_response({})


def _add_records(control: Blueprint, standin: Standin) -> None:
    @control.get("/ledger")
    def ledger() -> Response:
        """Effects after `since`; `last` is where to go on, `more` says whether any are left."""
        since, limit = _page()
        kinds = [kind for kind in request.args.get("kind", "").split(",") if kind]
        with standin.lock:
            chosen = standin.world.ledger.select(
                since, kinds, request.args.get("openid"), request.args.get("userid")
            )
            entries = [entry for entry, _ in zip(chosen, range(limit + 1), strict=False)]
            newest = len(standin.world.ledger.entries)
        more = len(entries) > limit
        entries = entries[:limit]
        last = entries[-1]["seq"] if more else newest
        return json_response({"entries": entries, "last": last, "more": more})

    @control.get("/requests")
    def requests() -> Response:
        since, limit = _page()
        with standin.lock:
            calls = [call for call in standin.world.traffic.calls if call["seq"] > since]
        return json_response({"requests": calls[:limit], "more": len(calls) > limit})

    @control.get("/stats")
    def stats() -> Response:
        with standin.lock:
            world = standin.world
            answer = {
                "requests": dict(world.traffic.by_path),
                "errcodes": dict(world.traffic.by_errcode),
                "ledger": dict(world.ledger.counts),
                "dropped": world.dropped,
                "phones": len(world.phones),
            }
        return json_response(answer)


def _page() -> tuple[int, int]:
    try:
        since = int(request.args.get("since", 0))
        limit = int(request.args.get("limit", 1000))
    except ValueError as error:
        raise Impossible("since and limit are numbers") from error
    return since, max(1, min(limit, MOST_ENTRIES))
