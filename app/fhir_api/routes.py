"""The addresses below `/fhir`."""

from collections.abc import Callable

from apiflask import APIBlueprint, APIFlask
from flask import Response, request

from app.domain.errors import NotFound
from app.domain.trust.access import Audience, Scope
from app.fhir_api.answers import answer, wording
from app.fhir_api.capabilities import FORM, TAKEN, statement
from app.fhir_api.desk import FhirDesk, desk
from app.fhir_api.giving import give, give_everything, give_form
from app.fhir_api.taking import take
from app.web import gate, problems

fhir = APIBlueprint("fhir", __name__, url_prefix="/fhir", enable_openapi=False)


def fhir_api(given: FhirDesk) -> Callable[[APIFlask], None]:
    """Return the face that speaks FHIR with what the wiring gives."""

    def face(app: APIFlask) -> None:
        given.keep(app)
        gate.admit(app, given.clients)
        problems.speak(app, "/fhir", wording)
        app.register_blueprint(fhir)

    return face


@fhir.before_request
def _allow_more() -> None:
    """Let known systems send more than phones may; the gate has let them in by now."""
    is_bundle = request.endpoint == "fhir.take_bundle"
    request.max_content_length = desk().bundle_bytes if is_bundle else desk().resource_bytes


@fhir.get("/metadata")
@gate.policy(Audience.ANYONE, why="says what the server can do and names nobody")
def metadata() -> Response:
    return answer(statement(desk().base))


@fhir.post("")
@gate.policy(Audience.SYSTEM, scope=Scope.WRITE)
def take_bundle() -> Response:
    return take("Bundle")


@fhir.post("/<kind>")
@gate.policy(Audience.SYSTEM, scope=Scope.WRITE)
def create(kind: str) -> Response:
    return take(_taken(kind))


@fhir.put("/<kind>/<resource_id>")
@gate.policy(Audience.SYSTEM, scope=Scope.WRITE)
def update(kind: str, resource_id: str) -> Response:
    return take(_taken(kind), resource_id)


@fhir.get("/<kind>/<resource_id>")
@gate.policy(Audience.SYSTEM, scope=Scope.READ)
def read(kind: str, resource_id: str) -> Response:
    if kind == FORM:
        return give_form(resource_id)
    return give(_taken(kind), resource_id)


@fhir.get("/Patient/<resource_id>/$everything")
@gate.policy(Audience.SYSTEM, scope=Scope.READ)
def everything(resource_id: str) -> Response:
    return give_everything(resource_id)


def _taken(kind: str) -> str:
    """Return a type of resource that we take and give.

    :raises NotFound: it is none of those
    """
    if kind not in TAKEN:
        raise NotFound
    return kind
