"""QuestionnaireResponse: forms that others had filled in, and our own."""

import json
from decimal import Decimal
from typing import Any

from app.domain.plans.questionnaires import parse_questionnaire, read_written
from app.domain.trust.access import Relation
from app.integrations.fhir import naming
from app.integrations.fhir.writer.questionnaires import answers_of, canonical
from app.integrations.fhir.writer.writing import Resource, Writing, patient_reference, put
from app.models import Patient, QuestionnaireResponse


def write_form(row: QuestionnaireResponse, patient: Patient, writing: Writing) -> Resource:
    is_ours = row.number is None
    number = None
    form = row.questionnaire
    if row.number is not None:
        number = {"system": naming.system_of(row.issuer or ""), "value": row.number}
    return put(
        writing.resource("QuestionnaireResponse", row, row.version, is_ours=is_ours),
        identifier=number,
        questionnaire=row.canonical or _own_canonical(row),
        status=row.status.value,
        subject=patient_reference(patient),
        authored=writing.instant(row.authored_at),
        author=_author(row, patient),
        source=patient_reference(patient) if row.informant is Relation.SELF else None,
        item=_own_items(row) if is_ours and form else _items(json.loads(row.answers or "{}")),
    )


def _own_canonical(row: QuestionnaireResponse) -> str | None:
    form = row.questionnaire
    return f"{canonical(form.key)}|{form.version}" if form else None


def _own_items(row: QuestionnaireResponse) -> list[Resource]:
    """Return the answers as the version types them to which they were given."""
    form = row.questionnaire
    if form is None:
        return []
    return answers_of(parse_questionnaire(form.definition), read_written(row.answers))


def _author(row: QuestionnaireResponse, patient: Patient) -> Resource | None:
    """Return who wrote the answers down, as far as they have a name outside."""
    if row.author_practitioner_id is not None:
        return {"type": "Practitioner", "display": "护理团队"}
    is_patient = row.author_account_id is not None and row.informant is Relation.SELF
    return patient_reference(patient) if is_patient else None


def _items(answers: dict[str, Any]) -> list[Resource]:
    found = []
    for link_id, given in answers.items():
        listed = given if isinstance(given, list) else [given]
        said = [answer for one in listed if (answer := _answer(one))]
        if link_id.strip() and said:
            found.append({"linkId": link_id, "answer": said})
    return found


def _answer(value: Any) -> Resource | None:
    """Return an answer in the type its JSON shows."""
    if isinstance(value, bool):
        return {"valueBoolean": value}
    if isinstance(value, int):
        return {"valueInteger": value}
    if isinstance(value, float):
        return {"valueDecimal": Decimal(str(value))}
    if isinstance(value, dict) and "code" in value:
        return {"valueCoding": value}
    if isinstance(value, dict) and value.get("value"):
        amount = put({"value": Decimal(value["value"])}, unit=value.get("unit"))
        return {"valueQuantity": amount}
    text = str(value) if value is not None else ""
    return {"valueString": text} if text.strip() else None
