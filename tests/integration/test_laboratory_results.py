"""A critical or abnormal laboratory result: who is told, what a correction takes back."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import AlertClosed, NotFound
from app.domain.intake.hospital_records import ObservationStatus
from app.domain.outreach.messaging import Channel
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.plans.rules import Grade
from app.domain.staff.alerting import AlertStatus, Outcome
from app.models import (
    Alert,
    AlertStep,
    CareTeam,
    Communication,
    Event,
    Observation,
    Origin,
    OutboundDocument,
    ReactionFailure,
    Task,
    TaskOwner,
)
from app.services.profile.result_limits import InvalidLimit, put_in_force
from app.services.staff import alert_handling
from app.services.staff.critical_results import note_laboratory_call, tell_the_patient
from tests.conftest import NOON
from tests.integration.test_the_loop import hospital_clock, settle
from tests.integration.ward import Ward, build, discharge

__all__ = ["hospital_clock"]

POTASSIUM, HAEMOGLOBIN, CREATININE = "2823-3", "718-7", "14682-9"


def report(
    session: Session, ward: Ward, code: str, value: str | None, unit: str, **more: Any
) -> Observation:
    """Keep a hospital's result as the intake does, with its event; `supersedes` is the old one."""
    old: Observation | None = more.pop("supersedes", None)
    status = more.pop("status", ObservationStatus.FINAL)
    at: datetime = more.pop("effective_at", NOON - timedelta(hours=1))
    if old is not None:
        old.is_current = None
        session.flush()
    number = Decimal(value) if value is not None else None
    result = Observation(
        patient_id=ward.patient.id, origin=Origin.HOSPITAL, is_current=True, status=status,
        identity=old.identity if old else uuid4().bytes * 2, code=code,
        code_system="http://loinc.org", display=more.pop("display", "钾"), value=number, unit=unit,
        standard_value=number, standard_unit=unit if number is not None else None,
        effective_at=at, issued_at=at, received_at=NOON, **more,
    )  # fmt: skip
    session.add(result)
    session.flush()
    corrects = old is not None and status is not ObservationStatus.FINAL
    session.add(
        Event.of(
            "observation.corrected" if corrects else "observation.recorded", NOON,
            patient_id=ward.patient.id, observation_id=result.id,
            supersedes_id=old.id if old else None,
        )
    )  # fmt: skip
    settle(session)
    return result


def alerts(session: Session) -> list[Alert]:
    return list(session.scalars(select(Alert).order_by(Alert.id)))


def kinds(session: Session) -> list[str]:
    return list(session.scalars(select(AlertStep.kind).order_by(AlertStep.id)))


def messages(session: Session, kind: str) -> list[Communication]:
    return list(session.scalars(select(Communication).filter_by(kind=kind)))


def test_a_critical_result_goes_to_the_doctor_at_once(session: Session) -> None:
    ward = build(session)

    result = report(session, ward, POTASSIUM, "6.9", "mmol/L", interpretation="N")

    (alert,) = alerts(session)
    assert (alert.grade, alert.level, alert.care_team_id) == (Grade.SEVERE, 1, ward.team.id)
    assert alert.title == "危急值：钾"
    assert alert.acknowledge_by == NOON + timedelta(minutes=5)
    assert "6.9 mmol/L，达到危急值上限 6.2 mmol/L" in (alert.explanation or "")
    assert "检验科标记：N" in (alert.explanation or "")
    assert "不一致" in (alert.explanation or "")
    assert result.interpretation == "N"
    assert (result.computed_interpretation, result.computed_by) == ("HH", "default:adult")
    (card,) = messages(session, "alert-card")
    assert "doctor-lin" in (card.content or "")
    assert "6.9" not in (card.content or "")


def test_the_patient_hears_of_it_only_from_a_clinician(session: Session) -> None:
    ward = build(session)
    report(session, ward, POTASSIUM, "6.9", "mmol/L")
    (alert,) = alerts(session)
    assert messages(session, "alert-notice") == []

    for _ in range(2):
        tell_the_patient(session, alert.public_id, ward.doctor.id, NOON)
        settle(session)

    inbox = [one for one in messages(session, "alert-notice") if one.channel is Channel.INBOX]
    assert len(inbox) == 1
    assert "急诊" in (inbox[0].content or "")
    assert "钾" not in (inbox[0].content or "")
    assert kinds(session).count("patient-told") == 1


