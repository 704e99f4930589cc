"""Devices, from the box that is scanned to the reading that stands in the record."""

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from wsgiref.simple_server import make_server

import pytest
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from app import clock
from app.cli.commands import main
from app.database import unit_of_work
from app.domain.criteria.needs import FactNeeds
from app.domain.profile.plausibility import Doubt
from app.domain.trust.access import Relation
from app.domain.trust.consenting import CURRENT_TEXTS, ConsentPurpose
from app.domain.trust.signatures import sign
from app.integrations.fhir.checking import check
from app.integrations.fhir.writer import resources
from app.models import (
    Device,
    DeviceHolding,
    Event,
    InboundMessage,
    Observation,
    ObservationStatus,
    Patient,
    Reporter,
    Task,
)
from app.models.profile.patient_facts.loading import load_facts
from app.models.profile.whole_record import load_records
from app.services.intake.patient_index import merge
from app.services.intake.replay_runs import Which, replay_batch, start
from jobs.chores import Work
from jobs.device_readings import take_readings
from jobs.profile_reactions import release_devices
from jobs.reactions import review_implausible
from tests.api.conftest import (
    OUTLETS,
    VENDOR,
    VENDOR_SECRET,
    Clinic,
    link,
    make_account,
    make_patient,
    measurement,
)
from tests.conftest import NOON, SECRET_KEYS

SYSTOLIC, DIASTOLIC, WEIGHT = "8480-6", "8462-4", "29463-7"
SERIAL = "BP-0042"


def reading(code: str = SYSTOLIC, value: str = "135", **more: Any) -> dict[str, Any]:
    unit = "kg" if code == WEIGHT else "mm[Hg]"
    return {
        "serial": SERIAL, "id": uuid4().hex, "code": code, "value": value, "unit": unit,
        "effective_at": NOON.isoformat(), **more,
    }  # fmt: skip


def push(
    clinic: Clinic, *readings: Any, secret: str = VENDOR_SECRET, at: datetime | None = None
) -> TestResponse:
    return push_body(clinic, json.dumps({"readings": readings}).encode(), secret=secret, at=at)


def push_body(
    clinic: Clinic, body: bytes, *, secret: str = VENDOR_SECRET, at: datetime | None = None
) -> TestResponse:
    header = sign([secret], at or clock.now(), body)
    return clinic.app.test_client().post(
        f"/devices/{VENDOR}/readings", data=body, content_type="application/json",
        headers={"CareLoop-Signature": header},
    )  # fmt: skip


def results(answer: TestResponse) -> list[tuple[str, str | None]]:
    assert answer.status_code == 200
    return [(one["result"], one["reason"] or one["doubt"]) for one in answer.json["readings"]]


def bind(clinic: Clinic, kind: str = "pressure-monitor", path: str = "", **more: Any) -> str:
    """Bind a device yesterday and return the id of the holding."""
    body = {"vendor": VENDOR, "serial": SERIAL, "kind": kind, **more}
    answer = clinic.phone().post(f"{path or clinic.path}/devices", body)
    assert answer.status_code in (200, 201)
    with unit_of_work.begin() as session:
        holding = session.scalars(select(DeviceHolding).filter_by(public_id=answer.json["id"]))
        holding.one().starts_at = NOON - timedelta(days=1)
    return str(answer.json["id"])


def kept() -> list[Observation]:
    with unit_of_work.begin() as session:
        return list(session.scalars(select(Observation).order_by(Observation.id)))


def events(kind: str) -> int:
    with unit_of_work.begin() as session:
        return len(session.scalars(select(Event).filter_by(kind=kind)).all())


def test_a_reading_goes_the_way_of_a_typed_one(clinic: Clinic) -> None:
    bind(clinic, "glucose-meter")
    early = (NOON - timedelta(hours=5)).isoformat()  # 07:00, the fasting window

    answer = push(
        clinic,
        reading("15074-8", "54", unit="mg/dL", effective_at=early, context="fasting"),
    )

    assert results(answer) == [("taken", None)]
    (row,) = kept()
    assert (row.patient_id, row.code, str(row.value.normalize())) == (
        clinic.patient.id, "15074-8", "3",
    )  # fmt: skip
    assert (row.unit, row.text, row.interpretation) == ("mmol/L", "54 mg/dL", "L")
    assert (row.reporter, row.source) == (Reporter.DEVICE, f"device:{VENDOR}")
    assert (row.status, row.doubt) == (ObservationStatus.FINAL, None)
    assert events("observation.recorded") == events("task.completed") == 1
    with unit_of_work.begin() as session:
        assert session.get_one(Observation, row.id).device.serial == SERIAL
        done = session.scalars(select(Task).filter_by(status="completed")).one()
        assert row.task_id == done.id


