"""The pages for people: the traffic, a phone, a member's WeCom."""

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from standin import people
from standin.people import Impossible
from standin.standin import Standin
from standin.views import member_view, notification, phone_view

SHOWN = 30


def blueprint(standin: Standin) -> Blueprint:
    pages = Blueprint("pages", __name__)

    @pages.get("/")
    def traffic() -> str:
        with standin.lock:
            world = standin.world
            sent = world.ledger.latest(SHOWN, "subscribe_message", "template_message")
            cards = [
                member_view(standin, corp, member)
                for corp in standin.config.corps
                for member in corp.members
            ]
            return render_template(
                "traffic.html",
                last=len(world.ledger.entries),
                notes=[entry | notification(standin, entry) for entry in sent],
                members=[one for one in cards if one["messages"]],
                texts=world.ledger.latest(SHOWN, "sms"),
                callbacks=world.ledger.latest(SHOWN, "callback_result"),
                is_outage=standin.faults.is_outage,
                faults=standin.faults.shown(),
                counts=sorted(world.traffic.by_path.items()),
            )

    @pages.get("/phone/<openid>")
    def phone(openid: str) -> str:
        with standin.lock:
            view = phone_view(standin, people.known(standin, openid))
            return render_template("phone.html", phone=view, last=len(standin.world.ledger.entries))

    @pages.get("/member/<userid>")
    def member(userid: str) -> str:
        with standin.lock:
            view = member_view(standin, *people.find_member(standin, userid))
            return render_template(
                "member.html",
                member=view,
                last=len(standin.world.ledger.entries),
                said=request.args.get("said"),
            )

    @pages.post("/member/<userid>/click")
    def click(userid: str) -> AnyResponse:
        """Press a card's button, wait for the product to take it, and go back to the page."""
        pressed = people.click(standin, request.form["task_id"], userid, request.form["key"])
        said = "delivered" if pressed[0].result().is_delivered else "lost"
        if request.form.get("back") == "traffic":
            return redirect("/#cards", 303)
        return redirect(f"/member/{userid}?said={said}", 303)

    @pages.post("/outage")
    def outage() -> AnyResponse:
        standin.faults.is_outage = request.form.get("on") == "1"
        return redirect("/#faults", 303)

    @pages.post("/faults/lift")
    def lift() -> AnyResponse:
        standin.faults.clear()
        return redirect("/#faults", 303)

    @pages.errorhandler(Impossible)
    def impossible(error: Impossible) -> Response:
        return Response(render_template("impossible.html", reason=str(error)), error.status)

    return pages
