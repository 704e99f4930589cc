"""Values measured at home: sent, and read back."""

from typing import Any

from app.domain.profile.vital_signs import Measurement
from app.services.profile.home_monitoring import Provenance, Recorded, record_measurement
from app.services.profile.home_monitoring.devices import device_of
from app.services.profile.measurement_history import readings_of
from app.services.trust.patient_consents import require_consent
from miniprogram_api.doors import OpenRecord, blueprint, for_wechat_users, open_record, reporter
from miniprogram_api.schemas import MeasurementIn, ReadingPageOut, ReadingsQuery, RecordedOut

observations = blueprint("observations")


@observations.post("/patients/<id:patient>/observations")
@for_wechat_users
@observations.input(MeasurementIn, arg_name="body")
@observations.output(RecordedOut, status_code=201)
def measure(patient: str, body: dict[str, Any]) -> tuple[Recorded, int]:
    """Record a home measurement

    The same `reference` again answers 200 with the first result. A value that cannot be true is
    refused as `implausible-value`; sent again with `confirmed`, it is kept for staff to look at.
    `device`: a bound device that the phone read it off.
    """
    with open_record(patient, "create", "observation") as opened:
        require_consent(opened.session, opened.patient_id, opened.account_id)
        provenance = _provenance(opened, body.pop("device"), body["measurement"])
        recorded = record_measurement(
            opened.session, opened.patient_id, now=opened.now, provenance=provenance, **body
        )
    return recorded, 201 if recorded.is_new else 200


@observations.get("/patients/<id:patient>/observations")
@for_wechat_users
@observations.input(ReadingsQuery, location="query", arg_name="query", unknown=None)
@observations.output(ReadingPageOut)
def list_readings(patient: str, query: dict[str, Any]) -> dict[str, Any]:
    """List home measurements, newest first; `next` goes into `after`"""
    with open_record(patient, "read", "observation") as opened:
        found, last = readings_of(opened.session, opened.patient_id, **query)
    return {"observations": found, "next": last}


def _provenance(opened: OpenRecord, device: str | None, measurement: Measurement) -> Provenance:
    found = (
        device_of(opened.session, opened.patient_id, device, measurement.effective_at)
        if device
        else None
    )
    return Provenance(reporter(opened), found)
