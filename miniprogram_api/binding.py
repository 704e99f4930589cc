"""Being linked to a patient: facts, then a code."""

from typing import Any

from app import clock
from app.database import unit_of_work
from app.domain.errors import BindingRefused
from app.domain.profile.masking import masked_phone
from app.models.trust.audit import record
from app.services.trust.binding import Claim, confirm_binding, start_binding
from app.services.trust.patient_consents import Person, people_of
from app.services.trust.sessions import choose_patient
from app.web import gate
from miniprogram_api.doors import account_id, blueprint, for_wechat_users
from miniprogram_api.schemas import BindingIn, BindingOut, CodeIn, LinkedOut
from miniprogram_api.services import phone_services

binding = blueprint("binding")


@binding.post("/bindings")
@for_wechat_users
@binding.input(BindingIn, arg_name="claim")
@binding.output(BindingOut, status_code=202)
def start(claim: Claim) -> dict[str, Any]:
    """Ask to be linked to a patient

    The answer is the same whether or not the facts are true; only if they are does a code go to
    the phone on file. Five tries a day. A code from the service desk may be used instead.
    """
    now = clock.now()
    with unit_of_work.begin() as session:
        attempt = start_binding(session, account_id(), claim, phone_services().outlets, now)
        # In the account's own chain and without a patient: the same work for every claim.
        record(session, gate.actor(), "create", "binding-attempt", now)
    return {
        "binding": attempt.public_id,
        "code_sent_to": masked_phone(claim.phone[-11:]),
        "expires_at": attempt.expires_at,
    }


@binding.post("/bindings/<id:attempt>/confirm")
@for_wechat_users
@binding.input(CodeIn, arg_name="body")
@binding.output(LinkedOut, status_code=201)
def confirm(attempt: str, body: dict[str, str]) -> Person:
    """Prove the claim with the code

    Whatever is wrong, the refusal reads the same. A child under 14 also needs a guardian's
    consent; then the answer is `consent-required` and the code stays good for a new try.
    """
    now, account = clock.now(), account_id()
    with unit_of_work.begin() as session:
        link = confirm_binding(session, account, attempt, body["code"], now)
        if link is None:
            record(session, gate.actor(), "create", "patient-link", now, outcome="refused")
        else:
            holder = gate.signed_in()
            shown = holder.current_patient_id or link.patient_id
            choose_patient(session, holder, shown)
            linked = people_of(session, account, shown, now)
            record(session, gate.actor(), "create", "patient-link", now, patient_id=link.patient_id)
    # Only now: the try must be committed before it is refused.
    if link is None:
        raise BindingRefused
    return next(one for one in linked if one.patient_id == link.patient_id)
