"""Facts are fetched as far as criteria read them, and no further."""

from datetime import timedelta
from decimal import Decimal

from sqlalchemy import event, select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.criteria.comparing import Comparator
from app.domain.criteria.compiler import compile_criterion
from app.domain.criteria.needs import FactNeeds
from app.domain.criteria.population import PlanState, PreferenceKind, Reach, Reachable
from app.domain.criteria.tree import All, Count, HasTag, Latest, Not
from app.domain.intake.clinical_records import FormStatus, RequestStatus
from app.domain.trust.access import Relation
from app.models import (
    CarePlanStatus,
    Condition,
    EncounterStatus,
    MedicationRequest,
    Observation,
    Patient,
    PatientLink,
    Preference,
    PublicationStatus,
    Questionnaire,
    QuestionnaireResponse,
    RiskAssessment,
    Tag,
    TagAssignment,
    WeChatAccount,
)
from app.models.profile.patient_facts import MOST_VALUES, load_facts
from app.models.profile.tag import TagSource
from tests import factories
from tests.conftest import NOON

HIGH = Latest("15074-8", Comparator.MORE, Decimal(7), timedelta(days=1))
WEIGHT = "29463-7"


def statements_of(session: Session, patient: Patient, needs: FactNeeds) -> list[str]:
    seen: list[str] = []

    def note(*arguments: object) -> None:
        seen.append(str(arguments[2]))

    event.listen(session.get_bind(), "before_cursor_execute", note)
    try:
        load_facts(session, patient.id, NOON, HOSPITAL, needs)
    finally:
        event.remove(session.get_bind(), "before_cursor_execute", note)
    return seen


def test_nothing_is_fetched_that_no_leaf_reads(session: Session) -> None:
    patient = factories.patient(session)

    (asked,) = statements_of(session, patient, FactNeeds.of(HIGH, Not(HIGH)))

    assert "FROM observation" in asked
    assert statements_of(session, patient, FactNeeds()) == []


def test_a_tag_brings_those_above_it(session: Session) -> None:
    patient = factories.patient(session)
    for key, parent in (("diabetes", None), ("type-2", "diabetes"), ("on-insulin", "type-2")):
        session.add(Tag(key=key, name=key, tag_class="diagnosis", parent_key=parent))
    session.flush()
    insulin = session.scalars(select(Tag).filter_by(key="on-insulin")).one()
    session.add(
        TagAssignment(
            patient_id=patient.id, tag_id=insulin.id, source=TagSource.RULE, starts_at=NOON
        )
    )
    session.flush()

    facts = load_facts(session, patient.id, NOON, HOSPITAL, FactNeeds.of(HasTag("diabetes")))

    assert facts.tags == {"diabetes", "type-2", "on-insulin"}


def test_what_did_not_happen_or_does_not_hold_is_no_fact(session: Session) -> None:
    """Said once for facts and queries, so that no comparison of the two would notice."""
    patient = factories.patient(session)
    for status in (EncounterStatus.PLANNED, EncounterStatus.CANCELLED):
        factories.encounter(session, patient, status=status)
    form = Questionnaire(
        key="phq-9", version=1, status=PublicationStatus.ACTIVE, title="问卷", definition={}
    )
    session.add(form)
    session.flush()
    of_patient = {"patient_id": patient.id}
    shown = {"code_system": "x", "created_at": NOON}
    session.add_all(
        [
            *(
                QuestionnaireResponse(
                    **of_patient, questionnaire_id=form.id, status=status, reference=status,
                    answers="{}", score=9, authored_at=NOON,
                )
                for status in (FormStatus.IN_PROGRESS, FormStatus.ENTERED_IN_ERROR)
            ),
            Condition(**of_patient, **shown, code="E11", is_provisional=True, recorded_at=NOON),
            Condition(**of_patient, **shown, code="E12", is_active=False, recorded_at=NOON),
            MedicationRequest(
                **of_patient, **shown, code="A10", status=RequestStatus.STOPPED, identity=b"1" * 32
            ),
            Preference(
                **of_patient, kind=PreferenceKind.INTEREST, value="diet", is_denied=True,
                share=Decimal(1), evidence={}, updated_at=NOON,
            ),
            RiskAssessment(**of_patient, score="lace", version="1", inputs=[], computed_at=NOON),
        ]
    )  # fmt: skip
    session.flush()

    facts = load_facts(session, patient.id, NOON, HOSPITAL)

    assert not facts.visits
    assert not facts.answers
    assert not facts.conditions
    assert not facts.medications
    assert not facts.preferences
    assert not facts.risks


