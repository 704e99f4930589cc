"""What the scores of readmission ask: the last stay, and what came before it."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.domain.intake.clinical_records import RequestStatus
from app.domain.intake.hospital_records import EncounterClass, EncounterStatus
from app.domain.profile.risk.charlson import groups_of
from app.domain.profile.risk.frame import Given, Unknown
from app.domain.profile.risk.lace import HORIZON
from app.models.profile.clinical import ServiceRequest
from app.models.profile.encounter import Encounter

STAY_NEEDS: Final = frozenset(
    {
        "stay_days", "is_acute", "charlson", "emergency_visits", "haemoglobin", "sodium",
        "is_oncology", "had_procedure", "admissions",
    }
)  # fmt: skip

Values = Callable[[str, datetime | None, datetime], list[Given | Unknown]]

_HAEMOGLOBIN, _SODIUM = "718-7", "2951-2"
# A visit to the emergency department that ended so long before admission led to it.
_LEADS_TO: Final = timedelta(hours=24)
_HALF_YEAR, _YEAR = timedelta(days=183), timedelta(days=365)
# Whether the hospital tells of emergency visits at all is seen in its newest visits.
_SAMPLE: Final = 2_000
# Chinese hospitals code operations in ICD-9-CM-3.
_OPERATIONS: Final = "%icd-9%"


class StayInputs:
    """The last stay of one patient."""

    def __init__(self, session: Session, patient_id: int, now: datetime, zone: ZoneInfo) -> None:
        self._session, self._patient_id, self._now, self._zone = session, patient_id, now, zone

    def inputs(self, codes: Sequence[str] | None, values: Values) -> dict[str, Given | Unknown]:
        """Return the inputs of LACE and HOSPITAL; `codes` are active diagnoses, None: never any.

        Without a finished stay there is nothing to ask.
        """
        stay = self._last_stay()
        if stay is None or stay.started_at is None:
            return {}
        if stay.status is EncounterStatus.IN_PROGRESS or stay.ended_at is None:
            return {"stay_days": Unknown("仍在住院，出院后计算")}
        if self._now - stay.ended_at > HORIZON:
            return {"stay_days": Unknown(f"最近一次出院已超过 {HORIZON.days} 天，预测期已过")}
        started, ended = stay.started_at, stay.ended_at
        row = f"encounter:{stay.id}"
        nights = (self._day(ended) - self._day(started)).days
        emergencies = self._emergencies(started - _HALF_YEAR, started)
        return {
            "stay_days": Given(Decimal(nights), ended, row),
            "is_acute": self._is_acute(emergencies, started),
            "emergency_visits": self._emergency_visits(emergencies, started),
            "admissions": Given(Decimal(self._admissions(started)), ended, row),
            "charlson": _charlson(codes),
            "is_oncology": _is_oncology(stay, row),
            "had_procedure": self._had_procedure(stay),
            **_at_discharge("haemoglobin", "出院时血红蛋白", values(_HAEMOGLOBIN, started, ended)),
            **_at_discharge("sodium", "出院时血钠", values(_SODIUM, started, ended)),
        }

    def _day(self, at: datetime) -> datetime:
        local = at.astimezone(self._zone)
        return local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)

    def _last_stay(self) -> Encounter | None:
        return self._session.scalar(
            select(Encounter)
            .where(
                Encounter.patient_id == self._patient_id,
                Encounter.encounter_class == EncounterClass.INPATIENT,
                Encounter.status.in_((EncounterStatus.IN_PROGRESS, EncounterStatus.FINISHED)),
                Encounter.started_at <= self._now,
            )
            .order_by(Encounter.started_at.desc(), Encounter.id.desc())
            .limit(1)
        )

    def _emergencies(self, since: datetime, until: datetime) -> list[Encounter]:
        return list(
            self._session.scalars(
                select(Encounter).where(
                    Encounter.patient_id == self._patient_id,
                    Encounter.encounter_class == EncounterClass.EMERGENCY,
                    Encounter.status != EncounterStatus.CANCELLED,
                    Encounter.started_at >= since,
                    Encounter.started_at <= until,
                )
            )
        )

    def _is_acute(self, emergencies: Sequence[Encounter], started: datetime) -> Given | Unknown:
        for visit in emergencies:
            if _leads_to(visit, started):
                return Given(
                    True, visit.started_at, f"encounter:{visit.id}", "入院前 24 小时内急诊"
                )
        if not emergencies and not self._tells_of_emergencies():
            return Unknown("医院系统没有传来急诊就诊记录，无法判断是否急诊入院")
        return Given(False, note="入院前 24 小时内没有急诊记录")

    def _emergency_visits(
        self, emergencies: Sequence[Encounter], started: datetime
    ) -> Given | Unknown:
        # The visit that led to this admission is the "A" of LACE and not counted again.
        before = [visit for visit in emergencies if not _leads_to(visit, started)]
        if not emergencies and not self._tells_of_emergencies():
            return Unknown("医院系统没有传来急诊就诊记录，无法计数急诊次数")
        return Given(Decimal(len(before)), note="本院记录，不含引起这次住院的一次")

    def _tells_of_emergencies(self) -> bool:
        newest = (
            select(Encounter.encounter_class)
            .order_by(Encounter.id.desc())
            .limit(_SAMPLE)
            .subquery()
        )
        there = select(newest.c.encounter_class).where(
            newest.c.encounter_class == EncounterClass.EMERGENCY
        )
        return self._session.scalar(there.limit(1)) is not None

    def _admissions(self, started: datetime) -> int:
        return (
            self._session.scalar(
                select(func.count(Encounter.id)).where(
                    Encounter.patient_id == self._patient_id,
                    Encounter.encounter_class == EncounterClass.INPATIENT,
                    Encounter.status != EncounterStatus.CANCELLED,
                    Encounter.started_at >= started - _YEAR,
                    Encounter.started_at < started,
                )
            )
            or 0
        )

    def _had_procedure(self, stay: Encounter) -> Given | Unknown:
        found = self._session.scalar(
            select(ServiceRequest.id)
            .where(
                ServiceRequest.encounter_id == stay.id,
                ServiceRequest.status.in_((RequestStatus.ACTIVE, RequestStatus.COMPLETED)),
                or_(
                    func.lower(ServiceRequest.code_system).like(_OPERATIONS),
                    ServiceRequest.category.in_(("procedure", "PRC")),
                ),
            )
            .limit(1)
        )
        if found is None:
            # Silence of the feed is no proof that nothing was done.
            return Unknown("没有收到这次住院的手术或操作记录")
        return Given(True, stay.ended_at, f"service_request:{found}")


def _leads_to(visit: Encounter, started: datetime) -> bool:
    last = visit.ended_at or visit.started_at
    return last is not None and started - last <= _LEADS_TO


def _charlson(codes: Sequence[str] | None) -> Given | Unknown:
    if codes is None:
        return Unknown("没有任何诊断记录，无法计算 Charlson 合并症")
    groups = groups_of(codes)
    told = "、".join(f"{group.name} {group.weight}" for group in groups) or "没有计分的诊断"
    return Given(Decimal(sum(group.weight for group in groups)), note=told)


def _is_oncology(stay: Encounter, row: str) -> Given | Unknown:
    if not stay.department_name and not stay.department_code:
        return Unknown("不知道从哪个科室出院")
    name = stay.department_name or ""
    return Given("肿瘤" in name or "放疗" in name or "化疗" in name, stay.ended_at, row, name)


def _at_discharge(
    key: str, name: str, found: Sequence[Given | Unknown]
) -> dict[str, Given | Unknown]:
    """Return the last usable value of the stay."""
    usable = next((one for one in found if isinstance(one, Given)), None)
    if usable is not None:
        return {key: usable}
    return {key: next(iter(found), Unknown(f"这次住院没有{name}"))}
