"""The values an Observation may have, as numbers where they are numbers, else as words."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from app.domain.intake.hospital_records import Coded
from app.integrations.fhir import naming
from app.integrations.fhir.reader.reading import Reading, codings, words

# The unit of a result in words, which R4 has no element for; written by us alone.
UNIT: Final = f"{naming.OURS}unit"


@dataclass(frozen=True, slots=True)
class Value:
    """A value with its words; `absent` says why there is none."""

    value: Decimal | Coded | str | None = None
    text: str = ""
    comparator: str = ""
    unit: str = ""
    absent: str = ""


def read_value(part: Mapping[str, Any], reading: Reading) -> Value:
    """Return the value of an Observation or component."""
    name = next((name for name in part if name.startswith("value")), "")
    value = part.get(name)
    match name:
        case "":
            return Value(unit=_unit_of_words(part), absent=words(part.get("dataAbsentReason")))
        case "valueQuantity":
            return _quantity(part[name], reading)
        case "valueInteger":
            return Value(Decimal(part[name]), str(value))
        case "valueCodeableConcept":
            found = codings(part[name])
            return Value(found[0] if found else None, words(part[name]))
        case "valueString" | "valueTime" | "valueDateTime":
            return Value(str(value), str(value), unit=_unit_of_words(part))
        case "valueBoolean":
            return Value("true" if value else "false", "true" if value else "false")
        case "valueRange" | "valueRatio" | "valuePeriod":
            text = _pair(part[name])
            return Value(text or None, text)
    reading.doubt(f"not-read:Observation.{name}")
    return Value()


def _quantity(quantity: Mapping[str, Any], reading: Reading) -> Value:
    number = reading.decimal(quantity.get("value"), "value")
    unit = unit_of(quantity)
    if number is None:
        text = f"{quantity.get('value', '')} {unit}".strip()
        return Value(text or None, text)
    return Value(number, str(quantity["value"]), str(quantity.get("comparator", "")), unit)


def unit_of(quantity: Mapping[str, Any] | None) -> str:
    """Return the UCUM code of a quantity's unit, else the unit as it is printed."""
    quantity = quantity or {}
    if quantity.get("system") == naming.UCUM and quantity.get("code"):
        return str(quantity["code"])
    return str(quantity.get("unit", "") or quantity.get("code", ""))


def _unit_of_words(part: Mapping[str, Any]) -> str:
    found = (one for one in part.get("extension", ()) if one.get("url") == UNIT)
    return next((str(one["valueString"]) for one in found if "valueString" in one), "")


def _pair(value: Mapping[str, Any]) -> str:
    """Return a range, titre or period as one writes it: 1-3 mg, 1:320."""
    if "numerator" in value or "denominator" in value:
        return ":".join(_words_of(value.get(name, {})) for name in ("numerator", "denominator"))
    if "start" in value or "end" in value:
        return "/".join(str(value.get(name, "")) for name in ("start", "end"))
    return "-".join(_words_of(value.get(name, {})) for name in ("low", "high"))


def _words_of(quantity: Mapping[str, Any]) -> str:
    text = f"{quantity.get('comparator', '')}{quantity.get('value', '')}"
    return f"{text} {unit_of(quantity)}".strip()
