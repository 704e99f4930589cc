"""One patient with at least one of everything that a record can hold."""

import hashlib
import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.domain.criteria.population import InteractionKind, PreferenceKind
from app.domain.intake.clinical_records import (
    ImmunizationStatus,
    ReportStatus,
    RequestStatus,
)
from app.domain.intake.hospital_records import AppointmentStatus
from app.domain.outreach.messaging import Channel, CommunicationState, Lane
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.trust.access import Relation
from app.models import (
    AllergyIntolerance,
    Appointment,
    CareTeam,
    Communication,
    Condition,
    Consent,
    DiagnosticReport,
    Immunization,
    Interaction,
    MedicationRequest,
    Patient,
    PatientLink,
    Preference,
    PublicationStatus,
    Questionnaire,
    QuestionnaireResponse,
    RiskAssessment,
    ServiceRequest,
    SocialHistory,
    StatedBy,
    SubscriptionGrant,
    Tag,
    TagAssignment,
    TagScope,
    TagSource,
    WeChatAccount,
)
from tests import factories

_numbers = count(1)
DAY = timedelta(days=1)


def digest() -> bytes:
    return hashlib.sha256(f"rich {next(_numbers)}".encode()).digest()


def keep(session: Session, *rows: Any) -> None:
    session.add_all(rows)
    session.flush()


def fill(session: Session, patient: Patient, team: CareTeam, now: datetime) -> None:
    """Give `patient` one of everything, hours and days before `now`."""
    # The ended one first: two open ones of one plan may not stand side by side.
    factories.care_plan(
        session, patient, team, status="revoked", is_open=None, created_at=now - 90 * DAY,
        ended_at=now - 60 * DAY,
    )  # fmt: skip
    factories.care_plan(session, patient, team, created_at=now - 3 * DAY)
    factories.alert(session, patient, team, opened_at=now - DAY)
    for hours, value in enumerate(("6.1", "6.4", "8.9", "11.2")):
        factories.observation(
            session, patient, value, now - timedelta(hours=hours),
            interpretation="H" if value == "11.2" else "N",
        )  # fmt: skip
    factories.task(session, patient, status=TaskStatus.COMPLETED, finished_at=now - DAY)
    factories.task(
        session, patient, kind="medication-reminder", title="今天的药按时用了吗",
        status=TaskStatus.MISSED, starts_at=now - 2 * DAY,
    )  # fmt: skip
    factories.task(
        session, patient, owner="staff", title="电话随访", starts_at=now - timedelta(hours=2)
    )
    factories.encounter(session, patient, department_name="内分泌科", attending_name="演示王医生")
    clinical(session, patient, now)
    behaviour(session, patient, now)
    account(session, patient, now)
    tags(session, patient, team, now)
    forms(session, patient, now)
    keep(
        session,
        RiskAssessment(
            patient_id=patient.id, score="lace", version="2010", value=Decimal(11), band="high",
            inputs=[], computed_at=now - DAY,
        ),
        RiskAssessment(
            patient_id=patient.id, score="china-par", version="2016", inputs=[],
            missing=["没有腰围"], computed_at=now - DAY,
        ),
    )  # fmt: skip


def clinical(session: Session, patient: Patient, now: datetime) -> None:
    def sourced(**more: Any) -> dict[str, Any]:
        return {
            "patient_id": patient.id, "identity": digest(), "created_at": now,
            "code_system": "demo", **more,
        }  # fmt: skip

    keep(
        session,
        Condition(
            patient_id=patient.id, code_system="ICD-10", code="E11.9", display="2型糖尿病",
            recorded_at=now - 3 * DAY, created_at=now,
        ),
        Condition(
            patient_id=patient.id, code_system="ICD-10", code="C25.9", display="胰腺占位",
            is_provisional=True, recorded_at=now - 3 * DAY, created_at=now,
        ),
        DiagnosticReport(
            **sourced(code="CT1", display="胸部CT", status=ReportStatus.FINAL, category="RAD",
                      conclusion="双肺未见异常", issued_at=now - 4 * DAY)
        ),
        MedicationRequest(
            **sourced(code="MET", display="二甲双胍片", status=RequestStatus.ACTIVE,
                      dose=Decimal("0.5"), dose_unit="片", frequency="BID", quantity=Decimal(60),
                      quantity_unit="片", dosage="餐后服", authored_at=now - 75 * DAY,
                      dispensed_at=now - 75 * DAY)
        ),
        ServiceRequest(
            **sourced(code="ECHO", display="心脏彩超", status=RequestStatus.ACTIVE,
                      requester_name="演示王医生", note="必要", authored_at=now - 5 * DAY)
        ),
        Immunization(
            **sourced(code="FLU", display="流感疫苗", status=ImmunizationStatus.COMPLETED,
                      dose_number=1, occurred_on=(now - 100 * DAY).date())
        ),
        AllergyIntolerance(
            **sourced(code="PCN", display="青霉素", is_active=True, criticality="high",
                      reaction="皮疹", recorded_at=now - 300 * DAY)
        ),
        Appointment(
            patient_id=patient.id, issuer="demo", number="A1", number_hash=digest(),
            status=AppointmentStatus.FULFILLED, department_name="内分泌科",
            practitioner_name="演示王医生", starts_at=now - 20 * DAY, created_at=now,
        ),
    )  # fmt: skip


