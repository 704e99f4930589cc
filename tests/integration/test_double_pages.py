"""患者重复档案 in the browser: who may, what is shown, what is done and what is kept of it."""

import re
from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from app import clock
from app.database import unit_of_work
from app.domain.trust.access import StaffRole
from app.models import AuditEvent, CandidateStatus, MatchCandidate, Patient, PatientIdentifier
from app.services.intake import patient_index
from tests import factories
from tests.conftest import NOON
from tests.integration import records
from tests.staff_browser import WeCom, csrf_of, make_app, sign_in

LIST = "/console/patients/doubles"


@dataclass
class Desk:
    browser: FlaskClient
    wecom: WeCom
    left: str
    right: str
    pair: str

    def post(self, path: str, **form: str) -> TestResponse:
        token = csrf_of(self.browser.get(LIST))
        return self.browser.post(path, data={"csrf_token": token, **form})


@pytest.fixture
def desk(database: Engine) -> Desk:
    with unit_of_work.begin() as session:
        factories.practitioner(session, "doctor", name="演示医生", role=StaffRole.DOCTOR)
        factories.practitioner(session, "nurse-chen", name="演示陈护士")
        pair = [records.someone(session, "李测试二三"), records.someone(session, "李测试二三")]
        for one, number in zip(pair, ("MR00011111", "MR00022222"), strict=True):
            session.add(
                PatientIdentifier(
                    patient=one, issuer="HIS", type_code="MR", value=number, created_at=NOON
                )
            )
        factories.encounter(session, pair[1])
        patient_index.find_doubles(session, pair[0].id, NOON)
        candidate = session.scalars(select(MatchCandidate)).one().public_id
        ids = [one.public_id for one in pair]
    wecom = WeCom(signs_in="doctor")
    browser = make_app(wecom).test_client()
    sign_in(browser, wecom, LIST)
    return Desk(browser, wecom, *ids, candidate)


def merged_into(public_id: str) -> int | None:
    with unit_of_work() as session:
        return session.scalars(select(Patient).filter_by(public_id=public_id)).one().merged_into_id


def actions() -> list[tuple[str, int | None]]:
    with unit_of_work() as session:
        rows = session.execute(
            select(AuditEvent.action, AuditEvent.patient_id)
            .where(AuditEvent.entity == "patient-index")
            .order_by(AuditEvent.id)
        )
        return [(action, patient_id) for action, patient_id in rows]


def test_a_nurse_may_not_resolve_identities(database: Engine, desk: Desk) -> None:
    desk.wecom.signs_in = "nurse-chen"
    sign_in(desk.browser, desk.wecom, LIST)

    for path in (LIST, f"{LIST}/{desk.pair}", f"{LIST}/{desk.pair}/merge?keep={desk.left}"):
        assert desk.browser.get(path).status_code == 403


def test_names_and_numbers_are_masked_on_every_page_and_looking_is_recorded(desk: Desk) -> None:
    pages = [
        desk.browser.get(path)
        for path in (LIST, f"{LIST}/{desk.pair}", f"{LIST}/{desk.pair}/merge?keep={desk.left}")
    ]

    for page in pages:
        assert page.status_code == 200
        assert "李*" in page.text
        for open_text in ("测试二三", "13800001234", "MR00011111", "00011111"):
            assert open_text not in page.text
    assert "…2222" in pages[1].text
    assert "就诊：1 条" in pages[2].text
    assert [action for action, _ in actions()] == ["list", *["read"] * 4]
    assert None not in {patient for action, patient in actions() if action == "read"}


def test_a_merge_asks_how_one_knows_and_then_is_done_and_undone(desk: Desk) -> None:
    merge = f"{LIST}/{desk.pair}/merge"
    refused = desk.post(merge, keep=desk.right, reason="because")
    assert refused.status_code == 422
    assert "请选择怎样确认了是同一人" in refused.text
    assert merged_into(desk.left) is None

    done = desk.post(merge, keep=desk.right, reason="documents-checked")

    assert done.headers["Location"] == f"{LIST}?done=merged"
    assert merged_into(desk.left) is not None
    page = desk.browser.get(done.headers["Location"])
    assert "已核对证件" in page.text
    [undo] = re.findall(r'href="(/console/patients/merges/[^"]+)"', page.text)
    assert "演示医生" in desk.browser.get(undo).text
    undone = desk.post(undo)
    assert undone.headers["Location"] == f"{LIST}?done=undone"
    assert merged_into(desk.left) is None
    assert {"merge", "unmerge"} <= {action for action, _ in actions()}
    assert desk.browser.get(undo).status_code == 404


@pytest.mark.parametrize(
    ("verb", "form", "status"),
    [
        ("link", {}, CandidateStatus.LINKED),
        ("dismiss", {"reason": "twins-or-siblings"}, CandidateStatus.DISMISSED),
    ],
)
def test_a_pair_is_settled_once(
    desk: Desk, verb: str, form: dict[str, str], status: CandidateStatus
) -> None:
    first = desk.post(f"{LIST}/{desk.pair}/{verb}", **form)
    second = desk.post(f"{LIST}/{desk.pair}/merge", keep=desk.left, reason="patient-confirmed")

    assert first.status_code == 303
    assert second.headers["Location"] == f"{LIST}?done=stale"
    with unit_of_work() as session:
        assert session.scalars(select(MatchCandidate)).one().status is status
    assert merged_into(desk.right) is None
    assert desk.browser.get(f"{LIST}/{desk.pair}").status_code == 404


def test_telling_two_people_apart_asks_why(desk: Desk) -> None:
    page = desk.post(f"{LIST}/{desk.pair}/dismiss", reason="")

    assert page.status_code == 422
    assert "请选择为什么不是同一人" in page.text


def test_a_pair_that_a_message_asked_for_is_shown_with_the_heads_of_both(desk: Desk) -> None:
    with unit_of_work.begin() as session:
        third = records.someone(session, "王另人", phone=None)
        retired = session.scalars(select(Patient).filter_by(public_id=desk.left)).one()
        patient_index.merge(session, third, retired, version=records.version(1), now=clock.now())
        # The message that asked for the pair came before: it still waits.
        session.scalars(select(MatchCandidate).filter_by(public_id=desk.pair)).one().inbound_id = 7

    page = desk.browser.get(f"{LIST}/{desk.pair}")

    assert page.status_code == 200
    assert "医院系统发来了合并消息" in page.text


@pytest.mark.parametrize("path", ["nobody", "../x", "a" * 33])
def test_what_is_no_pair_is_not_found(desk: Desk, path: str) -> None:
    assert desk.browser.get(f"{LIST}/{path}").status_code == 404
    assert desk.browser.get(f"{LIST}/{desk.pair}/merge?keep={path}").status_code == 404
