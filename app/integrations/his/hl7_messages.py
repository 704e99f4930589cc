"""A document as an HL7 v2 message: ORM^O01 or OMG^O19, SRM^S01/S04, MDM^T02.

ORC-2, SCH-1 and TXA-12 carry our number, and MSH-10 too: a repeat is the same message to whoever
compares control ids.
"""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from app.domain.exchange.documents import (
    AdmissionCertificate,
    AppointmentCancellation,
    AppointmentRequest,
    ExamRequest,
    OutgoingDocument,
    PrevisitRecord,
    Priority,
)
from app.domain.exchange.medicine_documents import (
    MedicineCancellation,
    MedicineDelivery,
    MedicinePickup,
    RefillRequest,
)
from app.domain.exchange.previsit import PATIENT_STATED
from app.domain.intake.hospital_records import Coded, Identifier
from app.integrations.his.hl7_text import (
    coded,
    day,
    entity,
    escaped,
    extended_id,
    instant,
    person,
    segment,
    sex,
)

# HL7 table 0027 / TQ1-9.
_PRIORITY: Final = {
    Priority.ROUTINE: "R", Priority.URGENT: "A", Priority.ASAP: "A", Priority.STAT: "S",
}  # fmt: skip
# What MSH-18 says (HL7 table 0211).
_CHARSETS: Final = {"utf-8": "UNICODE UTF-8", "gb18030": "GB 18030-2000", "gbk": "GBK"}
OURS: Final = "CARELOOP"
ADMISSION: Final = Coded("ADMISSION", "住院证")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one hospital system expects of messages; `admission` is its order code for one."""

    receiving_application: str
    receiving_facility: str
    charset: str = "utf-8"
    version: str = "2.4"
    order: str = "ORM^O01"  # or OMG^O19
    admission: Coded = ADMISSION
    zone: tzinfo | None = None


def message_of(document: OutgoingDocument, dialect: Dialect, now: datetime) -> bytes:
    """Return the message for a document.

    :raises UnicodeEncodeError: the system's charset has no such character
    """
    zone = dialect.zone or now.tzinfo
    assert zone is not None
    kind, body = _body(document, dialect, zone)
    segments = [_header(document, dialect, kind, instant(now, zone)), *body]
    return "".join(f"{one}\r" for one in segments).encode(dialect.charset)


def _header(document: OutgoingDocument, dialect: Dialect, kind: str, sent_at: str) -> str:
    # MSH-1 is the separator itself: what `segment` calls field 1 is MSH-2.
    return segment(
        "MSH",
        {
            1: "^~\\&",
            2: OURS,
            3: OURS,
            4: escaped(dialect.receiving_application),
            5: escaped(dialect.receiving_facility),
            6: sent_at,
            8: kind,
            9: document.number,
            10: "P",
            11: dialect.version,
            17: _CHARSETS.get(dialect.charset, dialect.charset.upper()),
        },
    )


def _body(document: OutgoingDocument, dialect: Dialect, zone: tzinfo) -> tuple[str, list[str]]:
    content = document.content
    match content:
        case ExamRequest():
            about = [_patient(document), _visit(content.visit)]
            order = _order(document, content.priority, content.occurs_at, zone)
            return dialect.order, [*about, order[0], _detail(document, content.code, *order[1:])]
        case AdmissionCertificate():
            return dialect.order, _admission(document, content, dialect.admission, zone)
        case AppointmentRequest():
            return "SRM^S01", _booking(document, content, zone)
        case AppointmentCancellation():
            return "SRM^S04", _giving_back(document, content)
        case PrevisitRecord():
            return "MDM^T02", _previsit(document, content, zone)
        case RefillRequest() | MedicineDelivery() | MedicinePickup() | MedicineCancellation():
            # Settings refuse such a target: a pharmacy order of v2 would be filled as a new one.
            raise ValueError(f"no HL7 v2 message for {document.kind}")


def _patient(document: OutgoingDocument) -> str:
    who = document.subject
    return segment(
        "PID",
        {
            1: "1",
            3: "~".join(extended_id(number) for number in who.identifiers),
            5: escaped(who.name),
            7: day(who.birth_date),
            8: sex(who.gender),
            13: escaped(who.phone),
        },
    )


def _visit(
    visit: Identifier | None,
    *,
    patient_class: str = "O",
    department: Coded | None = None,
    booking: Identifier | None = None,
) -> str:
    """Return PV1; `booking` goes where a number given before the visit stands (PV1-5)."""
    return segment(
        "PV1",
        {
            1: "1",
            2: patient_class,
            3: escaped(department.code) if department else "",
            5: extended_id(booking) if booking else "",
            19: extended_id(visit) if visit else "",
        },
    )


def _order(
    document: OutgoingDocument, priority: Priority, occurs_at: datetime | None, zone: tzinfo
) -> tuple[str, str, str, str]:
    """Return ORC, and what OBR repeats of it: timing, when it was written, and the reason."""
    timing = f"1^^^{instant(occurs_at, zone)}^^{_PRIORITY[priority]}"
    authored = instant(document.authored_at, zone)
    control = {
        1: "NW", 2: entity(document.number, OURS), 7: timing, 9: authored,
        12: person(document.approver),
    }  # fmt: skip
    reason = getattr(document.content, "reason", "")
    return segment("ORC", control), timing, authored, reason


def _detail(
    document: OutgoingDocument, code: Coded, timing: str, authored: str, reason: str
) -> str:
    return segment(
        "OBR",
        {
            1: "1",
            2: entity(document.number, OURS),
            4: coded(code),
            6: authored,
            16: person(document.approver),
            27: timing,
            31: f"^{escaped(reason)}" if reason else "",
        },
    )


def _admission(
    document: OutgoingDocument, wanted: AdmissionCertificate, code: Coded, zone: tzinfo
) -> list[str]:
    """Return an order of the hospital's code for an admission: ward in PV1-3, day in PV2-8."""
    control, *rest = _order(document, wanted.priority, None, zone)
    return [
        _patient(document),
        _visit(wanted.visit, patient_class="P", department=wanted.department),
        segment("PV2", {3: f"^{escaped(wanted.reason)}", 8: day(wanted.admit_on)}),
        control,
        _detail(document, code, *rest),
        segment("DG1", {1: "1", 3: coded(wanted.diagnosis), 6: "A"}),
    ]