def test_a_department_may_let_the_patient_hear_at_once(session: Session) -> None:
    ward = build(session)
    put_in_force(
        session, "ENDO",
        [{"code": POTASSIUM, "unit": "mmol/L", "critical_high": "6.0", "tells_patient": True}],
        [], "演示主任", NOON,
    )  # fmt: skip

    report(session, ward, POTASSIUM, "6.1", "mmol/L")

    (alert,) = alerts(session)
    assert (alert.basis or "").startswith("department:ENDO:")
    assert len(messages(session, "alert-notice")) >= 1


def test_a_preliminary_and_its_final_are_one_alert(session: Session) -> None:
    ward = build(session)

    first = report(session, ward, POTASSIUM, "6.9", "mmol/L", status=ObservationStatus.PRELIMINARY)
    (alert,) = alerts(session)
    assert "未审核" in (alert.explanation or "")
    report(session, ward, POTASSIUM, "6.9", "mmol/L", supersedes=first)

    (alert,) = alerts(session)
    assert alert.is_open
    assert alert.hits == 2
    assert "未审核" not in (alert.explanation or "")
    assert len(messages(session, "alert-card")) == 1


@pytest.mark.parametrize(
    ("status", "value"),
    [
        (ObservationStatus.CORRECTED, "4.1"),
        (ObservationStatus.ENTERED_IN_ERROR, None),
        (ObservationStatus.FINAL, "4.1"),  # a final takes back its preliminary
    ],
)
def test_a_result_that_was_wrong_takes_its_alert_back_and_tells_who_was_told(
    session: Session, status: ObservationStatus, value: str | None
) -> None:
    ward = build(session)
    begun = ObservationStatus.PRELIMINARY if status is ObservationStatus.FINAL else None
    wrong = report(
        session, ward, POTASSIUM, "6.9", "mmol/L", status=begun or ObservationStatus.FINAL
    )

    report(session, ward, POTASSIUM, value, "mmol/L", status=status, supersedes=wrong)

    (alert,) = alerts(session)
    assert (alert.status, alert.is_open) == (AlertStatus.WITHDRAWN, None)
    (told,) = messages(session, "alert-withdrawn")
    assert "doctor-lin" in (told.content or "")


def test_a_correction_that_is_critical_too_keeps_somebody_at_it(session: Session) -> None:
    ward = build(session)
    wrong = report(session, ward, POTASSIUM, "6.9", "mmol/L")

    report(
        session, ward, POTASSIUM, "7.2", "mmol/L", status=ObservationStatus.CORRECTED,
        supersedes=wrong,
    )  # fmt: skip

    still_open = [alert for alert in alerts(session) if alert.is_open]
    assert len(still_open) == 1
    assert "7.2" in (still_open[0].explanation or "")


def test_what_the_laboratory_alone_calls_critical_says_so(session: Session) -> None:
    ward = build(session)

    report(
        session, ward, "x-culture", None, "", display="血培养", text="阳性球菌", interpretation="AA"
    )

    (alert,) = alerts(session)
    assert (alert.title, alert.basis) == ("危急值：血培养（检验科标记）", "laboratory")


@pytest.mark.parametrize(
    ("value", "unit", "more"),
    [
        ("6.9", "", {}),
        ("4.1", "mmol/L", {}),
        ("6.9", "mmol/L", {"effective_at": NOON - timedelta(days=2)}),
        ("6.9", "mmol/L", {"status": ObservationStatus.REGISTERED}),
    ],
)
def test_nobody_is_woken_without_cause(
    session: Session, value: str, unit: str, more: dict[str, Any]
) -> None:
    ward = build(session)

    report(session, ward, POTASSIUM, value, unit, **more)

    assert alerts(session) == []


def test_without_any_team_the_result_waits_for_a_person(session: Session) -> None:
    ward = build(session)
    ward.team.department_code = "OTHER"
    session.flush()

    report(session, ward, POTASSIUM, "6.9", "mmol/L")

    failure = session.scalars(select(ReactionFailure)).one()
    assert (failure.reaction, failure.error.split(":")[0]) == ("raise-critical", "NoTeam")

    session.add(CareTeam(name="全院值班", created_at=NOON))
    session.flush()
    report(session, ward, HAEMOGLOBIN, "45", "g/L", display="血红蛋白")

    assert [alert.care_team.name for alert in alerts(session)] == ["全院值班"]