def test_the_same_call_again_changes_nothing(clinic: Clinic) -> None:
    bind(clinic)
    one, other = reading(), reading(DIASTOLIC, "85")

    first = push(clinic, one, other)
    second = push(clinic, one, other, reading(id="later", value="136"))

    assert results(first) == [("taken", None)] * 2
    assert results(second) == [("duplicate", None), ("duplicate", None), ("taken", None)]
    assert len(kept()) == events("observation.recorded") == 3


def test_the_same_name_with_another_value_waits_for_a_person(clinic: Clinic) -> None:
    bind(clinic)
    push(clinic, reading(id="7"))

    answer = push(clinic, reading(id="7", value="153"))

    assert results(answer) == [("held", "reading-changed")]
    assert [str(row.value.normalize()) for row in kept()] == ["135"]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"serial": "BP-9999"}, "device-unknown"),
        ({"code": WEIGHT, "value": "60", "unit": "kg"}, "device-wrong-kind"),
        ({"unit": "stone"}, "unit-unknown"),
        ({"value": "high"}, "reading-not-readable"),
        ({"effective_at": (NOON + timedelta(hours=1)).isoformat()}, "reading-in-future"),
        ({"effective_at": (NOON - timedelta(days=91)).isoformat()}, "reading-too-old"),
        ({"effective_at": (NOON - timedelta(days=2)).isoformat()}, "device-not-held"),
        ({"device_at": (NOON - timedelta(days=2)).isoformat()}, "device-clock"),
    ],
    ids=str,
)
def test_what_cannot_be_taken_is_held_with_its_reason(
    clinic: Clinic, more: dict[str, str], reason: str
) -> None:
    bind(clinic)

    answer = push(clinic, reading(**more), reading(DIASTOLIC, "85"))

    assert results(answer) == [("held", reason), ("taken", None)]
    with unit_of_work.begin() as session:
        held = session.scalars(select(InboundMessage).filter_by(status="held")).one()
        assert (held.source, held.reason) == (f"device:{VENDOR}", reason)
        assert json.loads(held.body or "")["serial"] == more.get("serial", SERIAL)
        assert held.patient_id == (None if reason == "device-unknown" else clinic.patient.id)


def test_a_clock_that_runs_ahead_is_set_right(clinic: Clinic) -> None:
    bind(clinic)
    ahead = timedelta(hours=8)

    answer = push(
        clinic,
        reading(
            effective_at=(NOON + ahead - timedelta(minutes=3)).isoformat(),
            device_at=(NOON + ahead).isoformat(), arrived_at=NOON.isoformat(),
        ),
    )  # fmt: skip

    assert results(answer) == [("taken", None)]
    (row,) = kept()
    assert row.effective_at == NOON - timedelta(minutes=3)
    assert row.clock_offset == -8 * 3600


def test_a_doubted_reading_is_kept_for_staff_and_judged_by_nobody(clinic: Clinic) -> None:
    bind(clinic)

    answer = push(clinic, reading(value="290"))

    assert results(answer) == [("taken", "range")]
    (row,) = kept()
    assert (row.status, row.doubt, row.interpretation, row.task_id) == (
        ObservationStatus.PRELIMINARY, Doubt.RANGE, None, None,
    )  # fmt: skip
    assert (events("observation.implausible"), events("observation.recorded")) == (1, 0)


def test_both_halves_of_an_impossible_pressure_are_doubted(clinic: Clinic) -> None:
    bind(clinic)

    answer = push(clinic, reading(SYSTOLIC, "80"), reading(DIASTOLIC, "120"))

    assert [result for result, _ in results(answer)] == ["taken", "taken"]
    assert [row.doubt for row in kept()] == [Doubt.PRESSURES] * 2
    assert _judged(clinic, SYSTOLIC) == _judged(clinic, DIASTOLIC) == []


