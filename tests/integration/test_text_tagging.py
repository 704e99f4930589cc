"""What people write gives tags, takes them back, and never passes over a cry for help."""

import json
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.intake.clinical_records import FormStatus, ReportStatus
from app.domain.text.learned import BUCKETS, features
from app.domain.text.polarity import Writer
from app.domain.text.reading import Channel
from app.integrations.text_files import read_text_pack
from app.models import Event, Patient, QuestionnaireResponse, Tag, TagAssignment, TagProposal
from app.models.plans.plan_definition import Questionnaire
from app.models.profile.clinical import DiagnosticReport
from app.models.profile.risk import ModelKind, TrainedModel
from app.services.profile.text_tagging import (
    SourceRow,
    install_text_tags,
    tag_report,
    tag_response,
    tag_task_note,
    tag_text,
)
from jobs.chores import Work
from jobs.reactions import REACTIONS
from tests import factories
from tests.conftest import NOON, ROOT
from tests.integration.ward import WORK, Ward, build

PACK = read_text_pack(ROOT / "packs" / "text")
FORM = {
    "key": "how-are-you", "version": 1, "title": "近况",
    "items": [
        {"link_id": "words", "text": "近来如何", "type": "text", "required": False},
        {"link_id": "mood", "text": "心情", "type": "choice", "required": False,
         "options": [{"code": "complaint", "text": "投诉"}, {"code": "b", "text": "好"}]},
    ],
}  # fmt: skip


@pytest.fixture
def ward(session: Session) -> Ward:
    ward = build(session)
    install_text_tags(session, PACK.tags.definitions, NOON)
    return ward


def borne(session: Session, patient: Patient) -> dict[str, TagAssignment]:
    rows = session.execute(
        select(Tag.key, TagAssignment)
        .join(TagAssignment, TagAssignment.tag_id == Tag.id)
        .where(TagAssignment.patient_id == patient.id, TagAssignment.is_live.is_(True))
    )
    return {key: row for key, row in rows if key.startswith("text-")}


def waiting(session: Session, patient: Patient) -> dict[str, TagProposal]:
    rows = session.execute(
        select(Tag.key, TagProposal)
        .join(TagProposal, TagProposal.tag_id == Tag.id)
        .where(TagProposal.patient_id == patient.id, TagProposal.is_open.is_(True))
    )
    return {key: row for key, row in rows}  # noqa: C416  rows are not tuples to a type checker


def answer(session: Session, ward: Ward, words: str, **more: object) -> QuestionnaireResponse:
    form = session.scalar(select(Questionnaire).filter_by(key=FORM["key"]))
    if form is None:
        form = Questionnaire(
            key=FORM["key"], version=1, status="active", title="近况", definition=FORM
        )
        session.add(form)
        session.flush()
    response = QuestionnaireResponse(
        patient_id=ward.patient.id, questionnaire_id=form.id, reference=uuid4().hex,
        author_account_id=ward.account.id, authored_at=NOON, **more,
    )  # fmt: skip
    response.answers = json.dumps({"words": words, "mood": "complaint"}, ensure_ascii=False)
    session.add(response)
    session.flush()
    return response


def test_an_answer_gives_tags_with_its_sentence_as_evidence(session: Session, ward: Ward) -> None:
    response = answer(session, ward, "挺好的。我自己把药停了半个月。夜里胸闷")

    for _ in range(2):  # a repeat changes nothing
        tag_response(session, response.id, NOON, PACK)

    found = borne(session, ward.patient)
    assert {"text-stopped-medicine", "text-chest-pain"} <= found.keys()
    assert "text-dissatisfied" not in found  # the code of a choice is no text
    stopped = found["text-stopped-medicine"]
    assert stopped.evidence == "我自己把药停了半个月"
    assert stopped.evidence_of == [{"kind": "response", "id": response.public_id}]
    assert stopped.basis == f"text:response:{response.public_id}"
    assert stopped.expires_at is not None
    assert b"\xe5\x81\x9c" not in (stopped.evidence_sealed or b"")


def test_a_corrected_row_ends_what_the_old_words_gave(session: Session, ward: Ward) -> None:
    response = answer(session, ward, "这两天发烧")
    tag_response(session, response.id, NOON, PACK)
    assert "text-fever" in borne(session, ward.patient)

    response.answers = json.dumps({"words": "写错了"}, ensure_ascii=False)
    tag_response(session, response.id, NOON, PACK)
    assert "text-fever" not in borne(session, ward.patient)

    again = answer(session, ward, "这两天发烧")
    tag_response(session, again.id, NOON, PACK)
    again.status = FormStatus.ENTERED_IN_ERROR
    tag_response(session, again.id, NOON, PACK)
    assert "text-fever" not in borne(session, ward.patient)


