"""The one door of the web process: every route has a policy, or the application does not start."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

import structlog
from flask import Flask, current_app, g, request

from app import clock
from app.database import unit_of_work
from app.domain.errors import NotAllowed, NotFound, SignInRequired
from app.domain.trust.access import (
    Actor,
    Audience,
    Permission,
    Policy,
    Scope,
    SystemClient,
    client_of_token,
    may,
)
from app.encryption import keyring
from app.models import SessionKind
from app.services.trust.sessions import SignedIn, find_session

log = structlog.get_logger()
View = TypeVar("View", bound=Callable[..., Any])

# `__Host-` binds the cookie to this host, to HTTPS and to the whole path.
STAFF_COOKIE: Final = "__Host-careloop"
CSRF_FIELD: Final = "csrf_token"


_KIND: Final = {
    Audience.WECHAT_USER: SessionKind.PATIENT,
    Audience.STAFF: SessionKind.STAFF,
}


class RouteWithoutPolicy(Exception):
    """A route that says nothing of who may use it; the process must not start."""


def policy(
    audience: Audience,
    permission: Permission | None = None,
    *,
    why: str = "",
    scope: Scope | None = None,
) -> Callable[[View], View]:
    """Say whom a view serves: `permission` for staff, `scope` for systems, `why` if open."""
    rule = Policy(audience, permission, why, scope)

    def attach(view: View) -> View:
        view.__policy__ = rule  # type: ignore[attr-defined]
        return view

    return attach


def close(app: Flask, libraries: Mapping[str, Policy]) -> None:
    """Put the gate before every route; `libraries` has the policies of views not ours.

    :raises RouteWithoutPolicy: naming the routes
    """
    policies = dict(libraries)
    for endpoint, view in app.view_functions.items():
        rule = getattr(view, "__policy__", None)
        if rule is not None:
            policies[endpoint] = rule
    missing = sorted(
        {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint not in policies}
    )
    if missing:
        raise RouteWithoutPolicy(", ".join(missing))
    app.extensions["policies"] = policies
    app.before_request(_pass)


def admit(app: Flask, clients: Iterable[SystemClient]) -> None:
    """Let other systems in by their tokens."""
    app.extensions["system_clients"] = tuple(clients)


def policies_of(app: Flask) -> Mapping[str, Policy]:
    found: Mapping[str, Policy] = app.extensions["policies"]
    return found


def signed_in() -> SignedIn:
    """Return who makes this request; only where the policy demands somebody."""
    holder: SignedIn = g.signed_in
    return holder


def actor() -> Actor:
    """Return the one who acts, for the audit trail."""
    holder = signed_in()
    if holder.kind is SessionKind.STAFF:
        return Actor("practitioner", holder.practitioner_id, g.request_id)
    return Actor("wechat-account", holder.account_id, g.request_id)


def system_client() -> SystemClient:
    """Return the system that makes this request; only where the policy demands one."""
    client: SystemClient = g.system_client
    return client


def system_actor() -> Actor:
    """Return the system that acts, for the audit trail."""
    return Actor("system", None, f"{system_client().name}/{g.request_id}")


def csrf_token() -> str:
    """Return the word that a form of this session must bring back."""
    return keyring().mac("csrf", str(signed_in().session_id).encode()).hex()


def _pass() -> None:
    g.request_id = secrets.token_hex(8)
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    if request.endpoint is None:
        raise request.routing_exception or NotFound  # no such address, method or host
    rule = policies_of(current_app)[request.endpoint]
    if rule.audience in (Audience.ANYONE, Audience.PLATFORM, Audience.DEMO):
        return
    if rule.scope is not None:
        g.system_client = _admitted(rule.scope)
        return
    token = _token(rule)
    with unit_of_work.begin() as session:
        holder = find_session(session, token, clock.now())
    if holder.kind is not _KIND[rule.audience]:
        raise SignInRequired
    g.signed_in = holder
    if rule.permission is not None:
        if holder.role is None or not may(holder.role, rule.permission):
            raise NotAllowed
        _refuse_forged_form()


def _admitted(scope: Scope) -> SystemClient:
    """Return the system whose token is shown, from a network that is its own.

    :raises SignInRequired: no such token, or not from there: both look the same
    :raises NotAllowed: it may not do this
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    known = client_of_token(current_app.extensions.get("system_clients", ()), token)
    if scheme != "Bearer" or known is None or not known.is_at(request.remote_addr or ""):
        log.warning("system_refused", route=request.endpoint)
        raise SignInRequired
    if scope not in known.scopes:
        raise NotAllowed
    return known


def _token(rule: Policy) -> str:
    """Return what the caller shows: patients in a header, staff in a cookie.

    :raises SignInRequired: nothing shown
    """
    if rule.audience is Audience.STAFF:
        token = request.cookies.get(STAFF_COOKIE, "")
    else:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token if scheme == "Bearer" else ""
    if not token:
        raise SignInRequired
    return token


def _refuse_forged_form() -> None:
    if request.method in ("GET", "HEAD"):
        return
    given = request.form.get(CSRF_FIELD, "") or request.headers.get("X-CSRF-Token", "")
    if not secrets.compare_digest(given.encode(), csrf_token().encode()):
        raise NotAllowed
