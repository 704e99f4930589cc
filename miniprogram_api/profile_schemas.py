"""What goes in and out of the patient's own profile, timeline, preferences and behaviour."""

from typing import Any

from apiflask import Schema
from marshmallow import ValidationError, fields, post_load, validate

from app.domain.criteria.population import PreferenceKind
from app.domain.profile.behaviour import LONGEST, MOST, TOLD_BY_PHONES, Deed
from app.domain.profile.completeness import Completeness, Item
from app.domain.profile.record_views import EntryKind, View, kinds_of
from app.domain.profile.social_history import SOCIAL_ITEMS
from app.models import Gender, StatedBy
from miniprogram_api.fields import Moment, PlainDecimal, Text, Truth, Word
from miniprogram_api.schemas import In, choice

_SEEN = kinds_of(View.PATIENT)


# ------------------------------------------------------------------------------------ behaviour


class InteractionIn(In):
    reference = fields.UUID(required=True, metadata={"description": "the phone's name for it"})
    kind = choice(type(TOLD_BY_PHONES[0]), required=True, validate=validate.OneOf(TOLD_BY_PHONES))
    at = Moment(required=True, metadata={"description": "at most 30 days ago"})
    subject = Word(64, load_default=None, metadata={"description": "key of the article or card"})
    seconds = fields.Integer(
        strict=True, load_default=None, validate=validate.Range(min=0, max=LONGEST)
    )
    is_useful = Truth(load_default=None, metadata={"description": "of a rating, and only there"})

    @post_load
    def to_domain(self, data: dict[str, Any], **_: Any) -> Deed:
        return Deed(**{**data, "reference": str(data["reference"])})


class InteractionsIn(In):
    interactions = fields.List(
        fields.Nested(InteractionIn),
        required=True,
        validate=validate.Length(min=1, max=MOST),
    )


class InteractionsOut(Schema):
    recorded = fields.Integer(metadata={"description": "how many were new"})


# -------------------------------------------------------------------------------- social history


class SocialHistoryIn(In):
    code = fields.String(required=True, validate=validate.OneOf(sorted(SOCIAL_ITEMS)))
    value = Word(32, required=True)
    note = Text(200, load_default=None)


class LifeOut(Schema):
    code = fields.String(metadata={"description": "LOINC, or a word of ours"})
    name = fields.String()
    value = fields.String()
    answer = fields.String()
    stated_by = fields.Enum(StatedBy, by_value=True)
    at = fields.AwareDateTime()


class AnswerChoiceOut(Schema):
    value = fields.String()
    text = fields.String()


class SocialItemOut(Schema):
    code = fields.String()
    name = fields.String()
    answers = fields.List(fields.Nested(AnswerChoiceOut))


class SocialHistoryOut(Schema):
    current = fields.List(fields.Nested(LifeOut))
    items = fields.List(
        fields.Nested(SocialItemOut), metadata={"description": "what may be stated"}
    )


# ----------------------------------------------------------------------------------- preferences


class PreferenceIn(In):
    kind = choice(PreferenceKind, required=True)
    value = Word(64, required=True)
    is_denied = Truth(load_default=False, metadata={"description": "not so, never again"})


class PreferenceOut(Schema):
    id = fields.String(attribute="public_id")
    kind = fields.Enum(PreferenceKind, by_value=True)
    name = fields.String(metadata={"description": "what is preferred, in words"})
    value = fields.String()
    text = fields.String(metadata={"description": "the value in words"})
    is_stated = fields.Boolean(metadata={"description": "said by the patient, not counted"})
    grounds = fields.String(metadata={"description": "what it stands on"})


class DeniedPreferenceOut(Schema):
    id = fields.String(attribute="public_id")
    kind = fields.Enum(PreferenceKind, by_value=True)
    value = fields.String()


class PreferencesOut(Schema):
    preferences = fields.List(fields.Nested(PreferenceOut))
    denied = fields.List(fields.Nested(DeniedPreferenceOut))


# -------------------------------------------------------------------------------------- timeline


class TimelineQuery(In):
    before = fields.String(
        load_default=None, validate=validate.Regexp(r"[a-z-]{1,16}\.[A-Za-z0-9_-]{1,32}\Z")
    )
    kinds = fields.String(
        load_default="", metadata={"description": f"comma-separated: {', '.join(_SEEN)}"}
    )

    @post_load
    def to_domain(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        kinds = [one for one in data["kinds"].split(",") if one]
        if unknown := [one for one in kinds if one not in set(_SEEN)]:
            raise ValidationError(f"unknown: {', '.join(unknown[:5])}", "kinds")
        return {"before": data["before"], "kinds": [EntryKind(one) for one in kinds]}


class EntryOut(Schema):
    kind = fields.Enum(EntryKind, by_value=True)
    id = fields.String(attribute="public_id")
    at = fields.AwareDateTime()
    text = fields.String(metadata={"description": "in words"})
    who = fields.String(allow_none=True)
    note = fields.String(allow_none=True)


class TimelineOut(Schema):
    entries = fields.List(fields.Nested(EntryOut))
    before = fields.String(allow_none=True, metadata={"description": "for the older ones"})


# --------------------------------------------------------------------------------------- profile


class OwnPlanOut(Schema):
    title = fields.String()
    stage = fields.String(allow_none=True)
    day = fields.Integer()
    team_name = fields.String()


class OwnConditionOut(Schema):
    code = fields.String()
    display = fields.String()
    recorded_at = fields.AwareDateTime()


class OwnAllergyOut(Schema):
    display = fields.String()
    criticality = fields.String(allow_none=True)


class OwnMedicineOut(Schema):
    display = fields.String()
    dose = PlainDecimal(allow_none=True)
    dose_unit = fields.String(allow_none=True)
    frequency = fields.String(allow_none=True)
    prescribed_at = fields.AwareDateTime()
    dispensed_at = fields.AwareDateTime(allow_none=True)


class OwnEncounterOut(Schema):
    encounter_class = fields.String()
    department_name = fields.String(allow_none=True)
    attending_name = fields.String(allow_none=True)
    started_at = fields.AwareDateTime(allow_none=True)
    ended_at = fields.AwareDateTime(allow_none=True)


class OwnAppointmentOut(Schema):
    department_name = fields.String(allow_none=True)
    practitioner_name = fields.String(allow_none=True)
    starts_at = fields.AwareDateTime()


class OwnTrendOut(Schema):
    code = fields.String()
    name = fields.String()
    sentence = fields.String()


class CompletenessOut(Schema):
    known = fields.Integer()
    of = fields.Integer()
    missing = fields.Method("_missing", metadata={"type": "array", "items": {"type": "string"}})

    def _missing(self, found: Completeness) -> list[str]:
        return [Item(one).word for one in found.missing]


class OwnProfileOut(Schema):
    gender = fields.Enum(Gender, by_value=True)
    birth_date = fields.Date(allow_none=True)
    region = fields.String(allow_none=True)
    department_name = fields.String(allow_none=True)
    life = fields.List(fields.Nested(LifeOut))
    preferences = fields.List(fields.Nested(PreferenceOut))
    plans = fields.List(fields.Nested(OwnPlanOut))
    conditions = fields.List(fields.Nested(OwnConditionOut))
    allergies = fields.List(fields.Nested(OwnAllergyOut))
    medicines = fields.List(fields.Nested(OwnMedicineOut))
    encounters = fields.List(fields.Nested(OwnEncounterOut))
    appointments = fields.List(fields.Nested(OwnAppointmentOut))
    home = fields.List(fields.Nested(OwnTrendOut))
    completeness = fields.Nested(CompletenessOut)
