"""Whose numbers and whose codes: FHIR's URIs and the short names that hospitals use.

Both ways lose nothing: what has no URI of its own gets one below `urn:x-careloop:`, its text
percent-encoded, and comes back as it was.
"""

import re
from typing import Final
from urllib.parse import quote, unquote

from app.domain.intake.hospital_records import Coded, Identifier

OURS: Final = "urn:x-careloop:"
URI_AS_IDENTIFIER: Final = "urn:ietf:rfc:3986"
IDENTIFIER_TYPES: Final = "http://terminology.hl7.org/CodeSystem/v2-0203"
# The citizen's number, as the national interoperability rules name its issuer (WS/T 500).
CITIZEN_NUMBER: Final = "2.16.156.10011.1.3"

_ISSUER: Final = f"{OURS}issuer:"
_SYSTEM: Final = f"{OURS}codes:"
_QUOTED: Final = f"{OURS}quoted:"
_TYPE: Final = f"{OURS}identifier-type"
_OID: Final = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]*))+")
_URI: Final = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://|urn:)\S+")
_CODE: Final = re.compile(r"\S+(?:\s\S+)*")
_TYPE_CODE: Final = re.compile(r"[A-Z0-9]{1,10}")

# HL7 table 0396 and the address that FHIR gives the same code system: the two that come both ways
# every day, and must be one whichever way they came.
_CODE_SYSTEMS: Final = {
    "LN": "http://loinc.org",
    "I10": "http://hl7.org/fhir/sid/icd-10",
}
_SHORT_NAMES: Final = {uri: name for name, uri in _CODE_SYSTEMS.items()}
LOINC: Final = _CODE_SYSTEMS["LN"]
UCUM: Final = "http://unitsofmeasure.org"


def issuer_of(system: str) -> str:
    """Return the issuer that an identifier's system names."""
    if system.startswith(_ISSUER):
        return unquote(system.removeprefix(_ISSUER))
    oid = system.removeprefix("urn:oid:")
    return oid if oid != system and _OID.fullmatch(oid) else system


def system_of(issuer: str) -> str:
    """Return the URI of an issuer; `issuer_of` gives the issuer back."""
    if _OID.fullmatch(issuer):
        return f"urn:oid:{issuer}"
    if _URI.fullmatch(issuer) and not issuer.startswith(("urn:oid:", OURS)):
        return issuer
    return _ISSUER + _quoted(issuer)


def code_system_of(uri: str) -> str:
    """Return the short name of a code system where HL7 v2 has one, else what was given."""
    return _SHORT_NAMES.get(uri, meant_system_of(uri))


def meant_system_of(uri: str) -> str:
    """Return the system of what a code was mapped to: our tables name systems by address."""
    return unquote(uri.removeprefix(_SYSTEM)) if uri.startswith(_SYSTEM) else uri


def has_short_name(system: str) -> bool:
    """Tell whether an address would come back as a short name."""
    return system in _SHORT_NAMES


def code_system_uri(system: str) -> str:
    """Return the address of a code system; `code_system_of` gives the short name back."""
    return _CODE_SYSTEMS.get(system) or meant_system_uri(system)


def meant_system_uri(system: str) -> str:
    """Return the address of a system that codes were mapped to; `meant_system_of` inverts it."""
    if _URI.fullmatch(system) and not system.startswith(OURS):
        return system
    return _SYSTEM + _quoted(system)


def coding(concept: Coded, *, is_meant: bool = False) -> dict[str, object]:
    """Return a FHIR Coding; what is no FHIR code (two blanks, a line break) is quoted.

    `is_meant` is for what a sender's code was mapped to.
    """
    address = meant_system_uri if is_meant else code_system_uri
    system, code = address(concept.system) if concept.system else "", concept.code
    if not _CODE.fullmatch(code):
        system, code = _QUOTED + _quoted(system), _quoted(code)
    found: dict[str, object] = {"system": system} if system else {}
    found["code"] = code
    if concept.display.strip():
        found["display"] = concept.display
    return found


def coded(system: str, code: str, display: str, *, is_meant: bool = False) -> Coded:
    """Return what a FHIR Coding says."""
    if system.startswith(_QUOTED):
        system, code = unquote(system.removeprefix(_QUOTED)), unquote(code)
    named = meant_system_of(system) if is_meant else code_system_of(system)
    return Coded(code, display, named)


def identifier_type(type_code: str) -> dict[str, object]:
    """Return the type of an identifier, from HL7 table 0203 where the code can be of it."""
    if _TYPE_CODE.fullmatch(type_code):
        return {"coding": [{"system": IDENTIFIER_TYPES, "code": type_code}]}
    return {"coding": [{"system": _TYPE, "code": _quoted(type_code) or "-"}]}


def type_code_of(system: str, code: str) -> str | None:
    """Return the code of HL7 table 0203 that a coding of an identifier's type gives."""
    if system == IDENTIFIER_TYPES:
        return code
    if system == _TYPE:
        return "" if code == "-" else unquote(code)
    return None


def identifier(number: Identifier) -> dict[str, object]:
    """Return a FHIR Identifier from which `issuer_of` and `type_code_of` read the same number."""
    return {
        "type": identifier_type(number.type_code),
        "system": system_of(number.issuer),
        "value": number.value,
    }


def name_of(kind: str, *parts: str) -> dict[str, object]:
    """Return an identifier that names a thing of ours by several parts, each kept apart."""
    value = ":".join([f"{OURS}{kind}", *map(_quoted, parts)])
    return {"system": URI_AS_IDENTIFIER, "value": value}


def parts_of(kind: str, system: str, value: str) -> tuple[str, ...] | None:
    """Return the parts of an identifier made by `name_of`; None for any other."""
    start = f"{OURS}{kind}:"
    if system != URI_AS_IDENTIFIER or not value.startswith(start):
        return None
    return tuple(unquote(part) for part in value.removeprefix(start).split(":"))


def fhir_id(public_id: str) -> str:
    """Return our id of a row as FHIR writes ids, which have no underscore."""
    return public_id.replace("_", ".")


def public_id(fhir_id: str) -> str:
    """Return our id of a row from its id in FHIR."""
    return fhir_id.replace(".", "_")


def _quoted(text: str) -> str:
    return quote(text, safe="")
