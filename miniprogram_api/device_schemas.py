"""What devices and photos look like in JSON."""

from typing import Any

from apiflask import Schema
from marshmallow import ValidationError, fields, validates_schema

from app.domain.profile.devices import DeviceKind, DeviceName, NotASerial
from app.domain.profile.photos import PhotoSubject
from miniprogram_api.fields import Moment, Text, Word
from miniprogram_api.schemas import In, choice
from miniprogram_api.services import phone_services


class DeviceIn(In):
    vendor = Word(32, required=True, metadata={"description": "one of `vendors`"})
    serial = Text(64, required=True, metadata={"description": "as printed or scanned"})
    kind = choice(DeviceKind, required=True)
    manufacturer = Text(60, load_default=None)
    model = Text(60, load_default=None)

    @validates_schema
    def names_a_device(self, data: dict[str, Any], **_: Any) -> None:
        if data["vendor"] not in phone_services().device_vendors:
            raise ValidationError("is no vendor of ours", "vendor")
        try:
            DeviceName.of(data["vendor"], data["serial"])
        except NotASerial:
            raise ValidationError("is no serial number", "serial") from None


class DeviceOut(Schema):
    id = fields.String()
    vendor = fields.String()
    kind = fields.String()
    name = fields.String(metadata={"description": "of its kind, in Chinese"})
    manufacturer = fields.String(allow_none=True)
    model = fields.String(allow_none=True)
    serial = fields.String()
    is_live = fields.Boolean()
    starts_at = fields.AwareDateTime()
    ends_at = fields.AwareDateTime(allow_none=True)


class BoundDeviceOut(DeviceOut):
    """The device just bound or handed back."""


class NamedOut(Schema):
    key = fields.String()
    name = fields.String()


class DevicesOut(Schema):
    devices = fields.List(fields.Nested(DeviceOut))
    vendors = fields.List(fields.Nested(NamedOut))
    kinds = fields.List(fields.Nested(NamedOut))


class PhotoQuery(In):
    reference = fields.UUID(required=True, metadata={"description": "the phone's name for it"})
    subject = choice(PhotoSubject, required=True)
    taken_at = Moment(required=True)


class PhotoOut(Schema):
    id = fields.String(attribute="public_id")
    subject = fields.Enum(PhotoSubject, by_value=True)
    width = fields.Integer()
    height = fields.Integer()
    taken_at = fields.AwareDateTime()
    received_at = fields.AwareDateTime()


class SentPhotoOut(PhotoOut):
    """The photo just sent."""


class PhotosOut(Schema):
    photos = fields.List(fields.Nested(PhotoOut))
