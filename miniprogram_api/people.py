"""Whom the signed-in user may open, and whom the phone shows now."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app import clock
from app.database import unit_of_work
from app.domain.trust.access import Actor
from app.models.trust.audit import CHAINS, record
from app.services.trust.binding import end_link
from app.services.trust.patient_consents import Person, people_of
from app.services.trust.sessions import choose_patient
from app.web import gate
from miniprogram_api.doors import account_id, blueprint, for_wechat_users, open_record
from miniprogram_api.schemas import CurrentPersonIn, PeopleOut

people = blueprint("people")


@people.get("/me")
@for_wechat_users
@people.output(PeopleOut)
def me() -> dict[str, Any]:
    """List the people whose record I may open

    Names are masked. `guardian_consent_due` asks a parent for consent as guardian before more is
    kept of a child under 14.
    """
    shown = gate.signed_in().current_patient_id
    return {"people": list_people(gate.actor(), account_id(), shown, clock.now())}


@people.put("/me/current-person")
@for_wechat_users
@people.input(CurrentPersonIn, arg_name="body")
@people.output(PeopleOut)
def switch_person(body: dict[str, str]) -> dict[str, Any]:
    """Choose whom the phone shows"""
    with open_record(body["patient"], "choose", "patient") as opened:
        choose_patient(opened.session, gate.signed_in(), opened.patient_id)
    return {"people": list_people(gate.actor(), opened.account_id, opened.patient_id, opened.now)}


@people.delete("/people/<id:patient>")
@for_wechat_users
@people.output({}, status_code=204)
def leave(patient: str) -> str:
    """End my access to a person's record, at once, and withdraw the consents I gave"""
    with open_record(patient, "delete", "patient-link") as opened:
        end_link(opened.session, opened.account_id, opened.patient_id, opened.now)
    return ""


def list_people(
    actor: Actor, account: int, current_patient_id: int | None, now: datetime
) -> Sequence[Person]:
    """Return whom an account may open, and write into each one's trail that they were named."""
    with unit_of_work.begin() as session:
        found = people_of(session, account, current_patient_id, now)
        # Always in the order of the chains, so that two families never wait for each other.
        for person in sorted(found, key=lambda one: one.patient_id % CHAINS):
            record(session, actor, "read", "patient-name", now, patient_id=person.patient_id)
    return found
