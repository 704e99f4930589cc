"""Giving out records, each time with an entry in the audit trail."""

import re
from typing import Final

from flask import Response
from sqlalchemy.orm import Session

from app import clock
from app.database import unit_of_work
from app.domain.errors import NotFound
from app.fhir_api.answers import answer
from app.fhir_api.desk import desk
from app.integrations.fhir import naming
from app.integrations.fhir.writer import bundle, resources, write_questionnaire
from app.models.trust.audit import record
from app.services.exchange.fetching import fetch_form, fetch_person, fetch_thing
from app.web import gate

_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,32}")


def give_everything(resource_id: str) -> Response:
    """Return a person's whole record."""
    with unit_of_work.begin() as session:
        found = fetch_person(session, _public_id(resource_id))
        whole = bundle(found, desk().base, clock.HOSPITAL, clock.now())
        _audit(session, "everything", found.patient.id)
    whole |= {"type": "searchset", "total": len(whole["entry"])}
    return answer(whole)


def give(kind: str, resource_id: str) -> Response:
    """Return one resource."""
    with unit_of_work.begin() as session:
        found = fetch_thing(session, kind, _public_id(resource_id))
        written = resources(found, clock.HOSPITAL)
        resource = next(
            (one for one in written if (one["resourceType"], one["id"]) == (kind, resource_id)),
            None,
        )
        if resource is None:
            raise NotFound
        _audit(session, kind, found.patient.id)
    return answer(resource, ETag=f'W/"{resource["meta"]["versionId"]}"')


def give_form(resource_id: str) -> Response:
    """Return one version of a form; it names no patient."""
    with unit_of_work.begin() as session:
        written = write_questionnaire(fetch_form(session, _public_id(resource_id)))
        _audit(session, "Questionnaire", None)
    return answer(written, ETag=f'W/"{written["meta"]["versionId"]}"')


def _audit(session: Session, entity: str, patient_id: int | None) -> None:
    record(session, gate.system_actor(), "read", entity, clock.now(), patient_id=patient_id)


def _public_id(resource_id: str) -> str:
    """Return our id.

    :raises NotFound: nothing of ours is called like that
    """
    if not _ID.fullmatch(resource_id):
        raise NotFound
    return naming.public_id(resource_id)