def test_a_repeat_of_the_device_counts_once_and_asks_nobody(clinic: Clinic) -> None:
    bind(clinic)

    answer = push(
        clinic, reading(), reading(effective_at=(NOON - timedelta(seconds=20)).isoformat())
    )

    assert results(answer) == [("taken", None), ("taken", "repeat")]
    assert len(_judged(clinic, SYSTOLIC)) == 1
    assert events("observation.implausible") == 0


def _judged(clinic: Clinic, code: str) -> list[Any]:
    with unit_of_work.begin() as session:
        needs = FactNeeds(observations={code: timedelta(days=1)})
        facts = load_facts(session, clinic.patient.id, clock.now(), clock.HOSPITAL, needs)
        return list(facts.observations.get(code, ()))


def test_a_reading_belongs_to_whoever_held_the_device_when_it_measured(clinic: Clinic) -> None:
    holding = bind(clinic)
    other = make_patient("王五", "MR0005")
    link(clinic.account.id, other, Relation.SPOUSE)
    path = f"/patients/{other.public_id}"

    taken = clinic.phone().post(
        f"{path}/devices", {"vendor": VENDOR, "serial": "bp-0042 ", "kind": "pressure-monitor"}
    )
    assert (taken.status_code, taken.json["type"]) == (409, "/problems/device-taken")
    handed_back = clinic.phone().ask("DELETE", f"{clinic.path}/devices/{holding}")
    assert handed_back.json["is_live"] is False
    clinic.phone().post(
        f"{path}/devices", {"vendor": VENDOR, "serial": "bp-0042 ", "kind": "pressure-monitor"}
    )
    after = (clock.now() + timedelta(seconds=1)).isoformat()
    answer = push(clinic, reading(), reading(value="150", effective_at=after))

    assert results(answer) == [("taken", None)] * 2
    assert [row.patient_id for row in kept()] == [clinic.patient.id, other.id]
    with unit_of_work.begin() as session:
        assert len(session.scalars(select(Device)).all()) == 1
        assert session.scalars(select(DeviceHolding.bound_by).order_by(DeviceHolding.id)).all() == [
            Reporter.PATIENT,
            Reporter.FAMILY,
        ]


def test_nothing_is_taken_of_the_time_after_a_death(clinic: Clinic) -> None:
    bind(clinic)
    with unit_of_work.begin() as session:
        session.get_one(Patient, clinic.patient.id).deceased_at = NOON - timedelta(hours=2)

    answer = push(
        clinic,
        reading(),
        reading(effective_at=(NOON - timedelta(hours=3)).isoformat(), value="140"),
    )

    assert results(answer) == [("held", "reading-after-death"), ("taken", None)]


def test_a_held_reading_is_taken_once_its_cause_is_mended(clinic: Clinic) -> None:
    push(clinic, reading())
    assert kept() == []
    bind(clinic)

    with unit_of_work.begin() as session:
        start(session, Which(f"device:{VENDOR}", "held"), None, clock.now())
        for message in session.scalars(select(InboundMessage)):
            message.received_at = NOON - timedelta(minutes=1)
    while replay_batch(unit_of_work, lambda *_: (), clock.now):
        pass
    assert take_readings() == 1

    (row,) = kept()
    assert (row.patient_id, row.reporter) == (clinic.patient.id, Reporter.DEVICE)


@pytest.mark.parametrize(
    ("secret", "age"),
    [("somebody else's secret, long too..", timedelta()), (VENDOR_SECRET, timedelta(minutes=6))],
)
def test_a_call_that_is_not_signed_now_by_the_vendor_is_not_even_kept(
    clinic: Clinic, secret: str, age: timedelta
) -> None:
    answer = push(clinic, reading(), secret=secret, at=NOON - age)

    assert answer.status_code == 401
    with unit_of_work.begin() as session:
        assert session.scalars(select(InboundMessage)).all() == []


def test_an_unknown_vendor_looks_like_a_wrong_signature(clinic: Clinic) -> None:
    answer = clinic.app.test_client().post("/devices/nobody/readings", json={"readings": []})

    assert answer.status_code == 401


@pytest.mark.parametrize("body", [b"{", b'{"readings": []}', b'["a"]', b'{"readings": {"a": 1}}'])
def test_a_call_that_is_no_batch_is_kept_and_refused(clinic: Clinic, body: bytes) -> None:
    assert push_body(clinic, body).status_code == 400
    assert push_body(clinic, body).status_code == 400

    with unit_of_work.begin() as session:
        message = session.scalars(select(InboundMessage)).one()
        assert (message.status, message.reason) == ("held", "reading-not-readable")
        assert (message.body or "").encode("latin-1") == body


