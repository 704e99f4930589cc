"""Consents: the words, and what I have said to them for a patient."""

from typing import Any

from app.domain.trust.access import Audience
from app.domain.trust.consenting import CURRENT_TEXTS
from app.services.trust.patient_consents import consents_of, record_consent
from app.web import gate
from miniprogram_api.doors import blueprint, for_wechat_users, open_record
from miniprogram_api.schemas import ConsentIn, ConsentsOut, ConsentTextsOut

consents = blueprint("consents")


@consents.get("/consent-texts")
@gate.policy(Audience.ANYONE, why="what people agree to may be read before signing in")
@consents.output(ConsentTextsOut)
def texts() -> dict[str, Any]:
    """Read what there is to agree to, in the versions that count now"""
    return {"texts": list(CURRENT_TEXTS.values())}


@consents.get("/patients/<id:patient>/consents")
@for_wechat_users
@consents.output(ConsentsOut)
def mine(patient: str) -> dict[str, Any]:
    """Read my last word on each purpose for this patient"""
    with open_record(patient, "read", "consent") as opened:
        found = consents_of(opened.session, opened.patient_id, opened.account_id)
    return {"consents": found}


@consents.post("/patients/<id:patient>/consents")
@for_wechat_users
@consents.input(ConsentIn, arg_name="body")
@consents.output(ConsentsOut, status_code=201)
def say(patient: str, body: dict[str, Any]) -> dict[str, Any]:
    """Agree or withdraw

    Every word is kept. To agree, `text_version` must be the current one; a withdrawal counts at
    once, before the next message.
    """
    with open_record(patient, "create", "consent") as opened:
        record_consent(opened.session, opened.patient_id, opened.account_id, now=opened.now, **body)
        found = consents_of(opened.session, opened.patient_id, opened.account_id)
    return {"consents": found}
