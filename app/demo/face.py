"""The demo's own face: people to meet, the platforms' traffic, and a phone to hold."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from apiflask import APIFlask
from flask import Blueprint, redirect, render_template, request, send_from_directory, url_for
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.database import unit_of_work
from app.demo import hl7_feed
from app.demo.cast import HOLDERS, STAFF_DOORS, TEMPLATES, Holder, holder, staff_door
from app.demo.doors import demo, demo_of, refuse_other_sites
from app.demo.standin_control import StandinSilent
from app.demo.traffic import Traffic, traffic
from app.domain.errors import NotFound
from app.domain.trust.access import Audience
from app.models import (
    CarePlan,
    Patient,
    PatientLink,
    PlatformToken,
    TagAssignment,
    WeChatAccount,
)
from app.settings import Settings
from app.web import gate

_FOLDER: Final = Path(__file__).parent
_SEE_OTHER: Final = 303
_SAID: Final = {
    "day": "时钟已前进一天：任务、提醒和升级会在几秒内跟上。",
    "cut": "微信和企业微信已断开：消息会留在发件箱里，恢复后再发。",
    "joined": "微信和企业微信已接通：积压的消息会陆续发出。",
    "silent": "HL7 接口没有应答，请看它是否还在运行。",
    "nobody": "所有糖尿病患者都已经在计划里了。",
}
_SENT: Final[dict[str, Callable[[Session, Patient, Any], str]]] = {
    "adt": hl7_feed.discharge,
    "oru": hl7_feed.result,
}

views = Blueprint(
    "demo", __name__, url_prefix="/demo", template_folder="templates", static_folder=None
)
views.before_request(refuse_other_sites)


def face(settings: Settings) -> Callable[[APIFlask], None]:
    """Return what adds `/demo` to the application; without the demo setting it adds nothing."""
    described = demo_of(settings)

    def add(app: APIFlask) -> None:
        if described is not None:
            described.keep(app.extensions)
            app.register_blueprint(views)

    return add


@views.get("")
@gate.policy(Audience.DEMO)
def stage() -> str:
    """Show the people of the hospital, the traffic and the buttons."""
    return render_template(
        "demo/stage.html",
        holders=HOLDERS,
        days_home=_days_home(),
        staff=STAFF_DOORS,
        told=_traffic(),
        said=_SAID.get(request.args.get("said", "")),
        heard=_heard(request.args.get("heard", ""), request.args.get("answer", "")),
        now=clock.now().astimezone(clock.HOSPITAL),
        standin_url=demo().standin.url,
    )


@views.get("/traffic")
@gate.policy(Audience.DEMO)
def traffic_fragment() -> str:
    """Show the traffic alone, for the page to refresh."""
    return render_template("demo/traffic.html", told=_traffic())


@views.get("/static/<path:name>")
@gate.policy(Audience.DEMO)
def static_file(name: str) -> Response:
    return send_from_directory(_FOLDER / "static", name)


@views.get("/staff/<handle>")
@gate.policy(Audience.DEMO)
def staff(handle: str) -> Response:
    """Sign in as a member of staff, through the stand-in's WeCom as through the real one."""
    found = staff_door(handle)
    if found is None:
        raise NotFound
    demo().standin.sign_in_as(found.userid)
    return redirect(f"/wecom/sign-in/{demo().staff_app}?to=/wecom/today")


# --------------------------------------------------------------------------------- the buttons


@views.post("/day")
@gate.policy(Audience.DEMO)
def next_day() -> Response:
    demo().move_clock(timedelta(days=1))
    with unit_of_work.begin() as session:
        # A day later no token lives, but their lives are counted by the database's own clock.
        session.execute(update(PlatformToken).values(expires_at=None))
    return _back(said="day")


@views.post("/outage")
@gate.policy(Audience.DEMO)
def outage() -> Response:
    is_cut = request.form.get("on") == "1"
    demo().standin.cut(is_cut=is_cut)
    return _back(said="cut" if is_cut else "joined")