def test_the_newest_enrolment_tells_how_one_stands_to_a_plan(session: Session) -> None:
    patient = factories.patient(session)
    team = factories.care_team(session)
    over, on_hold = CarePlanStatus.COMPLETED, CarePlanStatus.ON_HOLD
    factories.care_plan(session, patient, team, status=over, is_open=None)
    factories.care_plan(session, patient, team, status=on_hold)

    facts = load_facts(session, patient.id, NOON, HOSPITAL)

    assert facts.plans == {"demo-plan": PlanState.ON_HOLD}


def test_a_sensor_does_not_crowd_out_what_is_measured_rarely(session: Session) -> None:
    patient = factories.patient(session)
    first = factories.observation(session, patient, "6.0", NOON)
    table = Observation.__table__
    alike = {one.name: getattr(first, one.name) for one in table.columns if one.name != "id"}
    minutes = range(1, MOST_VALUES + 100)
    session.execute(
        table.insert(),
        [
            {
                **alike,
                "public_id": f"sensor-{minute}",
                "identity": b"%032d" % minute,
                "effective_at": NOON - timedelta(minutes=minute),
            }
            for minute in minutes
        ],
    )
    long_ago = NOON - timedelta(days=80)
    factories.observation(session, patient, "71", long_ago, code=WEIGHT, unit="kg")
    glucose = Count("15074-8", Comparator.LESS, Decimal(9), timedelta(days=7), 1000)
    weight = Latest(WEIGHT, Comparator.MORE, Decimal(70), timedelta(days=90))
    tree = All((glucose, weight))

    facts = load_facts(session, patient.id, NOON, HOSPITAL, FactNeeds.of(tree))

    assert len(facts.observations["15074-8"]) == MOST_VALUES
    assert compile_criterion(tree)(facts) is not None


def test_a_late_reading_is_judged_with_what_came_before_it(session: Session) -> None:
    """What is fetched reaches as far back from the reading as from now."""
    patient = factories.patient(session)
    late = NOON - timedelta(days=6)
    factories.observation(session, patient, "9.0", late - timedelta(hours=20))

    facts = load_facts(session, patient.id, NOON, HOSPITAL, FactNeeds.of(HIGH), as_of=late)

    assert compile_criterion(HIGH)(facts) is None
    assert compile_criterion(HIGH)(facts.as_of(late)) is not None


def test_a_follower_is_found_through_the_unionid(session: Session) -> None:
    patient = factories.patient(session, phone=None)
    one, other = (
        WeChatAccount(app_key=app, openid=app, unionid="u-1", created_at=NOON, last_seen_at=NOON)
        for app in ("program", "official")
    )
    session.add_all([one, other])
    session.flush()
    link = PatientLink(
        account_id=one.id, patient_id=patient.id, relation=Relation.SELF, evidence="desk-code",
        starts_at=NOON,
    )  # fmt: skip
    session.add(link)
    session.flush()
    needs = FactNeeds.of(Reachable(Reach.PHONE))

    before = load_facts(session, patient.id, NOON, HOSPITAL, needs).reach
    other.is_following = True
    session.flush()
    after = load_facts(session, patient.id, NOON, HOSPITAL, needs).reach
    link.is_live = None
    session.flush()
    unlinked = load_facts(session, patient.id, NOON, HOSPITAL, needs).reach

    assert before == {Reach.MINI_PROGRAM}
    assert after == {Reach.MINI_PROGRAM, Reach.OFFICIAL_ACCOUNT}
    assert unlinked == frozenset()
