"""The builder's JSON: what a tree means, who for example, why somebody. Trees in, nothing kept.

Answers errors as problem+json; `path` names the part of the tree that is wrong.
"""

from typing import Any, Final

from flask import Blueprint, jsonify, request
from werkzeug.exceptions import HTTPException, UnsupportedMediaType
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.console.segments.answering import SLOW, answer, find
from app.console.segments.draft_data import Lists, read_draft
from app.console.segments.posted import read_posted
from app.database import unit_of_work
from app.domain.criteria.tree import Criterion
from app.domain.definitions import Fields, InvalidDefinition
from app.domain.errors import DomainError
from app.domain.segments.errors import InvalidSegment, TooSlow
from app.domain.segments.trees import read_tree
from app.domain.segments.why import Reason
from app.domain.trust.access import Audience, Permission
from app.models.segments.choices import read_choices
from app.models.segments.names import names
from app.models.segments.reading import reading
from app.services.segments import explaining, sampling
from app.web import gate, problems
from app.web.addresses import public_id
from app.web.staff import me

api: Final = Blueprint("segments_api", __name__, url_prefix="/segments/api")


@api.post("/count")
@gate.policy(Audience.STAFF, Permission.USE_SEGMENTS)
def count() -> AnyResponse:
    """Return a tree as a sentence, and how many it means now."""
    criterion, _ = _asked()
    with reading() as session:
        told = answer(session, criterion)
    if told.size is None:
        raise TooSlow
    return jsonify(sentence=told.sentence, count=told.size)


@api.post("/draft")
@gate.policy(Audience.STAFF, Permission.USE_SEGMENTS)
def draft() -> AnyResponse:
    """Return sentence and count of the builder's form as it stands, for its script.

    What is not filled in yet has no sentence, and is no error: somebody is still typing.
    """
    with reading() as session:
        lists = Lists(read_choices(session, me()))
        found = read_draft(read_posted(request.form), lists)
        if found.problems:
            return jsonify(sentence=None, count=None, problem=next(iter(found.problems.values())))
        told = answer(session, read_tree(found.tree))
    problem = SLOW if told.size is None else None
    return jsonify(sentence=told.sentence, count=told.size, problem=problem)


@api.post("/sample")
@gate.policy(Audience.STAFF, Permission.USE_SEGMENTS)
def sample() -> AnyResponse:
    """Return some of the asker's own patients whom a tree means; it is noted in the trail."""
    criterion, _ = _asked()
    ids = find(criterion)
    with unit_of_work.begin() as session:
        found = sampling.read_sample(session, ids, gate.actor(), clock.now(), clock.today())
    return jsonify(
        count=found.size,
        others=found.others,
        patients=[
            {
                "id": one.public_id, "name": one.masked_name, "gender": one.gender,
                "age": one.age, "department": one.department,
            }
            for one in found.lines
        ],
    )  # fmt: skip


@api.post("/why")
@gate.policy(Audience.STAFF, Permission.USE_SEGMENTS)
def why() -> AnyResponse:
    """Return for one patient which nodes of a tree hold; it is noted in the trail."""
    criterion, patient = _asked("patient")
    with unit_of_work.begin() as session:
        found = explaining.explain(
            session, criterion, names(session), public_id(patient), gate.actor(), clock.now(),
            clock.HOSPITAL,
        )  # fmt: skip
    return jsonify(
        patient=found.public_id, is_in=found.is_in, is_deceased=found.is_deceased,
        reason=_reason(found.reason),
    )  # fmt: skip


def _asked(more: str | None = None) -> tuple[Criterion, str]:
    """Return the tree of the body, and its field `more`.

    :raises InvalidSegment: with the path of the part that is wrong
    """
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    try:
        with Fields(request.get_json()) as fields:
            patient = fields.text(more, 64) if more is not None else ""
            tree = fields.take("tree")
    except InvalidDefinition as error:
        raise InvalidSegment.of(error) from None
    return read_tree(tree), patient


def _reason(one: Reason) -> dict[str, Any]:
    return {
        "told": one.told,
        "holds": one.holds,
        "seen": one.seen,
        "items": [_reason(item) for item in one.items],
    }


@api.errorhandler(DomainError)
def _refused(error: DomainError) -> AnyResponse:
    return problems.refused(error)


@api.errorhandler(HTTPException)
def _http(error: HTTPException) -> AnyResponse:
    return problems.failed(error)