@views.post("/hl7/<kind>")
@gate.policy(Audience.DEMO)
def send_hl7(kind: str) -> Response:
    """Send one message of a patient who is on no plan, as the hospital's system would."""
    if kind not in _SENT:
        raise NotFound
    with unit_of_work.begin() as session:
        patient = hl7_feed.next_to_go_home(session)
        if patient is None:
            return _back(said="nobody")
        text = _SENT[kind](session, patient, clock.now())
        public_id = patient.public_id
    # No transaction is open: the listener writes to the same database.
    try:
        answer = hl7_feed.send(text, demo().hl7_host, demo().hl7_port)
    except hl7_feed.FeedSilent:
        return _back(said="silent")
    return _back(heard=f"{kind}.{public_id}", answer=answer)


# ----------------------------------------------------------------------------------- the phone


@views.get("/phone/<handle>")
@gate.policy(Audience.DEMO)
def phone(handle: str) -> str:
    """Show a phone that is a client of the real API, until the mini-program is there."""
    return render_template("demo/phone.html", holder=_holder(handle))


@views.post("/phone/<handle>/code")
@gate.policy(Audience.DEMO)
def login_code(handle: str) -> dict[str, str]:
    """Do what wx.login does: a code that says who holds the phone."""
    found = _holder(handle)
    code = demo().standin.login_code(found.openid, demo().mini_appid, found.unionid)
    return {"code": code}


@views.post("/phone/<handle>/accept")
@gate.policy(Audience.DEMO)
def accept(handle: str) -> dict[str, list[dict[str, str]]]:
    """Do what wx.requestSubscribeMessage does when its holder says yes to all."""
    demo().standin.accept(_holder(handle).openid, demo().mini_appid, TEMPLATES)
    return {"answers": [{"template_id": one, "answer": "accept"} for one in TEMPLATES]}


@views.get("/phone/<handle>/notifications")
@gate.policy(Audience.DEMO)
def notifications(handle: str) -> dict[str, Any]:
    """Return what WeChat showed on this phone, and the hospital's time, which may be moved."""
    shown = demo().standin.phone(_holder(handle).openid)["notifications"][:10]
    return {
        "now": clock.now().isoformat(),
        "notifications": [
            {"at": one["at"], "title": one["title"], "lines": list(one["data"].values())}
            for one in shown
        ],
    }


def _holder(handle: str) -> Holder:
    found = holder(handle)
    if found is None:
        raise NotFound
    return found


def _back(**query: str) -> Response:
    return redirect(f"{url_for('demo.stage')}?{urlencode(query)}", _SEE_OTHER)


def _traffic() -> Traffic | None:
    try:
        return traffic(demo().standin)
    except StandinSilent:
        return None


def _days_home() -> dict[str, int]:
    """Return for how many days the people with a plan have been home, by their openid."""
    plans = (
        select(WeChatAccount.openid, CarePlan.anchor_on)
        .join(PatientLink, PatientLink.account_id == WeChatAccount.id)
        .join(CarePlan, CarePlan.patient_id == PatientLink.patient_id)
        .where(
            CarePlan.is_open.is_(True),
            PatientLink.is_live.is_(True),
            WeChatAccount.openid.in_([one.openid for one in HOLDERS]),
        )
    )
    with unit_of_work.begin() as session:
        return {openid: (clock.today() - day).days for openid, day in session.execute(plans)}


def _heard(named: str, answer: str) -> dict[str, Any] | None:
    """Return what came of a message sent before: the patient, the plan, the tags."""
    kind, _, public_id = named.partition(".")
    if kind not in _SENT or not public_id.isascii() or len(public_id) > 32:
        return None
    with unit_of_work.begin() as session:
        patient = session.scalar(select(Patient).filter_by(public_id=public_id))
        if patient is None:
            return None
        plan = session.scalar(select(CarePlan).filter_by(patient_id=patient.id, is_open=True))
        tags = session.scalars(
            select(TagAssignment).filter_by(patient_id=patient.id, is_live=True)
        ).all()
        return {
            "kind": {"adt": "ADT^A03（出院）", "oru": "ORU^R01（检验结果）"}[kind],
            "answer": answer if answer in hl7_feed.ANSWERS else "?",
            "words": hl7_feed.ANSWERS.get(answer, "没有读懂的应答"),
            "name": patient.name,
            "plan": plan.plan_definition.title if plan else None,
            "tags": [one.tag.name for one in tags],
            "again": url_for("demo.stage", heard=named, answer=answer),
        }