def test_too_many_at_once_are_to_be_sent_in_parts(clinic: Clinic) -> None:
    assert push(clinic, *(reading() for _ in range(21))).status_code == 413
    assert kept() == []


def test_things_that_are_no_readings_do_not_stop_the_others(clinic: Clinic) -> None:
    bind(clinic)

    answer = push(clinic, None, [], "x", reading())

    assert results(answer) == [("held", "reading-not-readable")] * 3 + [("taken", None)]


# ------------------------------------------------------------------------------ the phone's side


def test_a_phone_sees_what_it_bound_and_what_there_is_to_bind(clinic: Clinic) -> None:
    bind(clinic, manufacturer="欧姆龙", model="J710")

    told = clinic.phone().get(f"{clinic.path}/devices").json

    (device,) = told["devices"]
    assert (device["serial"], device["model"], device["is_live"]) == (SERIAL, "J710", True)
    assert told["vendors"] == [{"key": VENDOR, "name": "欧姆龙"}]
    assert {"key": "scale", "name": "体重秤"} in told["kinds"]


@pytest.mark.parametrize(
    "more", [{"vendor": "nobody"}, {"serial": "x"}, {"serial": "血压计一二三"}, {"kind": "phone"}]
)
def test_what_names_no_device_is_refused(clinic: Clinic, more: dict[str, str]) -> None:
    body = {"vendor": VENDOR, "serial": SERIAL, "kind": "scale", **more}

    assert clinic.phone().post(f"{clinic.path}/devices", body).status_code == 400


def test_a_stranger_neither_sees_nor_hands_back_a_device(clinic: Clinic) -> None:
    holding = bind(clinic)
    stranger = clinic.phone(make_account("oStranger"))

    assert stranger.get(f"{clinic.path}/devices").status_code == 404
    assert stranger.ask("DELETE", f"{clinic.path}/devices/{holding}").status_code == 404
    other = make_patient("王五", "MR0005")
    link(stranger.account_id, other, Relation.SELF)
    path = f"/patients/{other.public_id}/devices/{holding}"
    assert stranger.ask("DELETE", path).status_code == 404


def test_a_typed_value_says_who_typed_it_and_what_it_was_read_off(clinic: Clinic) -> None:
    holding = bind(clinic, "glucose-meter")

    phone = clinic.phone()
    phone.post(f"{clinic.path}/observations", measurement("6.1", device=holding))
    refused = phone.post(f"{clinic.path}/observations", measurement("6.1", device="nothing"))

    assert refused.status_code == 404
    (row,) = kept()
    assert (row.reporter, row.device_id is not None) == (Reporter.PATIENT, True)
    (listed,) = phone.get(f"{clinic.path}/observations").json["observations"]
    assert (listed["is_by_device"], listed["doubt"]) == (True, None)


def test_a_typed_value_is_held_against_the_last_one_too(clinic: Clinic) -> None:
    phone = clinic.phone()
    weigh = {"code": WEIGHT, "effective_at": (NOON - timedelta(hours=1)).isoformat()}
    phone.post(f"{clinic.path}/observations", measurement("60", **weigh))

    jump = measurement("72", code=WEIGHT)
    refused = phone.post(f"{clinic.path}/observations", jump)
    assert (refused.status_code, "同一台仪器" in refused.json["title"]) == (422, True)
    assert phone.post(f"{clinic.path}/observations", {**jump, "confirmed": True}).status_code == 201

    assert [row.doubt for row in kept()] == [None, Doubt.JUMP]
    newest = phone.get(f"{clinic.path}/observations").json["observations"][0]
    assert newest["doubt"] == "jump"


