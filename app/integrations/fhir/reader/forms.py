"""QuestionnaireResponse: answers by link id."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from app.domain.intake.clinical_records import FormRecord, FormStatus
from app.integrations.fhir.reader.contents import Entry
from app.integrations.fhir.reader.reading import Reading
from app.integrations.fhir.reader.values import unit_of

_LEFT: Final = ("valueAttachment", "valueReference")


def read_form(entry: Entry, number: str, reading: Reading) -> FormRecord:
    """Return a form filled in elsewhere; groups are taken apart, link ids name their questions."""
    resource = entry.resource
    reading.leave(
        entry, "identifier", "questionnaire", "status", "subject", "authored", "item", "encounter"
    )
    answers: dict[str, list[object]] = {}
    for link_id, value in _answers(resource.get("item", ()), reading):
        answers.setdefault(link_id, []).append(value)
    return FormRecord(
        number=number,
        questionnaire=str(resource.get("questionnaire", "")).partition("|")[0],
        status=FormStatus(resource["status"]),
        answers={
            link_id: given[0] if len(given) == 1 else given for link_id, given in answers.items()
        },
        authored_at=reading.instant(resource.get("authored"), "authored-incomplete"),
    )


def _answers(items: Iterable[Mapping[str, Any]], reading: Reading) -> Iterator[tuple[str, object]]:
    for item in items:
        for answer in item.get("answer", ()):
            name = next((name for name in answer if name.startswith("value")), None)
            if name in _LEFT:
                reading.doubt(f"not-read:QuestionnaireResponse.{name}")
            elif name is not None:
                yield str(item["linkId"]), _plain(name, answer[name])
            yield from _answers(answer.get("item", ()), reading)
        yield from _answers(item.get("item", ()), reading)


def _plain(name: str, value: Any) -> object:
    """Return an answer as JSON keeps it: numbers with a point as text, codes with their words."""
    if name == "valueQuantity":
        return {"value": str(value.get("value", "")), "unit": unit_of(value)}
    if name == "valueCoding":
        return {key: value[key] for key in ("system", "code", "display") if key in value}
    return str(value) if isinstance(value, Decimal) else value