def test_the_team_says_whether_the_laboratory_called(session: Session) -> None:
    ward = build(session)
    report(session, ward, POTASSIUM, "6.9", "mmol/L")
    (alert,) = alerts(session)

    note_laboratory_call(session, alert.public_id, ward.doctor.id, has_called=False, now=NOON)

    assert kinds(session) == ["opened", "laboratory-silent"]
    with pytest.raises(NotFound):
        note_laboratory_call(session, alert.public_id, 9999, has_called=True, now=NOON)
    alert_handling.close(session, alert.public_id, ward.doctor.id, Outcome.REFERRED, None, NOON)
    with pytest.raises(AlertClosed):
        tell_the_patient(session, alert.public_id, ward.doctor.id, NOON)


OFFERS: list[dict[str, Any]] = [
    {"code": CREATININE, "flags": ["H"], "kind": "revisit", "text": "建议两周内复诊。"},
    {"code": CREATININE, "flags": ["H"], "kind": "exam", "subject": "CREA", "text": "建议复查。"},
    {"code": CREATININE, "flags": ["L"], "kind": "online-consultation", "text": "可网上咨询。"},
]


def tasks(session: Session, owner: TaskOwner) -> list[tuple[str, TaskStatus]]:
    rows = session.scalars(
        select(Task).where(Task.owner == owner, Task.slot.startswith("result")).order_by(Task.id)
    )
    return [(task.kind, task.status) for task in rows]


def test_an_abnormal_result_calls_for_what_the_department_signed(session: Session) -> None:
    ward = build(session)
    discharge(session, ward)
    settle(session)
    put_in_force(session, "ENDO", [], OFFERS, "演示主任", NOON)

    for _ in range(2):  # abnormal again while the offer is open: no second one
        report(session, ward, CREATININE, "130", "umol/L", interpretation="H", display="肌酐")

    ready = TaskStatus.READY
    assert tasks(session, TaskOwner.PATIENT) == [("revisit", ready), ("exam", ready)]
    assert tasks(session, TaskOwner.STAFF) == [("staff-task", ready)]
    (document,) = session.scalars(select(OutboundDocument))
    assert (document.kind, document.status) == ("exam-request", "draft")
    texts = [one.content or "" for one in messages(session, "task-reminder")]
    assert sum("建议两周内复诊" in text for text in texts) == 1
    assert not any("肌酐" in text or "130" in text for text in texts)


def test_a_correction_takes_the_offer_back_and_says_so(session: Session) -> None:
    ward = build(session)
    put_in_force(session, "*", [], OFFERS, "演示主任", NOON)
    wrong = report(session, ward, CREATININE, "130", "umol/L", interpretation="H")

    report(
        session, ward, CREATININE, "80", "umol/L", interpretation="N",
        status=ObservationStatus.CORRECTED, supersedes=wrong,
    )  # fmt: skip

    cancelled = TaskStatus.CANCELLED
    assert tasks(session, TaskOwner.PATIENT) == [("revisit", cancelled), ("exam", cancelled)]
    assert session.scalars(select(OutboundDocument.status)).one() == "cancelled"
    assert any("更正" in (one.content or "") for one in messages(session, "task-reminder"))


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"unit": "mmol/L", "critical_high": 6}, "code"),
        ({"code": POTASSIUM, "unit": "furlong", "critical_high": 6}, "单位"),
        ({"code": POTASSIUM, "unit": "mmol/L"}, "界限"),
        ({"code": POTASSIUM, "unit": "mmol/L", "critical_low": 7, "critical_high": 6}, "不小于"),
        ({"code": POTASSIUM, "unit": "mmol/L", "critical_high": "six"}, "不是数"),
        ({"code": POTASSIUM, "unit": "mmol/L", "critical_high": 6, "colour": "red"}, "colour"),
    ],
)
def test_a_wrong_limit_changes_nothing_and_says_what_is_wrong(
    session: Session, limit: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidLimit, match=said):
        put_in_force(session, "ENDO", [limit], [], "演示主任", NOON)
