"""What patients do, counted by the reactions: forms, tasks, messages, and what follows from it."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.criteria.population import InteractionKind, PreferenceKind
from app.domain.staff.alerting import AlertStatus, Outcome
from app.models import EncounterClass, Event, Interaction, Preference, QuestionnaireResponse
from app.services.profile.patient_preferences import learn_preferences, state_preference
from jobs.reactions import REACTIONS
from tests import factories
from tests.conftest import NOON
from tests.integration import ward as wards
from tests.integration.ward import WORK

DAY = timedelta(days=1)


def react(session: Session, *names: str) -> None:
    """Let some reactions read every event so far, in order."""
    for event in session.scalars(select(Event).order_by(Event.id)).all():
        for one in REACTIONS:
            if one.key in names and event.kind in one.kinds:
                one.handle(WORK, session, event)
    session.flush()


def deeds(session: Session) -> list[tuple[str, str | None]]:
    rows = session.scalars(select(Interaction).order_by(Interaction.id))
    return [(one.kind, one.subject) for one in rows]


def preferred(session: Session) -> set[tuple[str, str]]:
    rows = session.scalars(select(Preference).filter_by(is_denied=False))
    return {(one.kind, one.value) for one in rows}


def test_a_form_a_reading_and_a_task_done_count_once_each(session: Session) -> None:
    ward = wards.build(session)
    form = QuestionnaireResponse(
        patient_id=ward.patient.id, reference="f1", answers="{}", authored_at=NOON,
        author_account_id=ward.account.id,
    )  # fmt: skip
    elsewhere = QuestionnaireResponse(
        patient_id=ward.patient.id, reference="f2", answers="{}", authored_at=NOON
    )
    session.add_all([form, elsewhere])
    session.flush()
    for one in (form, elsewhere):
        session.add(
            Event.of("response.recorded", NOON, patient_id=ward.patient.id, response_id=one.id)
        )
    for kind, owner, subject in (
        ("article", "patient", "feet"), ("measurement", "patient", None),
        ("questionnaire", "patient", "weekly"), ("staff-task", "staff", None),
    ):  # fmt: skip
        task = factories.task(session, ward.patient, kind=kind, owner=owner, subject=subject)
        session.add(task.complete(NOON))
    session.flush()

    for _ in range(2):
        react(session, "note-deed")

    assert deeds(session) == [
        (InteractionKind.REPLIED, None), (InteractionKind.READ, "feet"),
        (InteractionKind.CLICKED, "measurement"),
    ]  # fmt: skip
    kinds = [one.payload["kind"] for one in
             session.scalars(select(Event).filter_by(kind="interaction.recorded"))]  # fmt: skip
    assert kinds == ["replied", "read", "clicked"]


def test_visits_and_calls_become_habits_of_that_patient_alone(session: Session) -> None:
    ward = wards.build(session)
    other = factories.patient(session)
    for number in range(3):
        visit = factories.encounter(
            session, ward.patient, encounter_class=EncounterClass.AMBULATORY,
            department_code="ENDO", department_name="内分泌科", attending_code="D1",
            attending_name="演示王医生", started_at=NOON - number * DAY,
        )  # fmt: skip
        factories.alert(
            session, ward.patient, ward.team, status=AlertStatus.RESOLVED, is_open=None,
            outcome=Outcome.REACHED, closed_at=NOON,
        )  # fmt: skip
    # Where an ambulance takes somebody is no choice of theirs.
    for _ in range(9):
        factories.encounter(
            session, ward.patient, encounter_class=EncounterClass.EMERGENCY, department_code="ER",
            started_at=NOON,
        )  # fmt: skip
    session.add(
        Event.of("encounter.finished", NOON, patient_id=ward.patient.id, encounter_id=visit.id)
    )
    session.flush()

    react(session, "learn-preferences")

    assert preferred(session) == {
        (PreferenceKind.DEPARTMENT, "ENDO"), (PreferenceKind.PRACTITIONER, "D1"),
        (PreferenceKind.CONTACT, "call"),
    }  # fmt: skip
    row = session.scalars(select(Preference).filter_by(kind=PreferenceKind.PRACTITIONER)).one()
    assert row.evidence == {"count": 3, "of": 3, "name": "演示王医生"}
    assert session.scalars(select(Preference).filter_by(patient_id=other.id)).all() == []
    changed = session.scalars(select(Event).filter_by(kind="preference.changed")).all()
    assert {one.payload["kind"] for one in changed} == {"department", "practitioner", "contact"}


def test_a_habit_that_ends_goes_and_a_word_stays(session: Session) -> None:
    patient = factories.patient(session)
    for number in range(6):
        session.add(
            Interaction(
                patient_id=patient.id, kind=InteractionKind.OPENED, reference=f"r{number}",
                at=NOON - 300 * DAY,
            )
        )  # fmt: skip
    session.flush()
    learn_preferences(session, patient.id, NOON)
    state_preference(session, patient.id, PreferenceKind.CONTACT, "text", NOON)
    assert preferred(session) == {("reach-hour", "12"), ("contact", "text")}

    learn_preferences(session, patient.id, NOON + 90 * DAY)

    assert preferred(session) == {("contact", "text")}
