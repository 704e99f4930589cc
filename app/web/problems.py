"""Errors as answers: problem+json (RFC 9457) for programs, a Chinese page for people."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import structlog
from apiflask import APIFlask, HTTPError
from flask import Response, current_app, g, json, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from app.domain import errors
from app.domain.criteria.for_segments import NotForSegments
from app.domain.errors import DomainError
from app.domain.profile.photos import NotAPhoto, TakenInFuture, TooManyPhotos
from app.domain.segments.errors import InvalidSegment, TooSlow

log = structlog.get_logger()

_STATUS: Final[dict[type[DomainError], HTTPStatus]] = {
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.NotAllowed: HTTPStatus.FORBIDDEN,
    errors.SignInRequired: HTTPStatus.UNAUTHORIZED,
    errors.TooManyTries: HTTPStatus.TOO_MANY_REQUESTS,
    errors.BindingRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ConsentRequired: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ImplausibleValue: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidAnswers: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotAPhoto: HTTPStatus.UNPROCESSABLE_ENTITY,
    TakenInFuture: HTTPStatus.UNPROCESSABLE_ENTITY,
    TooManyPhotos: HTTPStatus.TOO_MANY_REQUESTS,
    InvalidSegment: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotForSegments: HTTPStatus.UNPROCESSABLE_ENTITY,
    TooSlow: HTTPStatus.SERVICE_UNAVAILABLE,
}

_TITLES: Final = {
    400: "请求的内容不正确",
    404: errors.NotFound.title,
    405: "不支持这种操作",
    413: "提交的内容太大",
    415: "提交的内容格式不对",
    429: "操作太频繁，请稍后再试",
    503: "服务暂时不可用，请稍后再试",
}


# What a face says instead of problem+json, from status, code and title.
Wording = Callable[[int, str, str], Response]


def speak(app: APIFlask, prefix: str, wording: Wording) -> None:
    """Let the addresses below `prefix` answer refusals in a form of their own."""
    app.extensions.setdefault("wordings", {})[prefix] = wording


def register(app: APIFlask) -> None:
    app.register_error_handler(DomainError, refused)
    app.register_error_handler(HTTPError, _invalid)
    app.register_error_handler(HTTPException, failed)
    app.register_error_handler(Exception, _unforeseen)


def refused(error: DomainError) -> Response:
    """Answer a refusal; `path` names the part of a definition that is wrong."""
    status = _STATUS.get(type(error), HTTPStatus.CONFLICT)
    more: dict[str, Any] = {}
    if isinstance(error, errors.InvalidAnswers):
        more = {"problems": error.problems}
    if isinstance(error, InvalidSegment):
        more = {"path": error.path}
    return _answer(status, error.code, error.title, **more)


def _invalid(error: HTTPError) -> Response:
    """A body or query that the schema refuses: which field, and why."""
    return _answer(error.status_code, "invalid-request", _TITLES[400], fields=error.detail)


def failed(error: HTTPException) -> Response:
    """Answer what HTTP itself refuses: no such address, too big, not JSON."""
    status = error.code or 500
    title = _TITLES.get(status, "请求无法完成")
    answer = _answer(status, HTTPStatus(status).name.lower().replace("_", "-"), title)
    if status == HTTPStatus.METHOD_NOT_ALLOWED and error.get_response().headers.get("Allow"):
        answer.headers["Allow"] = error.get_response().headers["Allow"]
    return answer


def _unforeseen(error: Exception) -> Response:
    """Nothing of the error but the id under which the log has its place."""
    log.error("request_failed", exc_info=error, route=request.endpoint, method=request.method)
    return _answer(500, "internal-error", "系统出了问题，我们已经记录下来")


def _answer(status: int, code: str, title: str, **more: Any) -> Response:
    request_id = g.get("request_id", "")
    wording = _wording()
    if wording is not None:
        return wording(int(status), code, title)
    if _wants_page():
        page = render_template(
            "problem.html", title=title, status=int(status), request_id=request_id
        )
        return make_response(page, int(status))
    body = {
        "type": f"/problems/{code}",
        "title": title,
        "status": int(status),
        "request_id": request_id,
        **more,
    }
    return Response(json.dumps(body), int(status), content_type="application/problem+json")


def _wording() -> Wording | None:
    found: dict[str, Wording] = current_app.extensions.get("wordings", {})
    path = request.path
    return next(
        (one for prefix, one in found.items() if path == prefix or path.startswith(f"{prefix}/")),
        None,
    )


def _wants_page() -> bool:
    best = request.accept_mimetypes.best_match(["application/json", "text/html"])
    return best == "text/html" and "/api/" not in request.path
