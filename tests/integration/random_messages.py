"""Records of one patient as no hospital writes them all at once: every kind, every awkward text."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from app.domain.intake.clinical_records import (
    AllergyRecord,
    DiagnosticReportRecord,
    FormRecord,
    FormStatus,
    ImmunizationRecord,
    ImmunizationStatus,
    MedicationRecord,
    RelatedPersonRecord,
    ReportStatus,
    RequestStatus,
    ServiceRequestRecord,
)
from app.domain.intake.hospital_message import EventKind, HospitalMessage
from app.domain.intake.hospital_records import (
    AppointmentRecord,
    AppointmentStatus,
    Coded,
    ConditionRecord,
    ConditionStatus,
    EncounterClass,
    EncounterRecord,
    EncounterStatus,
    Gender,
    HumanName,
    Identifier,
    ObservationKey,
    ObservationRecord,
    ObservationStatus,
    PatientRecord,
    ReferenceRange,
    ResultFlag,
)

_START = datetime(2026, 1, 5, 1, 30, tzinfo=UTC)
_TEXTS = (
    "血糖", "K", "a  b", "E11.9 ", "x|y^z&1", "甲\n乙", "naïve «»", "100%", "=1+1", "𬭎䶮",
    "<b>x</b>", "x-" + "0" * 32,
)  # fmt: skip
# As tables of ours and of others name what a code means.
_DIABETES = (
    Coded("E11.900", "2型糖尿病", "http://hl7.org/fhir/sid/icd-10"),
    Coded("E11.900", "2型糖尿病", "I10"),
)
_ISSUERS = ("HIS", "1.2.156.1", "http://emr.example/ids", "市一 医院", "A^B", "urn:oid:1.2.3")


class RandomMessages:
    """Makes messages of a seed; two of one seed are alike."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._number = 0

    def message(self) -> HospitalMessage:
        """Return what one system says of one new patient, with some of everything."""
        chance = self._random
        visit = Identifier(chance.choice(_ISSUERS), "VN", self.number())
        person = (
            Identifier(chance.choice(_ISSUERS), "MR", self.number()),
            Identifier("市 医保", chance.choice(["SS", "社保"]), self.number()),
        )
        order = self.number()
        results = tuple(self.result(order, n, visit) for n in range(4))
        return HospitalMessage(
            source="any",
            event=EventKind.SNAPSHOT,
            control_id=self.number(),
            sending_application=chance.choice(["", "LIS", "a^b%"]),
            sending_facility=chance.choice(["HOSP", "市一 院"]),
            recorded_at=self.instant(),
            patient=self.person(person),
            encounter=self.visit(visit),
            conditions=tuple(self.condition(visit) for _ in range(2)),
            observations=results,
            reports=(self.report(order, results, visit), self.report(self.number(), (), None)),
            appointments=tuple(self.booking() for _ in range(2)),
            medications=tuple(self.medication(visit) for _ in range(2)),
            service_requests=(self.request(visit),),
            immunizations=(self.immunization(visit),),
            allergies=(self.allergy(),),
            related_persons=(self.relative(),),
            forms=(self.form(),),
        )

    def number(self) -> str:
        self._number += 1
        return f"{self._random.randrange(10**6)}-{self._number}"

    def instant(self) -> datetime:
        """Return a time of the past, now and then with parts of a second."""
        fraction = self._random.choice([0, 0, 123000, 123456])
        seconds = self._random.randrange(80 * 86400)
        return (_START + timedelta(seconds=seconds)).replace(microsecond=fraction)

    def maybe(self) -> datetime | None:
        return self._random.choice([None, self.instant()])

    def text(self) -> str:
        return self._random.choice(("", *_TEXTS))

    def coded(self) -> Coded:
        chance = self._random
        system = chance.choice(["", "L", "LN", "I10", "99 本院", "http://codes.example"])
        return Coded(chance.choice(_TEXTS), self.text().strip(), system)

    def amount(self) -> Decimal:
        return Decimal(self._random.choice(["0", "4.10", "0.000001", "-2", "999999999999", "120"]))

    def person(self, numbers: tuple[Identifier, ...]) -> PatientRecord:
        chance = self._random
        return PatientRecord(
            identifiers=numbers,
            names=(HumanName(chance.choice(["张 三", "欧阳𬭎", "O'Neil"]), "L"),),
            birth_date=date(1940, 6, 1) + timedelta(days=chance.randrange(30000)),
            gender=chance.choice(list(Gender)),
            phone=chance.choice([None, "12000000000", "+86 010-1"]),
            address=chance.choice([None, "某市某路 1 号\n2 单元"]),
            deceased_at=chance.choice([None, None, self.instant()]),
        )

    def visit(self, number: Identifier) -> EncounterRecord:
        chance = self._random
        return EncounterRecord(
            visit=number,
            status=chance.choice(list(EncounterStatus)),
            encounter_class=chance.choice(list(EncounterClass)),
            department=chance.choice([None, Coded("心内 一区", "心内科"), Coded("NFM")]),
            location=chance.choice([None, "3 病区-12 床"]),
            attending=chance.choice([None, Coded("D1", "李医生"), Coded("", "王医生")]),
            started_at=self.maybe(),
            ended_at=self.maybe(),
        )

    def condition(self, visit: Identifier) -> ConditionRecord:
        chance = self._random
        return ConditionRecord(
            code=self.coded(),
            status=chance.choice([ConditionStatus.ACTIVE, ConditionStatus.RESOLVED]),
            is_provisional=chance.choice([True, False]),
            recorded_at=self.instant(),
            visit=chance.choice([visit, None]),
            standard_code=chance.choice([None, *_DIABETES]),
        )

    def result(self, order: str, n: int, visit: Identifier) -> ObservationRecord:
        chance = self._random
        coded = self.coded()
        value = chance.choice([self.amount(), "阳性(+)", "1:320", None])
        text = str(value) if value is not None else ""
        is_number = isinstance(value, Decimal)
        return ObservationRecord(
            key=ObservationKey(order, coded.code, chance.choice(["", "1", f"甲^{n}"]) + str(n)),
            codings=(coded,),
            panel=None,
            value=value,
            value_text=text,
            comparator=chance.choice(["", "<", ">="]) if is_number else "",
            unit=chance.choice(["", "mmol/L", "10*9/L", "×10⁹ / L"]) if is_number else "",
            reference_range=chance.choice(
                [None, ReferenceRange("3.5--5.3"), ReferenceRange("阴性")]
            ),
            interpretation=chance.choice([None, *ResultFlag]),
            flag_text="",
            status=chance.choice(list(ObservationStatus)),
            effective_at=self.maybe(),
            issued_at=self.maybe(),
            specimen=chance.choice(["", "血清"]),
            note=chance.choice(["", "标本\n溶血"]),
            visit=visit,
        )

    def report(
        self, number: str, results: tuple[ObservationRecord, ...], visit: Identifier | None
    ) -> DiagnosticReportRecord:
        return DiagnosticReportRecord(
            number=number,
            code=self.coded(),
            status=self._random.choice(list(ReportStatus)),
            category=self._random.choice(["", "LAB"]),
            conclusion=self.text().strip(),
            effective_at=self.maybe(),
            issued_at=self.maybe(),
            visit=visit,
            results=tuple(result.key for result in results),
        )

    def booking(self) -> AppointmentRecord:
        chance = self._random
        issuer = chance.choice(_ISSUERS)
        filler = Identifier(issuer, "FILL", self.number())
        placer = Identifier(issuer, "PLAC", self.number())
        chosen = chance.choice([(placer, None), (None, filler), (placer, filler)])
        return AppointmentRecord(
            placer=chosen[0],
            filler=chosen[1],
            status=chance.choice(list(AppointmentStatus)),
            start_at=self.maybe(),
            end_at=self.maybe(),
            department=chance.choice([None, Coded("NFM", "内分泌科")]),
            practitioner=chance.choice([None, Coded("D1", "李医生")]),
        )

    def medication(self, visit: Identifier) -> MedicationRecord:
        chance = self._random
        return MedicationRecord(
            number=self.number(),
            code=self.coded(),
            status=chance.choice(list(RequestStatus)),
            dosage_text=self.text().strip(),
            dose=chance.choice([None, self.amount()]),
            dose_unit=chance.choice(["", "mg"]),
            route=chance.choice([None, Coded("PO", "口服"), Coded("口 服")]),
            frequency=chance.choice(["", "BID", "每日三次"]),
            quantity=chance.choice([None, Decimal("28")]),
            quantity_unit=chance.choice(["", "片"]),
            authored_at=self.maybe(),
            starts_at=self.maybe(),
            ends_at=self.maybe(),
            dispensed_at=self.maybe(),
            visit=visit,
            standard_code=chance.choice([None, Coded("A10BA02", "", "http://www.whocc.no/atc")]),
        )

    def request(self, visit: Identifier) -> ServiceRequestRecord:
        chance = self._random
        return ServiceRequestRecord(
            number=self.number(),
            code=self.coded(),
            status=chance.choice(list(RequestStatus)),
            category=chance.choice(["", "RAD"]),
            priority=chance.choice(["", "urgent", "stat"]),
            authored_at=self.maybe(),
            occurs_at=self.maybe(),
            requester=chance.choice([None, Coded("D1", "李医生")]),
            note=self.text().strip(),
            visit=visit,
        )

    def immunization(self, visit: Identifier) -> ImmunizationRecord:
        chance = self._random
        return ImmunizationRecord(
            number=self.number(),
            vaccine=self.coded(),
            status=chance.choice(list(ImmunizationStatus)),
            occurred_on=chance.choice([None, date(2026, 2, 28)]),
            dose_number=chance.choice([None, 2]),
            lot_number=chance.choice(["", "批 7"]),
            visit=visit,
        )

    def allergy(self) -> AllergyRecord:
        chance = self._random
        return AllergyRecord(
            number=self.number(),
            code=self.coded(),
            is_active=chance.choice([True, False]),
            criticality=chance.choice(["", "low", "high"]),
            reaction=self.text().strip(),
            recorded_at=self.maybe(),
        )

    def relative(self) -> RelatedPersonRecord:
        chance = self._random
        number = Identifier(chance.choice(_ISSUERS), chance.choice(["MR", "NI"]), self.number())
        return RelatedPersonRecord(
            relationship=chance.choice(["MTH", "SPO", "其他"]),
            name=chance.choice(["", "王 五"]),
            phone=chance.choice(["", "12000000001"]),
            identifiers=chance.choice([(), (number,)]),
        )

    def form(self) -> FormRecord:
        chance = self._random
        answers: dict[str, object] = {
            "q1": chance.choice([True, 3, "甲", ["a", "b"]]),
            "q2": chance.choice([{"code": "c", "display": "是"}, {"value": "4.10", "unit": "kg"}]),
        }
        return FormRecord(
            number=self.number(),
            questionnaire=chance.choice(["", "http://forms.example/phq-9"]),
            status=chance.choice(list(FormStatus)),
            answers=answers,
            authored_at=self.maybe(),
        )
