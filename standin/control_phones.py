"""The remote control of patients' phones: `/standin/phones/...`."""

from typing import Literal

from flask import Blueprint, Response

from standin import people
from standin.control_json import body_of_request, told
from standin.gateway import json_response
from standin.people import Impossible
from standin.standin import Standin
from standin.views import phone_view


def add_to(control: Blueprint, standin: Standin) -> None:
    """Add the routes to the control's blueprint."""
    _add_users(control, standin)
    _add_codes(control, standin)
    _add_deeds(control, standin)


def _add_users(control: Blueprint, standin: Standin) -> None:
    @control.post("/phones")
    def add_phones() -> Response:
        """Make many users at once: {appid, openids, grants?: {template: n}, follow?}; no events."""
        body = body_of_request()
        with standin.lock:
            for openid in body.get("openids", ()):
                phone = people.register(standin, openid, body.get("appid"))
                phone.is_following = bool(body.get("follow"))
                for template, count in body.get("grants", {}).items():
                    people.grant(standin, phone, template, count)
        return json_response({"phones": len(body.get("openids", ()))})

    @control.get("/phones/<openid>")
    def phone(openid: str) -> Response:
        with standin.lock:
            return json_response(phone_view(standin, people.known(standin, openid)))


def _add_codes(control: Blueprint, standin: Standin) -> None:
    def app_code(openid: str, kind: Literal["login", "account"]) -> Response:
        body = body_of_request()
        with standin.lock:
            phone = people.register(standin, openid, body.get("appid"), body.get("unionid"))
            code = standin.world.add_code(kind, openid, phone.appid, standin.clock.now())
        return json_response({"code": code})

    @control.post("/phones/<openid>/login-code")
    def login_code(openid: str) -> Response:
        """wx.login in the mini-program: {appid, unionid?} -> {code}."""
        return app_code(openid, "login")

    @control.post("/phones/<openid>/oauth-code")
    def account_code(openid: str) -> Response:
        """Web sign-in of the official account: {appid, unionid?} -> {code}."""
        return app_code(openid, "account")

    @control.post("/phones/<openid>/phone-code")
    def phone_code(openid: str) -> Response:
        """getPhoneNumber in the mini-program: {phone} -> {code}."""
        number = body_of_request().get("phone")
        if not isinstance(number, str):
            raise Impossible("phone wanted")
        with standin.lock:
            phone = people.known(standin, openid)
            now = standin.clock.now()
            code = standin.world.add_code("phone", openid, phone.appid, now, number)
        return json_response({"code": code})


def _add_deeds(control: Blueprint, standin: Standin) -> None:
    @control.post("/phones/<openid>/subscriptions")
    def subscriptions(openid: str) -> Response:
        """Answer the popup: {appid, answers: {template_id: accept|reject}}."""
        body = body_of_request()
        with standin.lock:
            phone = people.register(standin, openid, body.get("appid"), body.get("unionid"))
            push = people.answer_popup(standin, phone, body.get("answers", {}))
            future = standin.callbacks.now(push, standin.world.ledger)
        return told(body, future)

    @control.post("/phones/<openid>/settings")
    def settings(openid: str) -> Response:
        """Refuse templates in WeChat's settings: {reject: [template_id]}."""
        body = body_of_request()
        with standin.lock:
            phone = people.known(standin, openid)
            push = people.refuse_in_settings(standin, phone, body.get("reject", []))
            future = standin.callbacks.now(push, standin.world.ledger)
        return told(body, future)

    @control.post("/phones/<openid>/<any(follow,unfollow):deed>")
    def follow(openid: str, deed: str) -> Response:
        """Follow the official account, or leave it: {appid, unionid?}."""
        body = body_of_request()
        with standin.lock:
            phone = people.register(standin, openid, body.get("appid"), body.get("unionid"))
            push = people.set_following(standin, phone, is_following=deed == "follow")
            future = standin.callbacks.now(push, standin.world.ledger)
        return told(body, future)

    @control.post("/phones/<openid>/messages")
    def write(openid: str) -> Response:
        """Write to the customer service: {appid, text}; without a text just go there."""
        body = body_of_request()
        with standin.lock:
            phone = people.register(standin, openid, body.get("appid"), body.get("unionid"))
            text = body.get("text")
            push = (
                people.write(standin, phone, str(text))
                if text
                else people.enter_session(standin, phone)
            )
            future = standin.callbacks.now(push, standin.world.ledger)
        return told(body, future)

    @control.post("/phones/<openid>/scan-contact-way")
    def scan(openid: str) -> Response:
        """Scan a member's code and add them: {appid, unionid?, config_id} -> {external_userid}."""
        body = body_of_request()
        with standin.lock:
            phone = people.register(standin, openid, body.get("appid"), body.get("unionid"))
            named, push = people.scan_contact_way(standin, phone, str(body.get("config_id")))
            future = standin.callbacks.now(push, standin.world.ledger)
        return told(body, future, external_userid=named)