def test_the_record_says_where_a_value_comes_from(clinic: Clinic) -> None:
    bind(clinic, manufacturer="欧姆龙", model="J710")
    push(clinic, reading(value="150"), reading(DIASTOLIC, "25"))

    told = clinic.phone().get(f"{clinic.path}/timeline").json["entries"]
    lines = [line for line in told if line["kind"] == "observation"]

    assert [line["text"] for line in lines] == [
        "舒张压 25 mmHg（可疑：超出可能的范围） · 设备上传，欧姆龙 J710 血压计",
        "收缩压 150 mmHg · 设备上传，欧姆龙 J710 血压计",
    ]
    with unit_of_work.begin() as session:
        (whole,) = load_records(session, [clinic.patient.id])
        given = [
            one for one in resources(whole, clock.HOSPITAL) if one["resourceType"] == "Observation"
        ]
    assert [check(one) for one in given] == [(), ()]
    believed, doubted = given
    assert believed["device"] == {
        "type": "Device",
        "identifier": {"system": "urn:x-careloop:device:omron", "value": SERIAL},
        "display": "欧姆龙 J710 血压计",
    }
    assert believed["meta"]["source"] == "urn:x-careloop:feed:device:omron"
    assert "performer" not in believed
    assert (believed["status"], doubted["status"]) == ("final", "preliminary")
    assert doubted["extension"] == [{"url": "urn:x-careloop:doubt", "valueCode": "range"}]


def test_who_takes_back_consent_hands_back_the_devices(clinic: Clinic) -> None:
    bind(clinic)
    no = {
        "purpose": "health-data", "is_given": False,
        "text_version": CURRENT_TEXTS[ConsentPurpose.HEALTH_DATA].version,
    }  # fmt: skip
    assert clinic.phone().post(f"{clinic.path}/consents", no).status_code < 300

    with unit_of_work.begin() as session:
        told = session.scalars(select(Event).filter_by(kind="consent.changed")).one()
        release_devices(Work(clock.HOSPITAL, OUTLETS), session, told)

    later = (NOON + timedelta(minutes=5)).isoformat()
    assert results(push(clinic, reading(effective_at=later))) == [("held", "device-not-held")]


def test_an_operator_can_play_the_cloud(
    clinic: Clinic,
    database: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bind(clinic)
    vendors = [{"name": VENDOR, "label": "欧姆龙", "secrets": [VENDOR_SECRET]}]
    monkeypatch.setenv("CARELOOP_SECRET_KEYS", SECRET_KEYS)
    monkeypatch.setenv("CARELOOP_DATABASE_URL", database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("CARELOOP_DEVICES__VENDORS", json.dumps(vendors))
    batch = tmp_path / "batch.json"
    now = datetime.now(UTC).isoformat()  # the verb reads the real clock
    told = [reading(id="1", effective_at=now), reading(id="2", effective_at=now, unit="stone")]
    batch.write_text(json.dumps({"readings": told}))
    server = make_server("127.0.0.1", 0, clinic.app)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    there = f"http://127.0.0.1:{server.server_port}"
    status = main(["devices", "push", str(batch), "--vendor", VENDOR, "--to", there])

    server.shutdown()
    server.server_close()
    unit_of_work.configure(bind=database)
    printed = capsys.readouterr()
    assert printed.out.splitlines() == ["1 taken ", "2 held unit-unknown"], printed.err
    assert status == 1
    assert main(["devices", "push", str(batch), "--vendor", "nobody"]) == 1
    unit_of_work.configure(bind=database)
    assert len(kept()) == 1


def test_a_merge_takes_the_device_and_what_it_measures_along(clinic: Clinic) -> None:
    bind(clinic)
    push(clinic, reading(effective_at=(NOON - timedelta(hours=1)).isoformat()))
    survivor = make_patient("李测试", "MR0009")

    with unit_of_work.begin() as session:
        merge(
            session, session.get_one(Patient, survivor.id),
            session.get_one(Patient, clinic.patient.id), version="2026-05-04", now=clock.now(),
        )  # fmt: skip
    assert results(push(clinic, reading())) == [("taken", None)]

    assert {row.patient_id for row in kept()} == {survivor.id}
    with unit_of_work.begin() as session:
        assert session.scalars(select(DeviceHolding)).one().patient_id == survivor.id


def test_the_team_is_asked_once_a_day_what_is_wrong_with_a_device(clinic: Clinic) -> None:
    bind(clinic)
    push(clinic, reading(value="290"), reading(DIASTOLIC, "20"))

    with unit_of_work.begin() as session:
        for told in session.scalars(select(Event).filter_by(kind="observation.implausible")):
            review_implausible(Work(clock.HOSPITAL, OUTLETS), session, told)
        session.flush()
        asked = session.scalars(select(Task).filter_by(title="核对不太可能的测量结果")).all()
        assert [task.patient_id for task in asked] == [clinic.patient.id]
