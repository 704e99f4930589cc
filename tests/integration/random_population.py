"""Random hospitals, for properties that must hold of any of them.

Whatever is random is drawn from the `random` handed in, so that a seed (or Hypothesis) makes the
same again. Times and numbers fall on the very edges of what criteria ask as often as beside them.
Nobody in it is real.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.database import new_public_id
from app.domain.criteria.population import (
    InteractionKind,
)
from app.domain.intake.clinical_records import FormStatus, RequestStatus
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.profile.vital_signs import CLOCK_SKEW, MeasurementContext
from app.domain.trust.access import Relation
from app.models import (
    CarePlan,
    CarePlanStatus,
    CareTeam,
    Condition,
    Encounter,
    EncounterClass,
    EncounterStatus,
    Gender,
    Observation,
    ObservationStatus,
    Origin,
    Patient,
    PatientLink,
    PlanDefinition,
    PublicationStatus,
    Questionnaire,
    QuestionnaireResponse,
    Tag,
    TagAssignment,
    Task,
    TaskOwner,
    WeChatAccount,
)
from app.models.profile.behaviour import Interaction, Preference
from app.models.profile.clinical import MedicationRequest
from app.models.profile.risk import RiskAssessment
from app.models.profile.tag import TagSource
from tests.integration.random_criteria import (
    KNOWN,
    LEAVES,
    SPANS,
    Known,
    random_leaf,
    random_tree,
)

__all__ = ["KNOWN", "LEAVES", "SPANS", "Known", "populate", "random_leaf", "random_tree"]

INSTANT = timedelta(microseconds=1)


def populate(
    session: Session, random: Random, now: datetime, size: int, known: Known = KNOWN
) -> list[int]:
    """Fill the database with `size` patients and what is known of them; return their ids.

    May be called again: others join those who are there. Dead and merged ones are among them.
    """
    library = _library(session, known, now)
    first = (session.scalar(select(func.max(Patient.id))) or 0) + 1
    ids = list(range(first, first + size))
    _insert(session, Patient, [_patient(random, known, now, one) for one in ids])
    heads = [one for one in ids if random.random() < 0.9]
    for one in ids:
        if heads and one not in heads:
            session.get_one(Patient, one).merged_into_id = random.choice(heads)
    session.flush()
    writer = _Writer(random, known, now, library)
    for one in ids:
        writer.write(session, one)
    writer.keep(session)
    return ids


@dataclass(frozen=True, slots=True)
class _Library:
    tags: dict[str, int]
    plans: dict[str, int]
    questionnaires: dict[str, list[int]]
    care_team_id: int


def _library(session: Session, known: Known, now: datetime) -> _Library:
    """Return the ids of what the hospital works with, made once."""
    team = session.scalar(select(CareTeam).filter_by(name="随机团队"))
    if team is None:
        team = CareTeam(name="随机团队", created_at=now)
        session.add(team)
        for key, parent in known.tags:
            session.add(Tag(key=key, name=f"标签{key}", tag_class="management", parent_key=parent))
        published = {"version": 1, "status": PublicationStatus.ACTIVE, "definition": {}}
        for key in known.plans:
            session.add(
                PlanDefinition(key=key, title=f"计划{key}", anchor="discharge", **published)
            )
        for key in known.questionnaires:
            session.add(Questionnaire(key=key, title=f"问卷{key}", **published))
            session.add(Questionnaire(key=key, title=f"问卷{key}", **{**published, "version": 2}))
        session.flush()
    forms: dict[str, list[int]] = {}
    for form in session.scalars(select(Questionnaire).order_by(Questionnaire.id)):
        forms.setdefault(form.key, []).append(form.id)
    return _Library(
        tags={tag.key: tag.id for tag in session.scalars(select(Tag))},
        plans={plan.key: plan.id for plan in session.scalars(select(PlanDefinition))},
        questionnaires=forms,
        care_team_id=team.id,
    )


def _patient(random: Random, known: Known, now: datetime, id_: int) -> dict[str, Any]:
    return {
        "id": id_,
        "public_id": new_public_id(),
        "gender": random.choice(list(Gender)),
        "birth_date": _birth_date(random, now.astimezone(HOSPITAL).date()),
        "deceased_at": now - timedelta(days=3) if random.random() < 0.08 else None,
        "department_code": random.choice((None, *known.departments)),
        "region": random.choice((None, *known.regions)),
        "phone_index": hashlib.sha256(b"%d" % id_).digest() if random.random() < 0.6 else None,
        "source": "random",
        "created_at": now,
        "updated_at": now,
    }


def _birth_date(random: Random, today: date) -> date | None:
    """Return a day near a birthday that matters, a 29 February, or none."""
    if random.random() < 0.1:
        return None
    if random.random() < 0.15:
        return date(random.choice((1940, 1960, 1988, 2020)), 2, 29)
    year = today.year - random.choice((0, 1, 17, 18, 40, 64, 65, 66, 80))
    day = date(year, today.month, min(today.day, 28))
    return day + timedelta(days=random.choice((-300, -1, 0, 1, 2, 100)))


class _Writer:
    """Draws what is known of each patient and keeps it, a table at a time."""

    def __init__(self, random: Random, known: Known, now: datetime, library: _Library) -> None:
        self._random = random
        self._known = known
        self._now = now
        self._library = library
        self._rows: dict[type, list[dict[str, Any]]] = {}
        self._number = 0
        self._accounts: list[int] = []

    def write(self, session: Session, patient_id: int) -> None:
        self._tags(patient_id)
        self._conditions(patient_id)
        self._medications(patient_id)
        self._visits(patient_id)
        self._observations(patient_id)
        self._plans(patient_id)
        self._tasks(patient_id)
        self._behaviour(patient_id)
        self._risks(patient_id)
        self._responses(session, patient_id)
        self._links(session, patient_id)

    def keep(self, session: Session) -> None:
        for model, rows in self._rows.items():
            _insert(session, model, rows)
        session.flush()

    def _add(self, model: type, patient_id: int, **values: Any) -> None:
        named = {"public_id": new_public_id()} if hasattr(model, "public_id") else {}
        row = {**named, "patient_id": patient_id, **values}
        self._rows.setdefault(model, []).append(row)

    def _some(self, choices: Sequence[Any], most: int) -> list[Any]:
        """Return up to `most` of the choices, each once."""
        return self._random.sample(list(choices), self._random.randint(0, min(most, len(choices))))

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _new(self) -> str:
        self._number += 1
        return f"{self._number}-{new_public_id()}"

    def _digest(self) -> bytes:
        return hashlib.sha256(self._new().encode()).digest()

    def _at(self) -> datetime:
        """Return an instant: on the edge of a span, an instant beside it, or anywhere."""
        if self._chance(0.1):
            edges = (timedelta(), CLOCK_SKEW, CLOCK_SKEW + INSTANT, timedelta(days=2))
            return self._now + self._random.choice(edges)
        beside = self._random.choice((-INSTANT, timedelta(), INSTANT, timedelta(hours=7)))
        return self._now - self._random.choice(SPANS) + beside

    def _tags(self, patient_id: int) -> None:
        for key in self._some([key for key, _ in self._known.tags if key != "unused"], 3):
            lives = (True, None) if self._chance(0.2) else (self._random.choice((True, None)),)
            for is_live in lives:
                self._add(
                    TagAssignment, patient_id, tag_id=self._library.tags[key], is_live=is_live,
                    source=TagSource.RULE, starts_at=self._now,
                )  # fmt: skip

    def _conditions(self, patient_id: int) -> None:
        for code in self._some(self._known.conditions, 3):
            self._add(
                Condition, patient_id, encounter_key=0, code_system="icd-10", code=code,
                is_active=self._chance(0.8), is_provisional=self._chance(0.2),
                recorded_at=self._now, created_at=self._now,
            )  # fmt: skip

    def _medications(self, patient_id: int) -> None:
        for code in self._some(self._known.medications, 3):
            self._add(
                MedicationRequest, patient_id, identity=self._digest(), code=code,
                status=self._random.choice((RequestStatus.ACTIVE, *RequestStatus)),
                code_system="atc", created_at=self._now,
            )  # fmt: skip

    def _visits(self, patient_id: int) -> None:
        for _ in range(self._random.randint(0, 4)):
            self._add(
                Encounter, patient_id, issuer="random", visit_number=self._new(),
                encounter_class=self._random.choice(list(EncounterClass)),
                status=self._random.choice((EncounterStatus.FINISHED, *EncounterStatus)),
                department_code=self._random.choice((None, *self._known.departments)),
                started_at=None if self._chance(0.1) else self._at(), created_at=self._now,
            )  # fmt: skip

    def _observations(self, patient_id: int) -> None:
        last = self._now
        for _ in range(self._random.randint(0, 12)):
            code, unit, numbers = self._random.choice(self._known.numbers)
            # Now and then at the very instant of the one before: the later row is the newer.
            last = last if self._chance(0.1) else self._at()
            said = self._said(Decimal(self._random.choice(numbers)), unit)
            is_glucose = code == "15074-8"
            self._add(
                Observation, patient_id, identity=self._digest(), origin=Origin.HOME,
                is_current=None if self._chance(0.1) else True,
                status=self._random.choice((*[ObservationStatus.FINAL] * 6, *ObservationStatus)),
                code=code, code_system="http://loinc.org",
                **{
                    **said,
                    "off_scale": self._random.choice(("LO", "HI"))
                    if is_glucose and self._chance(0.15) else None,
                },
                comparator=self._random.choice(("<", ">=")) if self._chance(0.08) else None,
                context=self._random.choice((None, *MeasurementContext)) if is_glucose else None,
                effective_at=last, issued_at=last, received_at=last,
            )  # fmt: skip

    def _said(self, number: Decimal, unit: str) -> dict[str, Any]:
        """Return a number as a report gives it: mostly in the judged unit, or converted."""
        drawn = self._random.random()
        value: Decimal | None = number
        standard: Decimal | None = None
        standard_unit: str | None = None
        if drawn < 0.1:
            unit = self._random.choice(("mg/dL", unit.upper(), f"{unit}/2"))
        elif drawn < 0.3:  # converted on arrival: that one counts, whatever stands beside it
            value, standard, standard_unit = number * 18, number, unit
            unit = "mg/dL"
        elif drawn < 0.35:
            standard, standard_unit = number, "mg/dL"
        elif drawn < 0.4:
            value = None
        return {
            "value": value, "unit": unit, "standard_value": standard,
            "standard_unit": standard_unit,
        }  # fmt: skip

    def _plans(self, patient_id: int) -> None:
        for key in self._some(self._known.plans, 2):
            for _ in range(self._random.randint(0, 2)):
                self._plan(patient_id, key, self._random.choice(_OVER), None)
            if self._chance(0.6):
                standing = (CarePlanStatus.ACTIVE, CarePlanStatus.ON_HOLD)
                self._plan(patient_id, key, self._random.choice(standing), True)

    def _plan(
        self, patient_id: int, key: str, status: CarePlanStatus, is_open: bool | None
    ) -> None:
        self._add(
            CarePlan, patient_id, plan_key=key, status=status, is_open=is_open,
            plan_definition_id=self._library.plans[key],
            care_team_id=self._library.care_team_id,
            anchor_on=self._now.date(), created_at=self._now,
        )  # fmt: skip

    def _tasks(self, patient_id: int) -> None:
        for _ in range(self._random.randint(0, 8)):
            starts_at = (
                self._now
                - timedelta(days=92)
                + self._random.choice(
                    (timedelta(), INSTANT, timedelta(days=40), timedelta(days=93))
                )
            )
            due_at = starts_at + timedelta(hours=self._random.randint(1, 3))
            self._add(
                Task, patient_id, slot=self._new(), owner=TaskOwner.PATIENT, title="测一次",
                kind=self._random.choice(self._known.kinds),
                status=self._random.choice(
                    (TaskStatus.MISSED, TaskStatus.COMPLETED, *TaskStatus)
                ),
                starts_at=starts_at, due_at=due_at, ends_at=due_at, created_at=self._now,
            )  # fmt: skip

    def _behaviour(self, patient_id: int) -> None:
        for _ in range(self._random.randint(0, 5)):
            self._add(
                Interaction, patient_id, reference=self._new(), at=self._at(),
                kind=self._random.choice(list(InteractionKind)),
                subject=self._random.choice((None, *self._known.subjects)),
            )  # fmt: skip
        for kind, value in self._some(self._known.preferences, 3):
            self._add(
                Preference, patient_id, kind=kind, value=value, is_denied=self._chance(0.25),
                share=Decimal("0.5"), evidence={}, updated_at=self._now,
            )  # fmt: skip

    def _risks(self, patient_id: int) -> None:
        for score in self._some(sorted({score for score, _ in self._known.scores}), 2):
            bands = [band for one, band in self._known.scores if one == score]
            for is_current in (True, None):
                self._add(
                    RiskAssessment, patient_id, score=score, version="1", inputs=[],
                    band=self._random.choice((None, *bands)), is_current=is_current,
                    computed_at=self._now,
                )  # fmt: skip

    def _responses(self, session: Session, patient_id: int) -> None:
        for _ in range(self._random.randint(0, 4)):
            key = self._random.choice(self._known.questionnaires)
            score = self._random.choice((None, 0, 4, 5, 9, 10, 27))
            answers = json.dumps({"q1": self._random.choice((0, 1, "a", True))})
            session.add(
                QuestionnaireResponse(
                    patient_id=patient_id,
                    questionnaire_id=self._random.choice(
                        (*self._library.questionnaires[key], None)
                    ),
                    status=self._random.choice((*[FormStatus.COMPLETED] * 4, *FormStatus)),
                    reference=self._new(),
                    answers=answers,
                    score=score,
                    authored_at=self._at(),
                )
            )

    def _links(self, session: Session, patient_id: int) -> None:
        """Link accounts: their own, one they share, some known on the official account too."""
        for _ in range(self._random.randint(0, 2)):
            if self._accounts and self._chance(0.3):
                account_id = self._random.choice(self._accounts)
            else:
                unionid = self._new() if self._chance(0.7) else None
                account_id = self._account(session, "program", unionid, self._chance(0.1))
                self._accounts.append(account_id)
                if self._chance(0.6):
                    self._account(session, "official", unionid, self._chance(0.5))
            taken = {row["account_id"] for row in self._rows.get(PatientLink, ())
                     if row["patient_id"] == patient_id}  # fmt: skip
            if account_id not in taken:
                self._add(
                    PatientLink, patient_id, account_id=account_id, relation=Relation.SELF,
                    evidence="desk-code", is_live=None if self._chance(0.3) else True,
                    starts_at=self._now,
                )  # fmt: skip

    def _account(
        self, session: Session, app_key: str, unionid: str | None, is_following: bool
    ) -> int:
        account = WeChatAccount(
            app_key=app_key, openid=self._new(), unionid=unionid, is_following=is_following,
            created_at=self._now, last_seen_at=self._now,
        )  # fmt: skip
        session.add(account)
        session.flush()
        return account.id


_OVER = (CarePlanStatus.COMPLETED, CarePlanStatus.REVOKED)


def _insert(session: Session, model: Any, rows: list[dict[str, Any]]) -> None:
    """Insert past the mapper: there, a NULL that is given would be taken for "not given"."""
    if rows:
        session.execute(insert(model.__table__), rows)