def test_newer_words_replace_those_they_contradict(session: Session, ward: Ward) -> None:
    for words in ("药按时吃着，这两天发烧", "不发烧了，药也停了"):
        tag_response(session, answer(session, ward, words).id, NOON, PACK)

    found = borne(session, ward.patient)
    assert "text-fever" not in found
    assert "text-taking-regularly" not in found
    assert "text-stopped-medicine" in found


def test_what_the_table_is_unsure_of_waits_for_a_person(session: Session, ward: Ward) -> None:
    tag_response(session, answer(session, ward, "吃了普利类的药一直干咳").id, NOON, PACK)

    assert "text-side-effect" not in borne(session, ward.patient)
    assert "text-side-effect" in waiting(session, ward.patient)


def test_a_cry_for_help_is_an_event_once_with_ids_only(session: Session, ward: Ward) -> None:
    response = answer(session, ward, "我不想活了")
    for _ in range(2):
        tag_response(session, response.id, NOON, PACK)

    told = session.scalars(select(Event).filter_by(kind="text.flagged")).all()
    assert sorted(event.payload["flag"] for event in told) == ["suicide", "urgent"]
    assert {event.payload["response_id"] for event in told} == {response.id}
    assert "活" not in json.dumps([event.payload for event in told], ensure_ascii=False)
    assert "text-suicide-risk" in borne(session, ward.patient)


def test_family_writing_of_themselves_gives_the_patient_nothing(
    session: Session, ward: Ward
) -> None:
    row = SourceRow("response", "abc", 1)
    text = "孩子好着呢，我自己也发烧"
    tag_text(session, ward.patient.id, text, Channel.CHAT, row, NOON, PACK, writer=Writer.GUARDIAN)

    assert "text-fever" not in borne(session, ward.patient)


def test_why_a_task_cannot_be_done_is_read_but_not_our_own_words(
    session: Session, ward: Ward
) -> None:
    task = factories.task(session, ward.patient)
    task.note = "其他原因：药吃完了，想再开一个月"
    session.flush()
    tag_task_note(session, task.id, NOON, PACK)
    assert "text-need-refill" in borne(session, ward.patient)

    task.note = "身体不舒服"
    tag_task_note(session, task.id, NOON, PACK)
    assert "text-need-refill" not in borne(session, ward.patient)


def test_a_report_is_read_as_a_record_and_forgotten_when_cancelled(
    session: Session, ward: Ward
) -> None:
    report = DiagnosticReport(
        patient_id=ward.patient.id, status=ReportStatus.FINAL, code="CT", code_system="local",
        identity=b"1" * 32, created_at=NOON, conclusion="患者诉胸痛，无发热。",
    )  # fmt: skip
    session.add(report)
    session.flush()
    tag_report(session, report.id, NOON, PACK)
    assert borne(session, ward.patient).keys() == {"text-chest-pain", "text-pain"}

    report.status = ReportStatus.CANCELLED
    tag_report(session, report.id, NOON, PACK)
    assert not borne(session, ward.patient)


def test_a_model_speaks_where_rules_are_silent_and_a_person_decides(
    session: Session, ward: Ward
) -> None:
    text = "前台总是摆脸色"
    weights = {str(at): 9.0 for at in features(text)}
    session.add(
        TrainedModel(
            kind=ModelKind.TAG, key="complaint", version=3, is_active=True, report={},
            weights={"buckets": BUCKETS, "weights": weights, "bias": 0, "slope": 1, "shift": 0},
            trained_at=NOON,
        )
    )  # fmt: skip
    session.flush()

    response = answer(session, ward, text)
    tag_response(session, response.id, NOON, PACK)

    proposal = waiting(session, ward.patient)["text-dissatisfied"]
    assert proposal.confidence == Decimal("0.79")
    assert proposal.basis == f"model:response:{response.public_id}:complaint@3"
    assert "text-dissatisfied" not in borne(session, ward.patient)


def test_the_event_of_an_answer_has_it_read(session: Session, ward: Ward) -> None:
    response = answer(session, ward, "头晕，摔倒了一次")
    event = Event.of("response.recorded", NOON, patient_id=ward.patient.id, response_id=response.id)
    session.add(event)
    session.flush()

    reaction = next(one for one in REACTIONS if one.key == "read-text")
    assert {"response.recorded", "report.recorded", "task.declined"} <= reaction.kinds
    reaction.handle(Work(WORK.zone, WORK.outlets, text=PACK), session, event)

    assert "text-falls" in borne(session, ward.patient)
