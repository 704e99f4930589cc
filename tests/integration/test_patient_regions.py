"""Province and city of a patient: set wherever the address is, and for those from before."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.cli.commands import main
from app.database import unit_of_work
from app.models import Event, Patient
from app.services.profile import patient_regions
from app.services.profile.patient_regions import place_batch
from tests import factories
from tests.conftest import NOON, SECRET_KEYS
from tests.integration.test_intake import patient, take, update
from tests.integration.test_patient_index import join, part


def told(address: str, at: str = "20260504100000", control_id: str = "U1") -> bytes:
    return update(f"PID|1||80001^^^HIS^MR||李测试||||||{address}", at, control_id)


def test_fields_of_an_address_say_the_region_and_its_text_where_they_do_not(
    session: Session,
) -> None:
    take(session, told("中山西路1号^^宁波^浙江省^315000"))
    assert patient(session).region == "浙江省宁波市"

    take(session, told("云南省昆明市^五华区", "20260505100000", "U2"))
    assert patient(session).region == "云南省昆明市"
    assert patient(session).address == "云南省昆明市五华区"


def test_a_deleted_address_and_one_without_a_province_have_no_region(session: Session) -> None:
    take(session, told("浙江省宁波市海曙区"))
    take(session, told("某路1号", "20260505100000", "U2"))
    assert patient(session).region is None

    take(session, told("浙江省宁波市海曙区", "20260506100000", "U3"))
    take(session, told('""', "20260507100000", "U4"))
    assert (patient(session).address, patient(session).region) == (None, None)


def test_older_news_of_the_address_changes_no_region(session: Session) -> None:
    take(session, told("浙江省宁波市海曙区", "20260505100000"))
    take(session, told("云南省昆明市五华区", "20260504100000", "U2"))

    assert patient(session).region == "浙江省宁波市"


def test_a_borrowed_address_brings_its_region_and_takes_it_back(session: Session) -> None:
    head = factories.patient(session)
    lender = factories.patient(
        session, address="浙江省宁波市海曙区", region="浙江省宁波市", stamps={"address": "1"}
    )
    link = join(session, head, lender)
    assert (head.address, head.region) == ("浙江省宁波市海曙区", "浙江省宁波市")

    part(session, link)
    assert (head.address, head.region) == (None, None)
    assert lender.region == "浙江省宁波市"


@pytest.fixture
def before(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARELOOP_SECRET_KEYS", SECRET_KEYS)
    monkeypatch.setenv("CARELOOP_DATABASE_URL", database.url.render_as_string(hide_password=False))
    with unit_of_work.begin() as session:
        for number in range(7):
            factories.patient(session, address=f"浙江省宁波市海曙区{number}号")
        factories.patient(session, address="某路1号")
        factories.patient(session)
        factories.patient(session, address="云南省昆明市", region="浙江省")  # told otherwise


def regions() -> list[str | None]:
    with unit_of_work() as session:
        return list(session.scalars(select(Patient.region).order_by(Patient.id)))


@pytest.mark.usefixtures("before")
def test_the_verb_places_those_from_before_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["patients", "regions"]) == 0
    assert "8 addresses read, 7 placed, 1 without" in capsys.readouterr().out
    assert regions() == ["浙江省宁波市"] * 7 + [None, None, "浙江省"]
    with unit_of_work() as session:
        events = session.scalars(select(Event).filter_by(kind="patient.updated")).all()
    assert len(events) == 7

    assert main(["patients", "regions"]) == 0
    assert "1 addresses read, 0 placed" in capsys.readouterr().out


@pytest.mark.usefixtures("before")
def test_broken_off_it_goes_on_after_the_last_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient_regions, "_WAITING", patient_regions._WAITING.limit(3))
    with unit_of_work.begin() as session:
        first = place_batch(session, 0, NOON)
    assert (first.seen, first.placed) == (3, 3)
    with unit_of_work() as session:  # the power fails before the second is committed
        assert place_batch(session, first.last or 0, NOON).placed == 3
        session.rollback()
    assert regions().count("浙江省宁波市") == 3

    after: int | None = first.last
    while after is not None:
        with unit_of_work.begin() as session:
            after = place_batch(session, after, NOON + timedelta(hours=1)).last
    assert regions().count("浙江省宁波市") == 7


@pytest.mark.parametrize("arguments", [["--after", "x"], ["--after", "-1"], ["nonsense"]])
def test_a_wrong_call_is_told_in_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["patients", "regions", *arguments]) == 2
    assert "Traceback" not in capsys.readouterr().err
