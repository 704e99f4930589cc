"""What we keep: importing this package maps every table."""

from app.domain.intake.hospital_records import (
    AppointmentStatus,
    EncounterClass,
    EncounterStatus,
    Gender,
    ObservationStatus,
)
from app.models.event import Event, InboundMessage, ReactionCursor, ReactionFailure
from app.models.machinery import JobRun, Lease, PlatformToken
from app.models.outreach.communication import (
    Communication,
    CommunicationAttempt,
    EarlyReceipt,
    SubscriptionGrant,
)
from app.models.plans.care_plan import (
    CarePlan,
    CarePlanStatus,
    QuestionnaireResponse,
    Task,
    TaskOwner,
)
from app.models.plans.plan_definition import (
    Article,
    Pack,
    PlanAction,
    PlanDefinition,
    PublicationStatus,
    Questionnaire,
    Rule,
)
from app.models.profile.encounter import Appointment, Condition, Encounter
from app.models.profile.observation import Observation, Origin
from app.models.profile.patient import Patient, PatientIdentifier, RelatedPerson
from app.models.profile.tag import Tag, TagAssignment, TagSource
from app.models.staff.alert import Alert, AlertStep
from app.models.staff.practitioner import (
    CareTeam,
    CareTeamMember,
    Department,
    Practitioner,
)
from app.models.trust.account import (
    AccessSession,
    BindingAttempt,
    PatientLink,
    SessionKind,
    SignInState,
    WeChatAccount,
)
from app.models.trust.audit import AuditEvent, AuditHead, AuditSeal
from app.models.trust.consent import Consent

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
