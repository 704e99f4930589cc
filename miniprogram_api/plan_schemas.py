"""What the phone says and hears of care plans."""

from typing import Any

from apiflask import Schema
from marshmallow import ValidationError, fields, validate, validates_schema

from app.domain.plans.enrolling import HoldReason
from app.models import CarePlanStatus
from miniprogram_api.fields import Day, Moment, Word
from miniprogram_api.schemas import In, choice


class PlanOut(Schema):
    id = fields.String(attribute="public_id")
    title = fields.String()
    status = choice(CarePlanStatus)
    anchor = fields.String()
    anchor_on = fields.Date()
    day = fields.Integer(metadata={"description": "counted from the anchor, which is day 0"})
    stage = fields.String(allow_none=True)
    team = fields.String(attribute="team_name")
    hold_reason = choice(HoldReason, allow_none=True)
    hold_begins_on = fields.Date(allow_none=True)
    hold_ends_on = fields.Date(allow_none=True)


class OfferedPlanOut(Schema):
    key = fields.String()
    name = fields.String()


class PlanRequestOut(Schema):
    id = fields.String()
    plan = fields.String()
    name = fields.String()
    asked_at = Moment()


class PlansOut(Schema):
    """`offered` may be asked for; `requests` wait for the team."""

    plans = fields.List(fields.Nested(PlanOut))
    offered = fields.List(fields.Nested(OfferedPlanOut))
    requests = fields.List(fields.Nested(PlanRequestOut))


class PlanRequestIn(In):
    """`plan`, or the `code` of a poster; `health_data` is the version of the text agreed to."""

    plan = Word(64, load_default=None)
    code = Word(32, load_default=None)
    health_data = Word(20, required=True)

    @validates_schema
    def _names_one(self, data: dict[str, Any], **_: object) -> None:
        if (data.get("plan") is None) == (data.get("code") is None):
            raise ValidationError("plan or code", "plan")


class PlanRequestedOut(Schema):
    """waiting: the team was asked; started: it began at once; on-plan: it runs already."""

    state = fields.String(validate=validate.OneOf(("waiting", "started", "on-plan")))
    name = fields.String()


class PauseIn(In):
    begins_on = Day(required=True)
    until = Day(required=True)
