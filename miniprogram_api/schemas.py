"""What goes in and out of the API; an unknown or server-owned field is refused."""

from typing import Any

from apiflask import Schema
from marshmallow import RAISE, ValidationError, fields, post_load, validate, validates_schema

from app.domain.plans.plan_schedule import TaskStatus
from app.domain.profile.photos import PhotoSubject
from app.domain.profile.vital_signs import (
    InvalidMeasurement,
    Measurement,
    MeasurementContext,
    OffScale,
    VitalSign,
)
from app.domain.trust.access import Relation
from app.domain.trust.consenting import ConsentPurpose
from app.services.plans.patient_tasks import DeclineReason
from app.services.trust.binding import Claim
from miniprogram_api.fields import Day, Moment, PlainAnswer, PlainDecimal, Text, Truth, Word


def choice(kind: type[Any], **more: Any) -> fields.Enum[Any]:
    return fields.Enum(kind, by_value=fields.String, **more)


class In(Schema):
    class Meta:
        unknown = RAISE


class NothingIn(In):
    """A body with nothing in it; leaving it out is the same."""


# --------------------------------------------------------------------------------- signing in


class LoginIn(In):
    code = Word(128, required=True, metadata={"description": "what wx.login gave"})


class PersonOut(Schema):
    id = fields.String()
    name = fields.String(metadata={"description": "masked: 李*"})
    relation = fields.Enum(Relation, by_value=True)
    is_current = fields.Boolean()
    guardian_consent_due = fields.Boolean()


class LinkedOut(PersonOut):
    """The person just linked; of its own, because the description names each schema once."""


class SessionOut(Schema):
    token = fields.String()
    expires_at = fields.AwareDateTime()
    people = fields.List(fields.Nested(PersonOut))


class PeopleOut(Schema):
    people = fields.List(fields.Nested(PersonOut))


class CurrentPersonIn(In):
    patient = Word(32, required=True)


# ------------------------------------------------------------------------ binding and consent


class ConsentTextOut(Schema):
    purpose = fields.Enum(ConsentPurpose, by_value=True)
    version = fields.String()
    title = fields.String()
    text = fields.String()


class ConsentTextsOut(Schema):
    texts = fields.List(fields.Nested(ConsentTextOut))


class AgreedIn(In):
    purpose = choice(ConsentPurpose, required=True)
    text_version = Word(32, required=True)


class BindingIn(In):
    name = Text(60, required=True)
    identifier = fields.String(
        required=True,
        validate=validate.Regexp(r"[A-Za-z0-9\-]{2,40}\Z"),
        metadata={"description": "hospital card, record or identity number"},
    )
    birth_date = Day()
    phone = fields.String(required=True, validate=validate.Regexp(r"(\+?86)?1\d{10}\Z"))
    relation = choice(Relation, required=True)
    consents = fields.List(
        fields.Nested(AgreedIn), load_default=list, validate=validate.Length(max=10)
    )

    @post_load
    def to_domain(self, data: dict[str, Any], **_: Any) -> Claim:
        agreed = {one["purpose"]: one["text_version"] for one in data.pop("consents")}
        return Claim(**data, consents=agreed)


class BindingOut(Schema):
    binding = fields.String()
    code_sent_to = fields.String(metadata={"description": "the phone as given, masked"})
    expires_at = fields.AwareDateTime()


class CodeIn(In):
    code = fields.String(required=True, validate=validate.Regexp(r"[0-9]{6}\Z"))


class ConsentIn(In):
    purpose = choice(ConsentPurpose, required=True)
    is_given = Truth(required=True)
    text_version = Word(32, required=True)


class ConsentOut(Schema):
    purpose = fields.Enum(ConsentPurpose, by_value=True, attribute="text.purpose")
    title = fields.String(attribute="text.title")
    is_given = fields.Boolean(allow_none=True)
    text_version = fields.String(allow_none=True)
    is_current = fields.Boolean()
    at = fields.AwareDateTime(allow_none=True)


class ConsentsOut(Schema):
    consents = fields.List(fields.Nested(ConsentOut))


# ------------------------------------------------------------------------------ subscriptions


class AnswerIn(In):
    template_id = Word(64, required=True)
    answer = fields.String(
        required=True,
        validate=validate.OneOf(("accept", "acceptWithAudio", "reject", "ban", "filter")),
    )


class SubscriptionsIn(In):
    reference = fields.UUID(required=True)
    answers = fields.List(
        fields.Nested(AnswerIn), required=True, validate=validate.Length(min=1, max=5)
    )


class RightOut(Schema):
    purpose = fields.String()
    template_id = fields.String()
    is_long_term = fields.Boolean()
    left = fields.Integer()