def _booking(document: OutgoingDocument, wish: AppointmentRequest, zone: tzinfo) -> list[str]:
    request = {
        1: entity(document.number, OURS),
        7: f"^{escaped(wish.reason)}" if wish.reason else "",
        11: f"{instant(wish.starts_at, zone)}^{instant(wish.ends_at, zone)}",
        15: OURS,
    }
    resources = [segment("AIL", {1: "1", 2: "A", 3: escaped(wish.department.code)})]
    if wish.practitioner is not None:
        resources.append(segment("AIP", {1: "1", 2: "A", 3: person(wish.practitioner)}))
    group = segment("RGS", {1: "1", 2: "A"})
    return [segment("ARQ", request), _patient(document), group, *resources]


def _giving_back(document: OutgoingDocument, given: AppointmentCancellation) -> list[str]:
    filler = given.filler
    request = {
        1: entity(given.placer, OURS) if given.placer else "",
        2: entity(filler.value, filler.issuer) if filler else "",
        6: "CANCELLED",
        7: f"^{escaped(given.reason)}" if given.reason else "",
        15: OURS,
    }
    return [segment("ARQ", request), _patient(document), segment("RGS", {1: "1", 2: "D"})]


def _previsit(document: OutgoingDocument, told: PrevisitRecord, zone: tzinfo) -> list[str]:
    """Return one OBX a section, every text marked as the patient's own words."""
    at = instant(told.authored_at, zone)
    title = f"门诊预问诊（{PATIENT_STATED}）"
    notice = {
        1: "1", 2: f"CN^{title}", 3: "TX", 4: at, 12: entity(document.number, OURS),
        17: "DO", 19: "AV",
    }  # fmt: skip
    sections = [
        segment(
            "OBX",
            {
                1: str(number),
                2: "TX",
                3: coded(Coded(one.section.loinc, one.section.heading, "LN")),
                5: escaped(one.marked),
                # Told by the patient, confirmed by nobody: preliminary.
                11: "P",
                14: at,
            },
        )
        for number, one in enumerate(told.sections, start=1)
    ]
    visit = _visit(told.visit, department=told.department, booking=told.appointment)
    event = segment("EVN", {1: "T02", 2: at})
    return [event, _patient(document), visit, segment("TXA", notice), *sections]
