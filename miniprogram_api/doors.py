"""How a route comes to its data: who asks, which record is open to them, and the trail of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from apiflask import APIBlueprint
from flask import Response, jsonify, request
from marshmallow import Schema
from sqlalchemy.orm import Session
from werkzeug.routing import BaseConverter

from app import clock
from app.database import unit_of_work
from app.domain.errors import SignInRequired
from app.domain.trust.access import Audience, Relation
from app.models import Reporter
from app.models.trust.account import find_open_patient, relation_of
from app.models.trust.audit import record
from app.web import gate

View = TypeVar("View", bound=Callable[..., Any])


class PublicId(BaseConverter):
    """What the outside calls a row; anything else is no address of ours."""

    regex = "[A-Za-z0-9_-]{1,32}"


def for_wechat_users(view: View) -> View:
    """Let signed-in WeChat users in; whose record they may open is a matter of each query."""
    view._spec = {**getattr(view, "_spec", {}), "security": "session"}  # type: ignore[attr-defined]
    return gate.policy(Audience.WECHAT_USER)(view)


@dataclass(frozen=True, slots=True)
class OpenRecord:
    """A patient's record that the asker may open, inside one transaction."""

    session: Session
    patient_id: int
    account_id: int
    now: datetime


def account_id() -> int:
    """Return the WeChat account that makes this request."""
    found = gate.signed_in().account_id
    if found is None:
        raise SignInRequired
    return found


@contextmanager
def open_record(patient: str, action: str, entity: str) -> Iterator[OpenRecord]:
    """Open a patient's record for one request, and write who did what before it commits.

    :raises NotFound: there is no such patient, or not for this user
    """
    account, now = account_id(), clock.now()
    with unit_of_work.begin() as session:
        patient_id = find_open_patient(session, account, patient)
        yield OpenRecord(session, patient_id, account, now)
        record(session, gate.actor(), action, entity, now, patient_id=patient_id)


def reporter(opened: OpenRecord) -> Reporter:
    """Return whether the patient speaks, or family for them."""
    relation = relation_of(opened.session, opened.account_id, opened.patient_id)
    return Reporter.PATIENT if relation is Relation.SELF else Reporter.FAMILY


def read_strictly() -> None:
    """Read the body by the application's strict parser before any schema sees it.

    The schema library parses by itself and takes duplicate keys, NaN and hidden characters.
    """
    if request.is_json and request.get_data(cache=True):
        request.get_json()


def with_etag(schema: type[Schema], answer: Any) -> Response:
    """Return the answer, or 304 where the phone already has it."""
    response = jsonify(schema().dump(answer))
    response.add_etag()
    response.make_conditional(request)
    return response


def blueprint(name: str) -> APIBlueprint:
    return APIBlueprint(name, f"{__package__}.{name}", tag=name)
