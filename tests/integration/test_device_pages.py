"""设备 and 照片 of one patient in the console: who may, what is shown, what is kept of looking."""

import io
import re
from datetime import timedelta
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from app import clock
from app.database import unit_of_work
from app.domain.profile.photos import PhotoSubject
from app.domain.trust.access import StaffRole
from app.models import AuditEvent, DeviceHolding, Patient, Reporter
from app.services.profile.photos import Sender, Shot, keep_photo
from tests import factories, settling
from tests.integration import ward
from tests.integration.ward import WORK
from tests.staff_browser import WeCom, csrf_of, make_app, sign_in


@pytest.fixture
def wecom() -> WeCom:
    return WeCom(signs_in="nurse-chen")


@pytest.fixture
def browser(database: Engine, wecom: WeCom) -> FlaskClient:
    """A nurse's browser; a patient of hers is on a plan and has sent a photo."""
    now = clock.now()
    with unit_of_work.begin() as session:
        who = ward.build(session, now)
        for role in StaffRole:
            factories.practitioner(session, role.value, role=role, teams=[who.team])
        factories.practitioner(session, "stranger", teams=[factories.care_team(session, "别组")])
        ward.discharge(session, who, now)
        settling.settle(session, WORK)
        written = io.BytesIO()
        Image.new("RGB", (8, 8), "red").save(written, "JPEG")
        shot = Shot(UUID(int=1), PhotoSubject.WOUND, now, bytes(32))
        sender = Sender(Reporter.FAMILY, who.account.id)
        keep_photo(session, who.patient.id, shot, sender, written.getvalue(), (8, 8), now)
    client = make_app(wecom).test_client()
    sign_in(client, wecom, "/console")
    return client


def path(page: str) -> str:
    with unit_of_work.begin() as session:
        patient = session.scalars(select(Patient)).one()
        return f"/console/patients/{patient.public_id}/{page}"


def post(browser: FlaskClient, address: str, **form: str) -> TestResponse:
    form["csrf_token"] = csrf_of(browser.get(path("devices")))
    return browser.post(address, data=form)


def bind(browser: FlaskClient, **more: str) -> TestResponse:
    form = {"vendor": "omron", "kind": "scale", "serial": "ws 17", **more}
    return post(browser, path("devices"), **form)


def as_user(browser: FlaskClient, wecom: WeCom, name: str) -> FlaskClient:
    client = browser.application.test_client()
    wecom.signs_in = name
    sign_in(client, wecom, "/console")
    return client


def audited(entity: str) -> list[str]:
    with unit_of_work.begin() as session:
        rows = session.scalars(select(AuditEvent).filter_by(entity=entity).order_by(AuditEvent.id))
        return [row.action for row in rows if row.patient_id is not None]


def test_a_nurse_gives_a_device_from_a_day_on_and_takes_it_back(browser: FlaskClient) -> None:
    since = clock.today() - timedelta(days=3)

    answer = bind(browser, since=since.isoformat(), model="W1")

    assert answer.status_code == 303
    page = browser.get(answer.headers["Location"])
    assert "W1 体重秤" in page.text
    assert "WS17" in page.text
    assert "医护绑定" in page.text
    with unit_of_work.begin() as session:
        holding = session.scalars(select(DeviceHolding)).one()
        assert (holding.starts_at, holding.bound_by) == (
            clock.start_of_day(since), Reporter.STAFF,
        )  # fmt: skip
    ended = post(browser, f"{path('devices')}/{holding.public_id}/end")
    assert ended.status_code == 303
    with unit_of_work.begin() as session:
        assert session.scalars(select(DeviceHolding)).one().is_live is None
    assert [one for one in audited("device") if one != "read"] == ["create", "delete"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"vendor": "nobody"}, "请选择厂商"),
        ({"kind": ""}, "请选择设备类型"),
        ({"serial": "一二三"}, "请填写机身上的序列号"),
        ({"since": "2099-01-01"}, "日期不能在今天以后"),
        ({"since": "soon"}, "日期"),
        ({"model": "x" * 61}, "最多 60 个字"),
    ],
)
def test_what_is_wrong_with_a_form_is_said_and_nothing_is_kept(
    browser: FlaskClient, wrong: dict[str, str], words: str
) -> None:
    answer = bind(browser, **wrong)

    assert answer.status_code == 422
    assert words in answer.text
    with unit_of_work.begin() as session:
        assert session.scalars(select(DeviceHolding)).all() == []


def test_a_photo_is_opened_by_those_who_care_for_the_patient_and_each_look_is_kept(
    browser: FlaskClient, wecom: WeCom
) -> None:
    page = browser.get(path("photos"))
    assert "伤口" in page.text
    assert "家属发来" in page.text
    (address,) = re.findall(rf'href="({path("photos")}/[^"]+)"', page.text)

    shown = browser.get(address)

    assert (shown.status_code, shown.content_type) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(shown.data)).size == (8, 8)
    assert audited("photo") == ["list", "read"]
    assert as_user(browser, wecom, "stranger").get(address).status_code == 404
    for role, status in (
        (StaffRole.DOCTOR, 200),
        (StaffRole.OPERATOR, 403),
        (StaffRole.AUDITOR, 403),
    ):
        other = as_user(browser, wecom, role.value)
        assert other.get(address).status_code == status
        assert other.get(path("devices")).status_code == status
    assert audited("photo") == ["list", "read", "read"]
