"""What the phone says and hears of services about medicines."""

from apiflask import Schema
from marshmallow import fields, validate

from app.domain.exchange.medicine_flow import FlowKind, FlowState
from app.domain.exchange.medicine_rules import LONGEST_WEEKS, MOST_MEDICINES
from miniprogram_api.fields import Moment, Text, Truth, Word
from miniprogram_api.schemas import In, choice


def _phone() -> fields.String:
    return fields.String(required=True, validate=validate.Regexp(r"(\+?86)?1\d{10}\Z"))


class MedicineOut(Schema):
    """A medicine of the hospital's; where a service is not for it, why."""

    id = fields.String()
    name = fields.String()
    dosage = fields.String()
    until = fields.Date(allow_none=True, metadata={"description": "the first day without it"})
    days_left = fields.Integer(allow_none=True)
    why_not_refilled = fields.String(allow_none=True)
    why_not_delivered = fields.String(allow_none=True)


class MedicinesOut(Schema):
    medicines = fields.List(fields.Nested(MedicineOut))


class MedicineServiceOut(Schema):
    id = fields.String()
    kind = choice(FlowKind)
    state = choice(FlowState)
    label = fields.String(metadata={"description": "the state in Chinese"})
    text = fields.String(metadata={"description": "reviewed words, shown as they are"})
    medicines = fields.List(fields.String())
    asked_at = fields.AwareDateTime()
    changed_at = fields.AwareDateTime()
    may_cancel = fields.Boolean()
    is_cancelling = fields.Boolean(metadata={"description": "the hospital has been asked"})


class MedicineServicesOut(Schema):
    services = fields.List(fields.Nested(MedicineServiceOut))


class MedicineStepOut(Schema):
    state = choice(FlowState)
    label = fields.String()
    at = fields.AwareDateTime()


class MedicineServiceDetailOut(MedicineServiceOut):
    """One service in full; what does not belong to its kind is null."""

    history = fields.List(fields.Nested(MedicineStepOut))
    weeks = fields.Integer(allow_none=True)
    recipient = fields.String(allow_none=True, metadata={"description": "or who fetches it"})
    address = fields.String(allow_none=True)
    starts_at = fields.AwareDateTime(allow_none=True)
    ends_at = fields.AwareDateTime(allow_none=True)
    code = fields.String(allow_none=True, metadata={"description": "while it can be used"})
    code_expires_at = fields.AwareDateTime(allow_none=True)


class _AskIn(In):
    reference = fields.UUID(required=True, metadata={"description": "the phone's name for it"})
    medicines = fields.List(
        Word(32),
        required=True,
        validate=validate.Length(min=1, max=MOST_MEDICINES),
        metadata={"description": "ids of `medicines`"},
    )


class RefillIn(_AskIn):
    weeks = fields.Integer(
        required=True, strict=True, validate=validate.Range(min=1, max=LONGEST_WEEKS)
    )
    is_stable = Truth(required=True, metadata={"description": "病情稳定，没有新的不舒服"})
    is_confirmed = Truth(load_default=False, metadata={"description": "asked for above 4 weeks"})
    statement = Text(200, load_default="")


class DeliveryIn(_AskIn):
    recipient = Text(32, required=True)
    phone = _phone()
    address = Text(200, required=True)
    starts_at = Moment(required=True)
    ends_at = Moment(required=True)


class PickupIn(_AskIn):
    proxy_name = Text(32, required=True)
    relation = Text(16, required=True)
    phone = _phone()
    identity_tail = fields.String(
        required=True,
        validate=validate.Regexp(r"[0-9]{3}[0-9X]\Z"),
        metadata={"description": "last four of the proxy's identity document"},
    )
    consent = Word(20, required=True, metadata={"description": "version of the text agreed to"})
