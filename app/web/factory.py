"""The Flask application: strict, closed by default, the same for every face."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final, TypeVar

from apiflask import APIFlask
from flask import Response, current_app, g, request
from sqlalchemy import text
from werkzeug.exceptions import UnsupportedMediaType

from app.database import unit_of_work
from app.domain.trust.access import Audience, Policy
from app.settings import Settings
from app.web import gate, metrics, problems
from app.web.strict_json import StrictProvider

MAX_BODY: Final = 64 * 1024  # a measurement is 300 bytes; a full form about 10 kB

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Records must not stay in a cache on somebody's phone or in between.
    "Cache-Control": "no-store",
}

_LIBRARY_ROUTES: Final = {
    "openapi.spec": Policy(Audience.ANYONE, why="the description of the API names no patient"),
}

Face = Callable[[APIFlask], None]
View = TypeVar("View", bound=Callable[..., Any])


def create_app(settings: Settings, faces: Sequence[Face]) -> APIFlask:
    """Return the application with its faces and the gate before every route.

    :raises app.web.gate.RouteWithoutPolicy: a face has a route that says nothing of who may use it
    """
    app = APIFlask(
        "app.web",
        title="CareLoop API",
        version="1.0",
        docs_path=None,
        spec_path="/openapi.json",
        static_folder=None,  # type: ignore[arg-type]  # the faces bring their own
    )
    app.json = StrictProvider(app)
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY,
        MAX_FORM_PARTS=100,
        MAX_FORM_MEMORY_SIZE=MAX_BODY,
        TRUSTED_HOSTS=list(settings.trusted_hosts),
        VALIDATION_ERROR_STATUS_CODE=int(HTTPStatus.BAD_REQUEST),
        VALIDATION_ERROR_DESCRIPTION="Invalid request",
        # Werkzeug would quote the body of a bad request back in its error.
        TRAP_BAD_REQUEST_ERRORS=False,
        AUTO_VALIDATION_ERROR_RESPONSE=True,
    )
    app.security_schemes = {"session": {"type": "http", "scheme": "bearer"}}
    problems.register(app)
    _health(app)
    metrics.register(app)
    for face in faces:
        face(app)
    gate.close(app, _LIBRARY_ROUTES)
    app.before_request(_refuse_other_bodies)
    app.after_request(_harden)
    return app


def _health(app: APIFlask) -> None:
    @app.get("/livez")
    @app.doc(hide=True)
    @gate.policy(Audience.ANYONE, why="says only that the process runs")
    def livez() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    @app.doc(hide=True)
    @gate.policy(Audience.ANYONE, why="says only whether the database takes writes")
    def readyz() -> tuple[dict[str, str], int]:
        try:
            with unit_of_work.begin() as session:
                session.execute(text("UPDATE lease SET fence = fence WHERE name = 'readiness'"))
        except Exception:
            return {"status": "database unavailable"}, HTTPStatus.SERVICE_UNAVAILABLE
        return {"status": "ok"}, HTTPStatus.OK


def takes(*mimetypes: str) -> Callable[[View], View]:
    """Say that a view of the API takes other bodies than JSON: none that a form can send."""

    def attach(view: View) -> View:
        view.__bodies__ = mimetypes  # type: ignore[attr-defined]
        return view

    return attach


def bodies_of(view: Callable[..., Any]) -> tuple[str, ...]:
    """Return the media types that a view of the API takes."""
    found: tuple[str, ...] = getattr(view, "__bodies__", ("application/json",))
    return found


def _refuse_other_bodies() -> None:
    """The API takes JSON and little else, so that no form of another site can speak to it."""
    if not request.path.startswith("/api/") or request.method in ("GET", "HEAD", "DELETE"):
        return
    taken = bodies_of(current_app.view_functions[request.endpoint or ""])
    if request.content_length and request.mimetype not in taken:
        raise UnsupportedMediaType


def _harden(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    if "request_id" in g:
        response.headers["X-Request-Id"] = g.request_id
    return response
