"""Forms filled in on the phone."""

from collections.abc import Sequence
from typing import Any

from app.domain.trust.access import Relation
from app.services.plans.questionnaire_answers import (
    Answered,
    Author,
    Draft,
    Sheet,
    open_drafts,
    record_response,
    save_draft,
)
from app.services.trust.patient_consents import require_consent
from miniprogram_api.doors import OpenRecord, blueprint, for_wechat_users, open_record
from miniprogram_api.schemas import DraftSavedOut, DraftsOut, ResponseIn, ResponseOut

responses = blueprint("responses")


@responses.post("/patients/<id:patient>/responses")
@for_wechat_users
@responses.input(ResponseIn, arg_name="body")
@responses.output(ResponseOut, status_code=201)
def answer(patient: str, body: dict[str, Any]) -> tuple[Answered, int]:
    """Send a filled-in form

    Refused as a whole, with each wrong or missing answer by its link id. The same `reference`
    again answers 200 with the first result. `advice` is to be shown at once. Answers belong to
    the `version` that was shown, also when a newer one came meanwhile.
    """
    with open_record(patient, "create", "questionnaire-response") as opened:
        require_consent(opened.session, opened.patient_id, opened.account_id)
        answered = record_response(
            opened.session, opened.patient_id, _author(opened, body), _sheet(body), opened.now
        )
    return answered, 201 if answered.is_new else 200


@responses.post("/patients/<id:patient>/drafts")
@for_wechat_users
@responses.input(ResponseIn, arg_name="body")
@responses.output(DraftSavedOut)
def save(patient: str, body: dict[str, Any]) -> Answered:
    """Keep what has been answered so far, to go on with later

    Sent again under the same `reference`, it is replaced; sending the form under that reference
    ends the draft. `advice` is to be shown at once: a dangerous answer is acted on as it is.
    """
    with open_record(patient, "update", "questionnaire-response") as opened:
        require_consent(opened.session, opened.patient_id, opened.account_id)
        return save_draft(
            opened.session, opened.patient_id, _author(opened, body), _sheet(body), opened.now
        )


@responses.get("/patients/<id:patient>/drafts")
@for_wechat_users
@responses.output(DraftsOut)
def list_drafts(patient: str) -> dict[str, Sequence[Draft]]:
    """List the forms begun in the last two weeks, each in the version it was begun in"""
    with open_record(patient, "read", "questionnaire-response") as opened:
        return {"drafts": open_drafts(opened.session, opened.patient_id, opened.now)}


def _author(opened: OpenRecord, body: dict[str, Any]) -> Author:
    # Family may hold their phone out to the patient: then the words are the patient's.
    return Author(
        account_id=opened.account_id, informant=Relation.SELF if body["is_own_answer"] else None
    )


def _sheet(body: dict[str, Any]) -> Sheet:
    return Sheet(
        key=body["questionnaire"],
        answers=body["answers"],
        reference=str(body["reference"]),
        version=body["version"],
        task_id=body["task"],
    )
