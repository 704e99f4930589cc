"""What we keep: importing this package maps every table."""

from app.domain.hospital_records import (
    AppointmentStatus,
    EncounterClass,
    EncounterStatus,
    Gender,
    ObservationStatus,
)
from app.models.account import (
    AccessSession,
    BindingAttempt,
    PatientLink,
    SessionKind,
    SignInState,
    WeChatAccount,
)
from app.models.alert import Alert, AlertStep
from app.models.audit import AuditEvent, AuditHead, AuditSeal
from app.models.care_plan import (
    CarePlan,
    CarePlanStatus,
    QuestionnaireResponse,
    Task,
    TaskOwner,
)
from app.models.communication import (
    Communication,
    CommunicationAttempt,
    EarlyReceipt,
    SubscriptionGrant,
)
from app.models.consent import Consent
from app.models.encounter import Appointment, Condition, Encounter
from app.models.event import Event, InboundMessage, ReactionCursor, ReactionFailure
from app.models.machinery import JobRun, Lease, PlatformToken
from app.models.observation import Observation, Origin
from app.models.patient import Patient, PatientIdentifier, RelatedPerson
from app.models.plan_definition import (
    Article,
    Pack,
    PlanAction,
    PlanDefinition,
    PublicationStatus,
    Questionnaire,
    Rule,
)
from app.models.practitioner import (
    CareTeam,
    CareTeamMember,
    Department,
    Practitioner,
)
from app.models.tag import Tag, TagAssignment, TagSource

__all__ = [
    "AccessSession", "Alert", "AlertStep", "Appointment", "AppointmentStatus",
    "Article", "AuditEvent", "AuditHead", "AuditSeal", "BindingAttempt", "CarePlan",
    "CarePlanStatus", "CareTeam", "CareTeamMember", "Communication", "CommunicationAttempt",
    "Condition", "Consent", "Department", "EarlyReceipt", "Encounter", "EncounterClass",
    "EncounterStatus", "Event", "Gender", "InboundMessage", "JobRun", "Lease",
    "Observation", "ObservationStatus", "Origin", "Pack", "Patient", "PatientIdentifier",
    "PatientLink", "PlanAction", "PlanDefinition", "PlatformToken", "Practitioner",
    "PublicationStatus", "Questionnaire", "QuestionnaireResponse", "ReactionCursor",
    "ReactionFailure", "RelatedPerson", "Rule", "SessionKind", "SignInState", "SubscriptionGrant",
    "Tag", "TagAssignment", "TagSource", "Task", "TaskOwner", "WeChatAccount",
]  # fmt: skip
