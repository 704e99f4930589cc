"""Our forms leave as Questionnaire, their answers as QuestionnaireResponse of that version."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.intake.clinical_records import FormStatus
from app.domain.plans.questionnaires import AnswerMode, parse_questionnaire
from app.domain.trust.access import Relation
from app.integrations.fhir.checking import check
from app.integrations.fhir.json_text import dump, parse
from app.integrations.fhir.writer import resources, write_questionnaire
from app.integrations.pack_files import read_pack
from app.models import PublicationStatus, Questionnaire, QuestionnaireResponse
from app.models.profile.whole_record import load_records
from app.services.plans.plan_library import install_pack
from app.services.plans.questionnaire_answers import Author, Sheet, record_response, save_draft
from tests.conftest import NOON, ROOT
from tests.integration.ward import build
from tests.unit.test_questionnaire_branches import FORM


@pytest.fixture
def forms(session: Session) -> dict[str, Questionnaire]:
    install_pack(session, read_pack(ROOT / "packs" / "instruments"), NOON, approved_by="演示主任")
    session.add(
        Questionnaire(
            key=FORM["key"], version=1, status=PublicationStatus.ACTIVE, title=FORM["title"],
            definition=FORM, pack_key="instruments",
        )
    )  # fmt: skip
    session.flush()
    return {one.key: one for one in session.scalars(select(Questionnaire))}


def link_ids(items: list[dict[str, Any]]) -> list[str]:
    return [name for one in items for name in (one["linkId"], *link_ids(one.get("item", [])))]


def test_every_form_is_a_questionnaire_as_r4_has_it(forms: dict[str, Questionnaire]) -> None:
    for row in forms.values():
        written = parse(dump(write_questionnaire(row)).encode())
        assert check(written) == (), row.key
        form = parse_questionnaire(row.definition)
        groups = [group.link_id for group in form.groups()]
        assert sorted(link_ids(written["item"])) == sorted(
            [*(item.link_id for item in form.items), *groups]
        )

    surgery = write_questionnaire(forms["after-surgery"])
    signs, fever, pain, where = surgery["item"]
    assert (signs["type"], signs["repeats"]) == ("choice", True)
    assert signs["answerOption"][0]["valueCoding"]["extension"][0]["valueDecimal"] == Decimal(2)
    assert fever["enableWhen"][0]["answerCoding"]["code"] == "fever"
    assert fever["item"][2]["enableWhen"][0] == {
        "question": "peak", "operator": ">=", "answerDecimal": Decimal("38.5"),
    }  # fmt: skip
    assert pain["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "slider"
    assert where["enableWhen"][0] == {"question": "pain", "operator": "!=", "answerInteger": 0}


def test_answers_leave_in_the_types_of_their_version_and_drafts_stay(
    session: Session, forms: dict[str, Questionnaire]
) -> None:
    ward = build(session)
    nurse = Author(
        practitioner_id=ward.nurse.id, mode=AnswerMode.TELEPHONE, informant=Relation.SPOUSE
    )
    answers = {
        "signs": ["fever", "cough"], "since": "2026-05-04", "peak": "38.50", "chills": True,
        "pain": 3, "where": "伤口",
    }  # fmt: skip
    record_response(
        session, ward.patient.id, nurse, Sheet("after-surgery", answers, "by-call", version=1), NOON
    )
    mine = Author(account_id=ward.account.id)
    save_draft(session, ward.patient.id, mine, Sheet("nrs-pain", {"pain-now": 2}, "draft"), NOON)

    (record,) = load_records(session, [ward.patient.id])
    written = [
        one for one in resources(record, HOSPITAL) if one["resourceType"] == "QuestionnaireResponse"
    ]

    (told,) = written
    assert check(parse(dump(told).encode())) == ()
    assert told["questionnaire"] == "urn:x-careloop:questionnaire:after-surgery|1"
    signs, fever, *_ = told["item"]
    assert [one["valueCoding"]["code"] for one in signs["answer"]] == ["fever", "cough"]
    assert fever["linkId"] == "fever-part"
    assert fever["item"][0]["answer"] == [{"valueDate": "2026-05-04"}]
    assert str(fever["item"][1]["answer"][0]["valueDecimal"]) == "38.50"
    assert told["author"]["type"] == "Practitioner"
    assert "source" not in told  # the spouse has no name with us
    kept = session.scalars(
        select(QuestionnaireResponse).filter_by(status=FormStatus.COMPLETED)
    ).one()
    assert (kept.score, kept.informant) == (7, Relation.SPOUSE)
