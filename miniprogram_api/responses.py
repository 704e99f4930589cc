"""Forms filled in on the phone."""

from typing import Any

from app.services.plans.questionnaire_answers import Answered, record_response
from app.services.trust.patient_consents import require_consent
from miniprogram_api.doors import blueprint, for_wechat_users, open_record
from miniprogram_api.schemas import ResponseIn, ResponseOut

responses = blueprint("responses")


@responses.post("/patients/<id:patient>/responses")
@for_wechat_users
@responses.input(ResponseIn, arg_name="body")
@responses.output(ResponseOut, status_code=201)
def answer(patient: str, body: dict[str, Any]) -> tuple[Answered, int]:
    """Send a filled-in form

    Refused as a whole, with each wrong or missing answer by its link id. The same `reference`
    again answers 200 with the first result. `advice` is to be shown at once.
    """
    with open_record(patient, "create", "questionnaire-response") as opened:
        require_consent(opened.session, opened.patient_id, opened.account_id)
        answered = record_response(
            opened.session,
            opened.patient_id,
            opened.account_id,
            body["questionnaire"],
            body["answers"],
            str(body["reference"]),
            body["task"],
            opened.now,
        )
    return answered, 201 if answered.is_new else 200
