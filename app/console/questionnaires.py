"""S11 问卷与量表: every form in every version: what it asks, scores, reacts to, and came to."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, make_response, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.database import unit_of_work
from app.domain.errors import NotFound
from app.domain.plans.questionnaires import (
    InvalidAnswers,
    ItemType,
    Questionnaire,
    dangers_in,
    is_asked,
    scores,
    validate,
)
from app.domain.trust.access import Audience, Permission
from app.models import PublicationStatus
from app.services.plans.questionnaire_library import list_forms, read_form
from app.web import answer_form, gate
from app.web.addresses import public_id

views = Blueprint("questionnaires", __name__, url_prefix="/questionnaires")

SPAN: Final = timedelta(days=90)
TYPES: Final = {
    ItemType.CHOICE: "单选",
    ItemType.MULTI_CHOICE: "多选",
    ItemType.INTEGER: "整数",
    ItemType.DECIMAL: "小数",
    ItemType.TEXT: "文字",
    ItemType.BOOLEAN: "是或否",
    ItemType.DATE: "日期",
    ItemType.SCALE: "评分",
}
STATUS: Final = {
    PublicationStatus.ACTIVE: ("good", "使用中"),
    PublicationStatus.DRAFT: ("watch", "草稿，未签署"),
    PublicationStatus.RETIRED: ("off", "已停用"),
}


@views.get("")
@gate.policy(Audience.STAFF, Permission.MANAGE_FORMS)
def overview() -> str:
    """List the forms; none of them names a patient."""
    with unit_of_work.begin() as session:
        forms = list_forms(session, clock.now() - SPAN)
    return render_template(
        "console/questionnaires.html", forms=forms, status=STATUS, days=SPAN.days
    )


@views.get("/<key>/<version>")
@gate.policy(Audience.STAFF, Permission.MANAGE_FORMS)
def show(key: str, version: str) -> AnyResponse:
    """Show one version with what its answers came to."""
    return _page(key, version, None, {}, HTTPStatus.OK)


@views.post("/<key>/<version>")
@gate.policy(Audience.STAFF, Permission.MANAGE_FORMS)
def work_out(key: str, version: str) -> AnyResponse:
    """试填: work out scales and dangers of answers that are kept nowhere."""
    with unit_of_work.begin() as session:
        form = read_form(session, public_id(key), _number(version), clock.now()).form
    answers = answer_form.read_answers(form, request.form)
    try:
        accepted = validate(form, answers)
    except InvalidAnswers as invalid:
        return _page(key, version, None, invalid.problems, HTTPStatus.UNPROCESSABLE_ENTITY)
    tried = {
        "scores": scores(form, accepted),
        "dangers": dangers_in(form, accepted),
        "requests": [one for one in form.requests if one.is_made_by(accepted.get(one.link_id))],
        "hidden": [
            form.items.index(item) + 1 for item in form.items if not is_asked(item, accepted)
        ],
    }
    return _page(key, version, tried, {}, HTTPStatus.OK)


def _page(
    key: str, version: str, tried: dict[str, Any] | None, problems: Any, status: HTTPStatus
) -> AnyResponse:
    with unit_of_work.begin() as session:
        shown = read_form(session, public_id(key), _number(version), clock.now() - SPAN)
    page = render_template(
        "console/questionnaire.html", shown=shown, form=shown.form, status=STATUS, types=TYPES,
        days=SPAN.days, branch_words=answer_form.branch_words, field=answer_form.field,
        typed=_typed(shown.form), problems=problems, tried=tried,
    )  # fmt: skip
    return make_response(page, int(status))


def _typed(form: Questionnaire) -> dict[str, list[str]]:
    return {item.link_id: request.form.getlist(answer_form.field(item)) for item in form.items}


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 7):
        raise NotFound
    return int(text)