class RightsOut(Schema):
    rights = fields.List(fields.Nested(RightOut))


# -------------------------------------------------------------------------------------- tasks


class DayQuery(In):
    day = Day(metadata={"description": "at the hospital; default today"})
    after = Word(32, load_default=None)


class TaskOut(Schema):
    id = fields.String()
    kind = fields.String()
    title = fields.String()
    code = fields.String(allow_none=True)
    status = fields.Enum(TaskStatus, by_value=True)
    status_reason = fields.String(allow_none=True)
    starts_at = fields.AwareDateTime()
    due_at = fields.AwareDateTime()
    ends_at = fields.AwareDateTime()
    finished_at = fields.AwareDateTime(allow_none=True)


class ChangedTaskOut(TaskOut):
    """A task after it was done or declined."""


class TaskPageOut(Schema):
    tasks = fields.List(fields.Nested(TaskOut))
    next = fields.String(allow_none=True, metadata={"description": "for `after`; null at the end"})


class ArticleOut(Schema):
    title = fields.String()
    paragraphs = fields.List(fields.String())


class OptionOut(Schema):
    code = fields.String()
    text = fields.String()


class ConditionOut(Schema):
    link_id = fields.String()
    op = fields.String(metadata={"description": "== != < <= > >= exists"})
    value = PlainAnswer()


class BranchOut(Schema):
    is_all = fields.Boolean(metadata={"description": "all must hold; else one is enough"})
    conditions = fields.List(fields.Nested(ConditionOut))


class ItemOut(Schema):
    """A question; scores and reactions stay with us."""

    link_id = fields.String()
    text = fields.String()
    heading = fields.String(allow_none=True, metadata={"description": "of the group it is in"})
    type = fields.String()
    is_required = fields.Boolean(metadata={"description": "if it is asked"})
    branches = fields.List(
        fields.Nested(BranchOut),
        metadata={"description": "every one must hold, or it is not asked"},
    )
    low_text = fields.String(allow_none=True)
    high_text = fields.String(allow_none=True)
    options = fields.List(fields.Nested(OptionOut))
    minimum = PlainDecimal(allow_none=True)
    maximum = PlainDecimal(allow_none=True)


class FormOut(Schema):
    key = fields.String()
    version = fields.Integer()
    title = fields.String()
    intro = fields.String(allow_none=True)
    items = fields.List(fields.Nested(ItemOut))


class LastValueOut(Schema):
    value = PlainDecimal(allow_none=True)
    off_scale = fields.String(allow_none=True)
    effective_at = fields.AwareDateTime()


class MeasureOut(Schema):
    code = fields.String()
    name = fields.String()
    unit = fields.String()
    least = PlainDecimal()
    most = PlainDecimal()
    context = fields.String(allow_none=True)
    last = fields.Nested(LastValueOut, allow_none=True)


class TaskDetailOut(TaskOut):
    why = fields.String(allow_none=True)
    instructions = fields.String(allow_none=True)
    article = fields.Nested(ArticleOut, allow_none=True)
    questionnaire = fields.Nested(FormOut, allow_none=True)
    measurement = fields.Nested(MeasureOut, allow_none=True)
    photo = fields.Enum(PhotoSubject, by_value=True, allow_none=True)


class DeclineIn(In):
    reason = choice(DeclineReason, required=True)
    note = Text(200, load_default=None)


# ------------------------------------------------------------------------------- measurements


