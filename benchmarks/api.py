"""What it costs to know who asks, and to write down that they did.

`GET /api/v1/patients/{p}/observations` (authenticated, audited, through the shipped `wsgi:app`)
against a bare Flask route with one indexed SELECT of the same rows; the same gunicorn, the same
database, 32 connections.
"""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from sqlalchemy import Engine, func, insert, select

from app import encryption
from app.database import make_engine, new_public_id, unit_of_work
from app.domain.outreach.messaging import dedupe_key
from app.domain.trust.access import Relation
from app.models import (
    AuditEvent,
    Observation,
    ObservationStatus,
    Origin,
    Patient,
    PatientLink,
    WeChatAccount,
)
from app.services.trust.audit_trail import verify
from app.services.trust.sessions import begin_session
from benchmarks import measuring
from tests.conftest import ROOT, SECRET_KEY, SECRET_KEYS
from tests.services import free_port

TARGET = 0.40
CONNECTIONS = 32
WORKERS = 2
READINGS = 20  # a page that a phone shows
GLUCOSE = "15074-8"


@dataclass(frozen=True, slots=True)
class Reader:
    """One patient with a phone: how each of the two routes is asked."""

    patient_id: int
    public_id: str
    token: str

    def audited(self) -> str:
        return (
            f"GET /api/v1/patients/{self.public_id}/observations?code={GLUCOSE} HTTP/1.1\r\n"
            f"Host: 127.0.0.1\r\nAuthorization: Bearer {self.token}\r\n\r\n"
        )

    def bare(self) -> str:
        return f"GET /patients/{self.patient_id}/observations HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def fill(engine: Engine, patients: int) -> list[Reader]:
    """Make patients with a phone each and some days of readings."""
    unit_of_work.configure(bind=engine)
    now = datetime.now(UTC)
    with unit_of_work.begin() as session:
        readers = []
        for number in range(patients):
            user = WeChatAccount(
                app_key="patient", openid=f"oBench{number}", created_at=now, last_seen_at=now
            )
            patient = Patient(
                name="演示甲", phone="12000000001", department_code="ENDO", created_at=now,
                updated_at=now,
            )  # fmt: skip
            session.add_all([user, patient])
            session.flush()
            session.add(
                PatientLink(
                    account_id=user.id, patient_id=patient.id, relation=Relation.SELF,
                    evidence="phone-code", starts_at=now,
                )
            )  # fmt: skip
            token = begin_session(session, now, account_id=user.id)
            readers.append(Reader(patient.id, patient.public_id, token))
            session.flush()
            session.execute(
                insert(Observation), [_reading(patient.id, n, now) for n in range(READINGS)]
            )
    return readers


def _reading(patient_id: int, number: int, now: datetime) -> dict[str, Any]:
    at = now - timedelta(hours=6 * number)
    return {
        "public_id": new_public_id(), "patient_id": patient_id, "origin": Origin.HOME,
        "identity": dedupe_key(patient_id, number), "status": ObservationStatus.FINAL,
        "code": GLUCOSE, "code_system": "http://loinc.org", "value": Decimal("6.1"),
        "unit": "mmol/L", "interpretation": "N", "effective_at": at, "issued_at": at,
        "received_at": at, "is_current": True,
    }  # fmt: skip


@contextmanager
def served(application: str, database_url: str) -> Iterator[int]:
    """Run an application under gunicorn; yield its port."""
    port = free_port()
    environment = {
        **os.environ,
        "CARELOOP_DATABASE_URL": database_url,
        "CARELOOP_SECRET_KEYS": SECRET_KEYS,
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-k", "sync", "-w", str(WORKERS), "--log-level",
         "error", "--no-control-socket", "-b", f"127.0.0.1:{port}", application],
        cwd=ROOT, env=environment, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield port
    finally:
        server.terminate()
        server.wait(20)


def ask(port: int, request: str) -> Any:
    """Return the answer to one request, asked by another client, as soon as the server is up."""
    path = request.split(" ")[1]
    headers = dict(line.split(": ", 1) for line in request.split("\r\n")[1:] if line)
    deadline = time.monotonic() + 30
    while True:
        try:
            with urlopen(Request(f"http://127.0.0.1:{port}{path}", headers=headers)) as answer:
                return json.load(answer)
        except HTTPError:
            raise
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def press(port: int, requests: Sequence[str], seconds: float) -> dict[str, Any]:
    """Ask for some seconds; every answer must be 200."""
    order = {
        "port": port, "requests": list(requests), "connections": CONNECTIONS, "seconds": seconds,
        "seed": measuring.SEED,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"], input=json.dumps(order), cwd=ROOT,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    if set(found["statuses"]) != {"200"}:
        raise AssertionError(f"answers: {found['statuses']}")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    options = measuring.options(__doc__ or "", arguments)
    seconds, patients = 4 * options.scale, max(4, int(200 * options.scale))
    encryption.use(encryption.Keyring({"t1": base64.b64decode(SECRET_KEY)}, "hospital"))
    busyness = measuring.Busyness()
    with measuring.fresh_database() as url:
        engine = make_engine(url)
        readers = fill(engine, patients)
        measuring.progress(f"{patients} patients, {READINGS} readings each")
        with served("wsgi:app", url) as ours, served("benchmarks.bare_api:app", url) as bare:
            for port, request in ((ours, readers[0].audited()), (bare, readers[0].bare())):
                answered = len(ask(port, request)["observations"])
                if answered != READINGS:
                    raise AssertionError(f"{answered} readings")
            audited = measured = 0

            def audited_reads() -> dict[str, float]:
                nonlocal audited, measured
                before = _entries()
                found = press(ours, [one.audited() for one in readers], seconds)
                written = _entries() - before
                if written != found["count"]:
                    raise AssertionError(f"{found['count']} reads, {written} written down")
                audited, measured = audited + written, measured + found["count"]
                return _figures(found)

            def bare_reads() -> dict[str, float]:
                return _figures(press(bare, [one.bare() for one in readers], seconds))

            a, b = measuring.alternate(audited_reads, bare_reads, options.rounds)
        with unit_of_work.begin() as session:
            checked, breaks = verify(session)
        if breaks:
            raise AssertionError(f"the trail has {len(breaks)} breaks")
        engine.dispose()
    measuring.finish(
        "api",
        {
            "ratio": measuring.paired_ratio(a, b, "per_second"),
            "target": TARGET,
            "ratio_p99": measuring.paired_ratio(a, b, "p99_ms"),
            "ours": measuring.medians(a),
            "bare": measuring.medians(b),
            "sizes": {
                "patients": patients, "readings": READINGS, "connections": CONNECTIONS,
                "workers": WORKERS, "rounds": options.rounds, "seconds": seconds,
            },
            "checks": {"reads": measured, "audited": audited, "trail_verified": checked},
            "machine": busyness.report(),
        },
    )  # fmt: skip


def _figures(found: dict[str, Any]) -> dict[str, float]:
    return {
        "per_second": found["count"] / found["seconds"],
        "p50_ms": found["p50_ms"],
        "p99_ms": found["p99_ms"],
    }


def _entries() -> int:
    with unit_of_work.begin() as session:
        return session.scalar(select(func.count()).select_from(AuditEvent)) or 0


if __name__ == "__main__":
    main()