def behaviour(session: Session, patient: Patient, now: datetime) -> None:
    for number in range(6):
        keep(
            session,
            Interaction(
                patient_id=patient.id, kind=InteractionKind.READ, subject="hypoglycaemia",
                reference=f"r{number}", at=now - (1 + number // 3) * DAY,
            ),
        )  # fmt: skip
    keep(
        session,
        Preference(
            patient_id=patient.id, kind=PreferenceKind.REACH_HOUR, value="12", share=Decimal("0.9"),
            evidence={"count": 6, "of": 6}, updated_at=now,
        ),
        Preference(
            patient_id=patient.id, kind=PreferenceKind.CONTACT, value="call", is_denied=True,
            share=Decimal(0), evidence={}, updated_at=now,
        ),
        SocialHistory(
            patient_id=patient.id, code="72166-2", value="former", stated_by=StatedBy.PATIENT,
            note="戒了两年", at=now - 6 * DAY,
        ),
    )  # fmt: skip


def account(session: Session, patient: Patient, now: datetime) -> None:
    number = next(_numbers)
    user = WeChatAccount(
        app_key="patient", openid=f"oRich{number}", unionid=f"uRich{number}", created_at=now,
        last_seen_at=now,
    )  # fmt: skip
    follower = WeChatAccount(
        app_key="service", openid=f"fRich{number}", unionid=f"uRich{number}", is_following=True,
        created_at=now, last_seen_at=now,
    )  # fmt: skip
    keep(session, user, follower)
    keep(
        session,
        PatientLink(
            account_id=user.id, patient_id=patient.id, relation=Relation.SELF,
            evidence="phone-code", starts_at=now - 9 * DAY,
        ),
        SubscriptionGrant(
            account_id=user.id, template_id="tmpl", change=3, reason="phone", at=now
        ),
        SubscriptionGrant(
            account_id=user.id, template_id="tmpl", change=-1, reason="spent", at=now
        ),
        Consent(
            patient_id=patient.id, account_id=user.id, purpose="health-data", is_given=True,
            text_version="1", text_hash=digest(), channel="mini-program", at=now - 9 * DAY,
        ),
        message(patient, now - 2 * DAY, Channel.INBOX, CommunicationState.DELIVERED),
        message(
            patient, now - 2 * DAY, Channel.SUBSCRIPTION, CommunicationState.SENT,
            account_id=user.id,
        ),
    )  # fmt: skip


def message(
    patient: Patient, at: datetime, channel: Channel, state: CommunicationState, **more: Any
) -> Communication:
    row = Communication(
        dedupe_key=digest(), patient_id=patient.id, kind="task-reminder", channel=channel,
        lane=Lane.TRANSACTIONAL, state=state, recipient_key=f"r{next(_numbers)}", planned_at=at,
        due_at=at, sent_at=at, expires_at=at + DAY, **more,
    )  # fmt: skip
    row.content = json.dumps({"title": "您有一项任务", "text": "请查看", "page": None})
    return row


def tags(session: Session, patient: Patient, team: CareTeam, now: datetime) -> None:
    other = factories.care_team(session)
    given: list[int] = []
    names = (("dm", "糖尿病", None), ("ours", "本组重点", team), ("theirs", "他组重点", other))
    for key, name, of in names:
        tag = session.scalar(select(Tag).filter_by(key=f"{key}-{patient.id}")) or Tag(
            key=f"{key}-{patient.id}", name=name, tag_class="management",
            scope=TagScope.TEAM if of else TagScope.HOSPITAL, care_team_id=of.id if of else None,
        )  # fmt: skip
        keep(session, tag)
        given.append(tag.id)
        keep(
            session,
            TagAssignment(
                patient_id=patient.id, tag_id=tag.id, source=TagSource.RULE,
                evidence="诊断 E11.9", basis="demo", starts_at=now - 3 * DAY,
            ),
        )  # fmt: skip
    ended = TagAssignment(
        patient_id=patient.id, tag_id=given[0], source=TagSource.RULE, evidence="以前",
        starts_at=now - 200 * DAY, ends_at=now - 100 * DAY,
    )  # fmt: skip
    session.execute(
        update(TagAssignment)
        .where(TagAssignment.patient_id == patient.id, TagAssignment.tag_id == given[0])
        .values(is_live=None)
    )
    keep(session, ended)
    ended.is_live = None
    session.flush()
    session.execute(
        update(TagAssignment)
        .where(TagAssignment.patient_id == patient.id, TagAssignment.ends_at.is_(None))
        .values(is_live=True)
    )


def forms(session: Session, patient: Patient, now: datetime) -> None:
    item = {
        "link_id": "mood", "text": "心情", "type": "choice", "required": True,
        "options": [{"code": "good", "text": "大多还好"}, {"code": "low", "text": "大多不好"}],
    }  # fmt: skip
    for key, title, score, answers in (
        ("phq-9", "抑郁自评", 12, {}),
        ("weekly", "每周问卷", None, {"mood": "low"}),
    ):
        form = session.scalar(select(Questionnaire).filter_by(key=key, version=1))
        if form is None:
            form = Questionnaire(
                key=key, version=1, status=PublicationStatus.ACTIVE, title=title,
                definition={"key": key, "version": 1, "title": title, "items": [item]},
            )  # fmt: skip
            keep(session, form)
        keep(
            session,
            QuestionnaireResponse(
                patient_id=patient.id, questionnaire_id=form.id, reference=f"f-{key}",
                answers=json.dumps(answers), score=score, authored_at=now - 8 * DAY,
            ),
        )  # fmt: skip


TODAY = date(2026, 5, 4)