class MeasurementIn(In):
    reference = fields.UUID(required=True, metadata={"description": "the phone's name for it"})
    code = choice(VitalSign, required=True, metadata={"description": "LOINC"})
    value = fields.String(required=True, metadata={"description": "a decimal number, LO or HI"})
    unit = fields.String(validate=validate.Length(min=1, max=16))
    effective_at = Moment(required=True)
    context = choice(MeasurementContext, load_default=None)
    is_own_reading = Truth(required=True, metadata={"description": "是本人吗"})
    confirmed = Truth(load_default=False, metadata={"description": "sent again as it is"})
    device = Word(32, load_default=None, metadata={"description": "a bound device it was read off"})

    @post_load
    def to_domain(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        text = data["value"]
        is_number = text not in set(OffScale)
        try:
            measurement = Measurement(
                reference=data["reference"],
                code=data["code"],
                value=PlainDecimal().deserialize(text) if is_number else None,
                unit=data.get("unit", data["code"].kind.unit),
                effective_at=data["effective_at"],
                context=data["context"],
                off_scale=None if is_number else OffScale(text),
            )
        except (InvalidMeasurement, ValidationError) as wrong:
            raise ValidationError(str(wrong), "value") from None
        return {
            "measurement": measurement,
            "is_own_reading": data["is_own_reading"],
            "is_confirmed": data["confirmed"],
            "device": data["device"],
        }


class ObservationOut(Schema):
    id = fields.String(attribute="public_id")
    code = fields.String()
    value = PlainDecimal(allow_none=True)
    off_scale = fields.String(allow_none=True)
    unit = fields.String()
    interpretation = fields.String(allow_none=True, metadata={"description": "HL7 v3: N L H LL HH"})
    effective_at = fields.AwareDateTime()


class RecordedOut(Schema):
    observation = fields.Nested(ObservationOut)
    advice = fields.String(metadata={"description": "reviewed words, shown as they are"})
    is_late = fields.Boolean(metadata={"description": "older than a day: no alert goes out"})


class ReadingsQuery(In):
    code = choice(VitalSign, load_default=None)
    after = Word(32, load_default=None)


class ReadingOut(Schema):
    id = fields.String()
    code = fields.String()
    value = PlainDecimal(allow_none=True)
    off_scale = fields.String(allow_none=True)
    unit = fields.String(allow_none=True)
    interpretation = fields.String(allow_none=True)
    context = fields.String(allow_none=True)
    effective_at = fields.AwareDateTime()
    doubt = fields.String(
        allow_none=True,
        metadata={"description": "why it is kept and not believed: range, jump, pressures, repeat"},
    )
    is_by_device = fields.Boolean(metadata={"description": "a device told it"})


class ReadingPageOut(Schema):
    observations = fields.List(fields.Nested(ReadingOut))
    next = fields.String(allow_none=True)


class TrendQuery(In):
    code = choice(VitalSign, required=True)
    days = fields.Integer(strict=False, load_default=30, validate=validate.Range(1, 366))


class TrendOut(Schema):
    code = fields.Enum(VitalSign, by_value=True)
    unit = fields.String()
    days = fields.Integer()
    sentence = fields.String()
    points = fields.List(fields.Nested(ReadingOut), attribute="readings")


# --------------------------------------------------------------------------- forms and inbox


class ResponseIn(In):
    reference = fields.UUID(required=True)
    questionnaire = Word(64, required=True)
    version = fields.Integer(
        strict=True,
        load_default=None,
        validate=validate.Range(min=1),
        metadata={"description": "of the form that was shown; default the one in force"},
    )
    task = Word(32, load_default=None)
    is_own_answer = Truth(
        load_default=False, metadata={"description": "the patient answered, on family's phone"}
    )
    answers = fields.Dict(keys=fields.String(), values=fields.Raw(allow_none=True), required=True)

    @validates_schema
    def an_answer_is_plain(self, data: dict[str, Any], **_: Any) -> None:
        for link_id, answer in data["answers"].items():
            is_list = isinstance(answer, list)
            is_plain = not any(isinstance(one, dict | list) for one in answer) if is_list else True
            if isinstance(answer, dict) or not is_plain or (is_list and len(answer) > 50):
                raise ValidationError(
                    {link_id: ["must be text, a number, true, false or a list of codes"]},
                    "answers",
                )


class ResponseOut(Schema):
    id = fields.String(attribute="response.public_id")
    score = fields.Integer(attribute="response.score", allow_none=True)
    authored_at = fields.AwareDateTime(attribute="response.authored_at")
    advice = fields.String(allow_none=True)
    promised_at = fields.AwareDateTime(
        allow_none=True, metadata={"description": "by when a complaint or wish is answered"}
    )


class DraftSavedOut(Schema):
    reference = fields.String(attribute="response.reference")
    saved_at = fields.AwareDateTime(attribute="response.authored_at")
    advice = fields.String(allow_none=True)


class StartedFormOut(FormOut):
    """The form of a draft, in the version it was begun in."""


class DraftOut(Schema):
    reference = fields.String()
    questionnaire = fields.Nested(StartedFormOut, attribute="form")
    task = fields.String(allow_none=True)
    answers = fields.Dict(keys=fields.String(), values=PlainAnswer())
    saved_at = fields.AwareDateTime()


class DraftsOut(Schema):
    drafts = fields.List(fields.Nested(DraftOut))


class InboxQuery(In):
    after = Word(32, load_default=None)


class MessageOut(Schema):
    id = fields.String()
    kind = fields.String()
    title = fields.String()
    text = fields.String()
    page = fields.String(allow_none=True)
    at = fields.AwareDateTime()
    opened_at = fields.AwareDateTime(allow_none=True)


class InboxOut(Schema):
    messages = fields.List(fields.Nested(MessageOut))
    next = fields.String(allow_none=True)
