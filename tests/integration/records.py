"""Records of one person under several numbers: random care, and what is kept of it."""

import hashlib
import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.database import Base
from app.domain.criteria.population import InteractionKind, PreferenceKind
from app.domain.intake.clinical_records import ReportStatus, RequestStatus
from app.domain.intake.versions import version_of
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.plans.rules import Grade
from app.domain.trust.access import Relation
from app.domain.trust.consenting import CURRENT_TEXTS, ConsentPurpose
from app.models import (
    CareTeam,
    Condition,
    Consent,
    DiagnosticReport,
    Interaction,
    MedicationRequest,
    Observation,
    Patient,
    PatientLink,
    Preference,
    RelatedPerson,
    RiskAssessment,
    SocialHistory,
    StatedBy,
    Tag,
    TagAssignment,
    TagDecision,
    TagProposal,
    TagSource,
    WeChatAccount,
)
from app.services.intake.patient_index.treatments import MOVES, owner_of, table_of
from tests import factories
from tests.conftest import NOON

DAY = timedelta(days=1)


def at(days: float) -> datetime:
    return NOON + days * DAY


def version(days: float, said: str = "") -> str:
    return version_of(at(days), said=said)


def digest(*parts: object) -> bytes:
    return hashlib.sha256(repr(parts).encode()).digest()


def account(session: Session, name: str, unionid: str | None = None) -> WeChatAccount:
    row = WeChatAccount(
        app_key="patient", openid=f"o{name}", unionid=unionid, created_at=NOON, last_seen_at=NOON
    )
    session.add(row)
    session.flush()
    return row


