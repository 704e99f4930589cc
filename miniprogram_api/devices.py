"""The devices a patient measures with: scanned or typed in, handed back."""

from typing import Any

from app.domain.profile.devices import DeviceKind, DeviceName
from app.models import DeviceHolding
from app.services.profile.home_monitoring.devices import (
    Binder,
    DeviceFacts,
    bind,
    holdings_of,
    unbind,
)
from app.services.trust.patient_consents import require_consent
from miniprogram_api.device_schemas import BoundDeviceOut, DeviceIn, DevicesOut
from miniprogram_api.doors import blueprint, for_wechat_users, open_record, reporter
from miniprogram_api.services import phone_services

devices = blueprint("devices")


@devices.get("/patients/<id:patient>/devices")
@for_wechat_users
@devices.output(DevicesOut)
def list_devices(patient: str) -> dict[str, Any]:
    """List the devices a person has and had, and what may be bound

    `vendors` are the makers whose clouds send us readings.
    """
    with open_record(patient, "read", "device") as opened:
        found = [_told(one) for one in holdings_of(opened.session, opened.patient_id)]
    return {
        "devices": found,
        "vendors": [
            {"key": key, "name": name} for key, name in phone_services().device_vendors.items()
        ],
        "kinds": [{"key": kind.value, "name": kind.label} for kind in DeviceKind],
    }


@devices.post("/patients/<id:patient>/devices")
@for_wechat_users
@devices.input(DeviceIn, arg_name="body")
@devices.output(BoundDeviceOut, status_code=201)
def bind_device(patient: str, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Bind a device by what is printed on it; bound already, it is answered 200

    From now on its readings are this person's. `device-taken`: it is somebody else's now.
    """
    facts = DeviceFacts(
        DeviceName.of(body["vendor"], body["serial"]), body["kind"], body["manufacturer"],
        body["model"],
    )  # fmt: skip
    with open_record(patient, "create", "device") as opened:
        require_consent(opened.session, opened.patient_id, opened.account_id)
        binder = Binder(reporter(opened), account_id=opened.account_id)
        holding, is_new = bind(opened.session, opened.patient_id, facts, binder, opened.now)
        return _told(holding), 201 if is_new else 200


@devices.delete("/patients/<id:patient>/devices/<id:device>")
@for_wechat_users
@devices.output(BoundDeviceOut)
def unbind_device(patient: str, device: str) -> dict[str, Any]:
    """Hand a device back; what it measured until now stays this person's"""
    with open_record(patient, "delete", "device") as opened:
        return _told(unbind(opened.session, opened.patient_id, device, opened.now))


def _told(holding: DeviceHolding) -> dict[str, Any]:
    device = holding.device
    return {
        "id": holding.public_id,
        "vendor": device.vendor,
        "kind": device.kind.value,
        "name": device.kind.label,
        "manufacturer": device.manufacturer,
        "model": device.model,
        "serial": device.serial,
        "is_live": bool(holding.is_live),
        "starts_at": holding.starts_at,
        "ends_at": holding.ends_at,
    }
