"""The inputs of scores as a patient's record has them, each with where it stands and since when."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.domain.intake.clinical_records import RequestStatus
from app.domain.intake.hospital_records import Coded, ObservationStatus
from app.domain.intake.terminology import ATC, is_icd_10
from app.domain.profile.laboratory import judged_code
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.profile.risk import asked, places
from app.domain.profile.risk.corrected_calcium import SAME_SAMPLE
from app.domain.profile.risk.frame import AGE, GENDER, Given, Inputs, Need, Unknown, plain, rounded
from app.domain.profile.risk.qtcf import SAME_TRACING
from app.domain.profile.units import UnitNotConvertible, standardise
from app.domain.profile.vital_signs import CLOCK_SKEW
from app.models.profile.behaviour import SocialHistory
from app.models.profile.clinical import MedicationRequest
from app.models.profile.encounter import Condition
from app.models.profile.observation import Observation
from app.models.profile.patient import Patient
from app.models.profile.risk_stay import STAY_NEEDS, StayInputs

# Never judged: another version counts, or none yet does.
_UNJUDGED: Final = (
    ObservationStatus.ENTERED_IN_ERROR,
    ObservationStatus.CANCELLED,
    ObservationStatus.REGISTERED,
)
# Of one code so many are looked at until one can be used.
_MOST: Final = 5
# ATC groups of medicines against high pressure (WHO ATC): C02 C03 C07 C08 C09.
_ANTIHYPERTENSIVES: Final = ("C02", "C03", "C07", "C08", "C09")
_HYPERTENSION: Final = ("I10", "I11", "I12", "I13", "I15")
_HEIGHT, _WEIGHT, _RATE = "8302-2", "29463-7", "8867-4"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    id: int
    code: str
    recorded_at: datetime


def load_inputs(
    session: Session,
    patient: Patient,
    now: datetime,
    zone: ZoneInfo,
    needs: Mapping[str, Need],
) -> Inputs:
    """Return what the record says of each need; what it does not say is left out.

    A value in a unit that no table converts is no number (rule G1): its need is unknown, with that
    reason.
    """
    return _Record(session, patient, now, zone).inputs(needs)


class _Record:
    """One patient's record, each part of it read once, when it is first asked for."""

    def __init__(self, session: Session, patient: Patient, now: datetime, zone: ZoneInfo) -> None:
        self._session, self._patient, self._now, self._zone = session, patient, now, zone

    def inputs(self, needs: Mapping[str, Need]) -> Inputs:
        found: dict[str, Given | Unknown] = self._person()
        numbers = [need for need in needs.values() if need.codes]
        self._codes_there = self._codes(code for need in numbers for code in need.codes)
        if any(key in STAY_NEEDS for key in needs):
            stay = StayInputs(self._session, self._patient.id, self._now, self._zone)
            codes = [one.code for one in self.diagnoses]
            found.update(stay.inputs(codes if self._has_diagnoses else None, self._within))
        for key, need in needs.items():
            if key in STAY_NEEDS:
                continue
            answer = self._answer(need, found)
            if answer is not None:
                found[key] = answer
        return found

    def _answer(self, need: Need, found: Mapping[str, Given | Unknown]) -> Given | Unknown | None:
        match need.key:
            case "body_mass":
                return self._number(need) or self._body_mass()
            case "rr":
                return self._beside(found.get("qt"), need, SAME_TRACING) or self._rate(found)
            case "albumin":
                return self._beside(found.get("calcium"), need, SAME_SAMPLE)
            case "is_treated":
                return self._is_treated()
            case "is_north":
                return self._is_north()
            case "is_urban":
                return self._social(need) or self._is_urban()
        if need.codes:
            return self._number(need)
        return (self._social(need) if need.social else None) or self._diagnosed(need)

    # ------------------------------------------------------------------------- the person

    def _person(self) -> dict[str, Given | Unknown]:
        found: dict[str, Given | Unknown] = {
            GENDER: Given(self._patient.gender.value, row=f"patient:{self._patient.id}")
        }
        born = self._patient.birth_date
        if born is not None:
            today = self._now.astimezone(self._zone).date()
            before = (today.month, today.day) < (born.month, born.day)
            years = today.year - born.year - int(before)
            found[AGE] = Given(Decimal(years), row=f"patient:{self._patient.id}")
        return found

    def _is_north(self) -> Given | Unknown | None:
        region = self._patient.region
        if not region:
            return None
        north = places.is_north(region)
        if north is None:
            return Unknown("住址在长江穿过的省份，无法判断南北方")
        return Given(north, row=f"patient:{self._patient.id}", note="按住址判断")

    def _is_urban(self) -> Given | None:
        urban = places.is_urban(self._patient.address or "")
        if urban is None:
            return None
        return Given(urban, row=f"patient:{self._patient.id}", note="按住址判断")

    def _social(self, need: Need) -> Given | None:
        row = self._social_rows.get(need.social)
        value = asked.MEANINGS[need.key].get(row.value) if row else None
        if row is None or value is None:
            return None
        return Given(value, row.at, f"social_history:{row.id}")

    @cached_property
    def _social_rows(self) -> dict[str, SocialHistory]:
        rows = self._session.scalars(
            select(SocialHistory).where(
                SocialHistory.patient_id == self._patient.id, SocialHistory.is_current.is_(True)
            )
        )
        return {row.code: row for row in rows}

    # -------------------------------------------------------------------- diagnoses, medicines

    @cached_property
    def diagnoses(self) -> list[Diagnosis]:
        """Active diagnoses in ICD-10; a provisional one is a suspicion."""
        rows = self._session.execute(
            select(Condition.id, Condition.code, Condition.code_system, Condition.recorded_at)
            .where(
                Condition.patient_id == self._patient.id,
                Condition.is_active.is_(True),
                Condition.is_provisional.is_(False),
            )
            .order_by(Condition.recorded_at, Condition.id)
        )
        return [
            Diagnosis(row.id, row.code.upper(), row.recorded_at)
            for row in rows
            if is_icd_10(Coded(row.code, system=row.code_system))
        ]

    @cached_property
    def _has_diagnoses(self) -> bool:
        """Whether anybody ever told us of a diagnosis: else none of them means nothing."""
        there = select(Condition.id).where(Condition.patient_id == self._patient.id).limit(1)
        return self._session.scalar(there) is not None

    def _diagnosed(self, need: Need) -> Given | Unknown | None:
        if not need.icd10:
            return None
        for one in self.diagnoses:
            if one.code.startswith(need.icd10):
                return Given(True, None, f"condition:{one.id}", f"诊断 {one.code}")
        if need.social:
            return None  # a family history that nobody asked for is not known
        if not self._has_diagnoses:
            return Unknown(f"没有任何诊断记录，无法判断有无{need.name}")
        return Given(False, note="诊断记录中没有")

    def _is_treated(self) -> Given | Unknown:
        rows = self._session.execute(
            select(MedicationRequest.id, MedicationRequest.code, MedicationRequest.code_system,
                   MedicationRequest.authored_at)
            .where(
                MedicationRequest.patient_id == self._patient.id,
                MedicationRequest.status == RequestStatus.ACTIVE,
                or_(MedicationRequest.ends_at.is_(None), MedicationRequest.ends_at > self._now),
            )
        ).all()  # fmt: skip
        coded = [row for row in rows if row.code_system in (ATC, "ATC")]
        for row in coded:
            if row.code.startswith(_ANTIHYPERTENSIVES):
                return Given(True, row.authored_at, f"medication_request:{row.id}", row.code)
        if coded and len(coded) == len(rows):
            return Given(False, note="现用处方中没有降压药")
        if any(one.code.startswith(_HYPERTENSION) for one in self.diagnoses):
            return Unknown("有高血压诊断，但没有可识别的用药记录，无法判断是否在服降压药")
        if not self._has_diagnoses:
            return Unknown("没有诊断和用药记录，无法判断是否在服降压药")
        return Given(False, note="没有高血压诊断，也没有降压药处方")

    # ------------------------------------------------------------------------------ numbers

    def _codes(self, codes: Iterable[str]) -> frozenset[str]:
        wanted = sorted({*codes, _HEIGHT, _WEIGHT, _RATE})
        return frozenset(
            self._session.scalars(
                select(Observation.code)
                .where(
                    Observation.patient_id == self._patient.id,
                    Observation.code.in_(wanted),
                    Observation.is_current.is_(True),
                )
                .distinct()
            )
        )

    def _number(self, need: Need) -> Given | Unknown | None:
        """Return the newest value of any of the codes."""
        found = [self._newest(code) for code in need.codes if code in self._codes_there]
        usable = [one for one in found if isinstance(one, Given) and one.at is not None]
        if usable:
            return max(usable, key=lambda one: one.at or self._now)
        return next((one for one in found if one is not None), None)

    def _newest(self, code: str) -> Given | Unknown | None:
        first: Unknown | None = None
        for one in self._within(code, None, self._now + CLOCK_SKEW):
            if isinstance(one, Given):
                return one
            first = first or one
        return first

    def _within(self, code: str, since: datetime | None, until: datetime) -> list[Given | Unknown]:
        """Return the values of one code in a time, newest first; implausible ones are left out."""
        rows = self._session.execute(
            select(
                Observation.id, Observation.code, Observation.value, Observation.unit,
                Observation.standard_value, Observation.effective_at, Observation.comparator,
            )
            .where(
                Observation.patient_id == self._patient.id,
                Observation.code == code,
                Observation.is_current.is_(True),
                Observation.status.not_in(_UNJUDGED),
                Observation.doubt.is_(None),
                Observation.value.is_not(None),
                Observation.comparator.is_(None),
                Observation.effective_at <= until,
                *([] if since is None else [Observation.effective_at >= since]),
            )
            .order_by(Observation.effective_at.desc(), Observation.id.desc())
            .limit(_MOST)
        )  # fmt: skip
        found: list[Given | Unknown] = []
        for row in rows:
            kind = OBSERVATION_KINDS[judged_code(row.code)]
            value = row.standard_value
            if value is None:
                try:
                    value = standardise(row.code, row.value, row.unit)[0]
                except UnitNotConvertible:
                    found.append(Unknown(f"{kind.name}的单位（{row.unit or '未写'}）不能换算"))
                    continue
            if kind.is_plausible(value):
                found.append(Given(_short(value), row.effective_at, f"observation:{row.id}"))
        return found

    def _body_mass(self) -> Given | None:
        height, weight = self._newest(_HEIGHT), self._newest(_WEIGHT)
        if not isinstance(height, Given) or not isinstance(weight, Given):
            return None
        metres = _as_number(height) / 100
        value = rounded(_as_number(weight) / (metres * metres), "0.1")
        at = min(one.at for one in (height, weight) if one.at is not None)
        told = f"由身高 {plain(_as_number(height))} cm 和体重 {plain(_as_number(weight))} kg 算得"
        return Given(value, at, weight.row, told)

    def _rate(self, found: Mapping[str, Given | Unknown]) -> Given | Unknown | None:
        near = Need("rr", "同一份心电图的心率", "/min", (_RATE,))
        rate = self._beside(found.get("qt"), near, SAME_TRACING)
        if not isinstance(rate, Given):
            return rate
        told = f"由心率 {plain(_as_number(rate))} 次/分换算"
        return Given(rounded(60_000 / _as_number(rate)), rate.at, rate.row, told)

    def _beside(
        self, other: Given | Unknown | None, need: Need, apart: timedelta
    ) -> Given | Unknown | None:
        """Return the value measured closest to another one, not further apart than `apart`."""
        if not isinstance(other, Given) or other.at is None:
            return None
        at = other.at
        near = [
            one
            for code in need.codes
            if code in self._codes_there
            for one in self._within(code, at - apart, at + apart)
            if isinstance(one, Given) and one.at is not None
        ]
        return min(near, key=lambda one: abs((one.at or at) - at), default=None)


def _as_number(given: Given) -> Decimal:
    if not isinstance(given.value, Decimal):
        raise TypeError("no number")
    return given.value


def _short(value: Decimal) -> Decimal:
    """Return 2.6 for the column's 2.600000: people read these numbers."""
    whole = value.to_integral_value()
    return whole if value == whole else value.normalize()