def link(
    session: Session, patient: Patient, who: WeChatAccount, relation: Relation = Relation.SELF
) -> PatientLink:
    row = PatientLink(
        account_id=who.id, patient_id=patient.id, relation=relation, evidence="phone-code",
        starts_at=NOON,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def consent(
    session: Session, patient: Patient, who: WeChatAccount, is_given: bool, when: datetime = NOON
) -> Consent:
    row = Consent.to(
        CURRENT_TEXTS[ConsentPurpose.MESSAGES],
        patient_id=patient.id, account_id=who.id, is_given=is_given, now=when,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def result(
    session: Session, patient: Patient, order: str, said: str, days: float, **more: Any
) -> Observation:
    """One version of a potassium: `order` names the result, `days` orders its versions."""
    return factories.observation(
        session, patient, said, at(days), identity=digest(order), version=version(days, said),
        code="2823-3", source="hl7:lis", **more,
    )  # fmt: skip


def report(session: Session, patient: Patient, number: str, days: float) -> DiagnosticReport:
    row = DiagnosticReport(
        patient_id=patient.id, status=ReportStatus.FINAL, code="24323-8", code_system="",
        issuer="LIS", number=number, identity=digest("report", number), version=version(days),
        created_at=NOON,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def prescription(session: Session, patient: Patient, days: float, **more: Any) -> MedicationRequest:
    row = MedicationRequest(
        patient_id=patient.id, status=RequestStatus.ACTIVE, code="C09AA02", code_system="",
        issuer="HIS", number="P1", identity=digest("prescription"), version=version(days),
        created_at=NOON, **more,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def condition(session: Session, patient: Patient, code: str, days: float) -> Condition:
    row = Condition(
        patient_id=patient.id, code_system="ICD-10", code=code, recorded_at=at(days),
        version=version(days), created_at=NOON,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def tag(session: Session, patient: Patient, key: str, *, is_locked: bool = False) -> TagAssignment:
    kind = session.scalar(select(Tag).filter_by(key=key))
    if kind is None:
        group = "level" if key in ("low", "high") else None
        kind = Tag(key=key, name=key, tag_class="diagnosis", exclusion_group=group)
        session.add(kind)
        session.flush()
    row = TagAssignment(
        patient_id=patient.id, tag_id=kind.id, source=TagSource.RULE, is_locked=is_locked,
        starts_at=NOON,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def someone(session: Session, name: str = "李测试", **more: Any) -> Patient:
    """A patient whose fields are stated, as a message states them."""
    row = factories.patient(session, name, **more)
    stated = ("name", "phone", "gender", "birth_date")
    row.stamps = {field: version(0) for field in stated if getattr(row, field) is not None}
    session.flush()
    return row


def random_care(session: Session, dice: random.Random, patient: Patient, team: CareTeam) -> None:
    """Give a patient a little of everything, numbered so that two of them often collide."""
    for _ in range(dice.randrange(4)):
        number = f"R{dice.randrange(3)}"
        if not _has(session, DiagnosticReport, patient, digest("report", number)):
            kept = report(session, patient, number, dice.random())
            _versions(session, dice, patient, f"{number}-K", kept)
    for _ in range(dice.randrange(3)):
        _versions(session, dice, patient, f"O{dice.randrange(3)}", None)
    for code in dice.sample(["E11.9", "I10", "N18"], dice.randrange(3)):
        condition(session, patient, code, dice.random())
    random_tags(session, dice, patient)
    random_ways(session, dice, patient)
    for key in dice.sample(["demo-plan", "other-plan"], dice.randrange(3)):
        definition = factories.plan_definition(session, key)
        plan = factories.care_plan(session, patient, team, definition=definition)
        for status in dice.sample(list(TaskStatus), 3):
            factories.task(session, patient, plan, status=status)
    for episode in dice.sample(["low", "high"], dice.randrange(3)):
        factories.alert(session, patient, team, episode=episode, grade=dice.choice(list(Grade)))
    if dice.random() < 0.5:
        session.add(
            RelatedPerson(
                patient_id=patient.id, relationship_code="MTH", identity=digest("mother"),
                version=version(dice.random()), created_at=NOON,
            )
        )  # fmt: skip
    factories.encounter(session, patient)
    session.flush()


def random_tags(session: Session, dice: random.Random, patient: Patient) -> None:
    """Give a patient tags of machines and people, words against tags and questions."""
    keys = ["t2dm", "hypertension", dice.choice(["low", "high"])]
    for key in dice.sample(keys, dice.randrange(4)):
        is_locked = dice.random() < 0.3
        row = tag(session, patient, key, is_locked=is_locked)
        if is_locked and dice.random() < 0.8:
            _word(session, dice, patient, row.tag_id, is_borne=True)
        elif dice.random() < 0.3:
            row.is_live = None
            _word(session, dice, patient, row.tag_id, is_borne=False)
        if dice.random() < 0.3:
            session.add(
                TagProposal(
                    patient_id=patient.id, tag_id=row.tag_id, source=TagSource.TEXT,
                    confidence=Decimal("0.5"), proposed_at=at(dice.random()),
                )
            )  # fmt: skip
    session.flush()


def _word(
    session: Session, dice: random.Random, patient: Patient, tag_id: int, *, is_borne: bool
) -> None:
    session.add(
        TagDecision(patient_id=patient.id, tag_id=tag_id, is_borne=is_borne, at=at(dice.random()))
    )


def random_ways(session: Session, dice: random.Random, patient: Patient) -> None:
    """Give a patient a risk, habits, preferences and deeds on the phone."""
    rows: list[Base] = []
    for place, is_current in enumerate(dice.choice([(), (True,), (None, True)])):
        rows += [
            RiskAssessment(
                patient_id=patient.id, score="lace", version="1", value=Decimal(place), inputs=[],
                missing=[], is_current=is_current, computed_at=at(dice.random()),
            ),
            SocialHistory(
                patient_id=patient.id, code="72166-2", value=f"v{place}", is_current=is_current,
                stated_by=StatedBy.PATIENT, at=at(dice.random()),
            ),
        ]  # fmt: skip
    for value in dice.sample(["08", "20"], dice.randrange(3)):
        rows.append(
            Preference(
                patient_id=patient.id, kind=PreferenceKind.REACH_HOUR, value=value,
                is_stated=dice.random() < 0.3, share=Decimal("0.5"), evidence={},
                updated_at=at(dice.random()),
            )
        )  # fmt: skip
    for reference in dice.sample(["m1", "m2"], dice.randrange(3)):
        rows.append(
            Interaction(
                patient_id=patient.id, kind=InteractionKind.OPENED, reference=reference, at=NOON
            )
        )
    for row in rows:
        wanted = getattr(row, "is_current", True)
        session.add(row)
        session.flush()
        if wanted is None:  # an insert takes NULL for "not given"
            row.is_current = None  # type: ignore[attr-defined]
            session.flush()


def _versions(
    session: Session,
    dice: random.Random,
    patient: Patient,
    order: str,
    of: DiagnosticReport | None,
) -> None:
    if _has(session, Observation, patient, digest(order)):
        return
    days = sorted(dice.sample([1, 2, 3, 4], dice.randrange(1, 3)))
    for day in days:
        result(
            session, patient, order, f"4.{day}", day, is_current=True if day == days[-1] else None,
            report_id=of.id if of else None,
        )  # fmt: skip


def _has(session: Session, kind: Any, patient: Patient, identity: bytes) -> bool:
    found = select(kind.id).filter_by(patient_id=patient.id, identity=identity)
    return session.scalar(found.limit(1)) is not None


def photograph(session: Session) -> dict[str, dict[int, dict[str, Any]]]:
    """Return every row that a merge may touch, as it is in the database."""
    session.flush()
    tables = [*MOVES, "alert_step", "care_plan_step", "patient", "patient_identifier"]
    return {
        name: {
            row.id: {
                key: value
                for key, value in row._mapping.items()
                if key not in _PASSING and (name, key) != _MADE_ANEW
            }
            for row in session.execute(select(table_of(name)))
        }
        for name in tables
    }


# Sealed anew each time, and when it was last touched.
_PASSING = {"updated_at"}
# Each merge writes the step again, under another random name.
_MADE_ANEW = ("care_plan_step", "public_id")


def owners(session: Session, table: str) -> dict[int, int]:
    return {
        row.id: row[1] for row in session.execute(select(table_of(table).c.id, owner_of(table)))
    }


def pointers_to_patients() -> set[str]:
    return {
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        for key in column.foreign_keys
        if key.column.table.name == "patient"
    }
