"""What we keep: importing this package maps every table."""

from app.domain.intake.hospital_records import (
    AppointmentStatus,
    EncounterClass,
    EncounterStatus,
    Gender,
    ObservationStatus,
)
from app.models.event import Event, ReactionCursor, ReactionFailure
from app.models.exchange.medicine_flow import MedicineFlow, MedicineFlowStep
from app.models.exchange.outbound import OutboundDelivery, OutboundDocument, Webhook
from app.models.intake.feed import FeedAlarm, InboundDeed, ReplayRun
from app.models.intake.inbound import InboundMessage
from app.models.intake.table_feed import KnownRow, TableFeed
from app.models.intake.terminology import (
    ConceptMapping,
    TermKind,
    TermRereading,
    TermStatus,
    UnmappedTerm,
)
from app.models.machinery import JobRun, Lease, PlatformToken
from app.models.outreach.communication import (
    Communication,
    CommunicationAttempt,
    EarlyReceipt,
    SubscriptionGrant,
)
from app.models.outreach.reach_month import ReachMonth
from app.models.outreach.relayed import RelayedCallback
from app.models.outreach.route import MemberMinute, RouteGate, RouteMinute
from app.models.outreach.sending_deed import SendingDeed
from app.models.outreach.service_window import ServiceWindow
from app.models.outreach.shared_message import CommunicationRecipient
from app.models.plans.action_change import ActionChange
from app.models.plans.calendar_day import CalendarDay
from app.models.plans.care_plan import CarePlan, CarePlanStatus, Task, TaskOwner
from app.models.plans.care_plan_step import CarePlanStep, StepKind
from app.models.plans.enrolment import (
    ContactArrival,
    EnrolmentPolicy,
    EnrolmentProposal,
    EnrolmentStatus,
    EnrolmentWay,
)
from app.models.plans.pack_draft import DraftStatus, MigrationStatus, PackDraft, PlanMigration
from app.models.plans.plan_definition import (
    Article,
    Pack,
    PlanAction,
    PlanDefinition,
    PublicationStatus,
    Questionnaire,
    Rule,
)
from app.models.plans.plan_slot import PlanSlot
from app.models.plans.questionnaire_response import QuestionnaireResponse
from app.models.plans.rule_work import FiringDeed, RuleFiring, RuleSwitch, SwitchScope
from app.models.plans.task_step import TaskStep
from app.models.profile.behaviour import Interaction, Preference, SocialHistory, StatedBy
from app.models.profile.clinical import (
    AllergyIntolerance,
    DiagnosticReport,
    Immunization,
    MedicationRequest,
    ServiceRequest,
)
from app.models.profile.device import Device, DeviceHolding, Reporter
from app.models.profile.encounter import Appointment, Condition, Encounter
from app.models.profile.observation import Observation, Origin
from app.models.profile.patient import Patient, PatientIdentifier, RelatedPerson
from app.models.profile.patient_index import (
    CandidateStatus,
    MatchCandidate,
    MoveDeed,
    RecordLink,
    RecordLinkKind,
    RecordMove,
)
from app.models.profile.photo import Photo
from app.models.profile.result_limit import DepartmentLimit, ResultService, ServiceKind
from app.models.profile.risk import ModelKind, RiskAssessment, TrainedModel
from app.models.profile.tag import (
    ProposalStatus,
    Tag,
    TagAssignment,
    TagDecision,
    TagProposal,
    TagRebuild,
    TagScope,
    TagSource,
    TagWake,
)
from app.models.segments.segment import Audience, AudienceChunk, Segment, SegmentScope
from app.models.segments.segment_index import IndexSnapshot, IndexSnapshotChunk
from app.models.staff.alert import Alert, AlertStep
from app.models.staff.duty import DutyShift
from app.models.staff.handling import ContactAttempt, ShiftHandover, StaffLeave
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
    "AccessSession",
    "ActionChange",
    "Alert",
    "AlertStep",
    "AllergyIntolerance",
    "Appointment",
    "AppointmentStatus",
    "Article",
    "Audience",
    "AudienceChunk",
    "AuditEvent",
    "AuditHead",
    "AuditSeal",
    "BindingAttempt",
    "CalendarDay",
    "CandidateStatus",
    "CarePlan",
    "CarePlanStatus",
    "CarePlanStep",
    "CareTeam",
    "CareTeamMember",
    "Communication",
    "CommunicationAttempt",
    "CommunicationRecipient",
    "ConceptMapping",
    "Condition",
    "Consent",
    "ContactArrival",
    "ContactAttempt",
    "Department",
    "DepartmentLimit",
    "Device",
    "DeviceHolding",
    "DiagnosticReport",
    "DraftStatus",
    "DutyShift",
    "EarlyReceipt",
    "Encounter",
    "EncounterClass",
    "EncounterStatus",
    "EnrolmentPolicy",
    "EnrolmentProposal",
    "EnrolmentStatus",
    "EnrolmentWay",
    "Event",
    "FeedAlarm",
    "FiringDeed",
    "Gender",
    "Immunization",
    "InboundDeed",
    "InboundMessage",
    "IndexSnapshot",
    "IndexSnapshotChunk",
    "Interaction",
    "JobRun",
    "KnownRow",
    "Lease",
    "MatchCandidate",
    "MedicationRequest",
    "MedicineFlow",
    "MedicineFlowStep",
    "MemberMinute",
    "MigrationStatus",
    "ModelKind",
    "MoveDeed",
    "Observation",
    "ObservationStatus",
    "Origin",
    "OutboundDelivery",
    "OutboundDocument",
    "Pack",
    "PackDraft",
    "Patient",
    "PatientIdentifier",
    "PatientLink",
    "Photo",
    "PlanAction",
    "PlanDefinition",
    "PlanMigration",
    "PlanSlot",
    "PlatformToken",
    "Practitioner",
    "Preference",
    "ProposalStatus",
    "PublicationStatus",
    "Questionnaire",
    "QuestionnaireResponse",
    "ReachMonth",
    "ReactionCursor",
    "ReactionFailure",
    "RecordLink",
    "RecordLinkKind",
    "RecordMove",
    "RelatedPerson",
    "RelayedCallback",
    "ReplayRun",
    "Reporter",
    "ResultService",
    "RiskAssessment",
    "RouteGate",
    "RouteMinute",
    "Rule",
    "RuleFiring",
    "RuleSwitch",
    "Segment",
    "SegmentScope",
    "SendingDeed",
    "ServiceKind",
    "ServiceRequest",
    "ServiceWindow",
    "SessionKind",
    "ShiftHandover",
    "SignInState",
    "SocialHistory",
    "StaffLeave",
    "StatedBy",
    "StepKind",
    "SubscriptionGrant",
    "SwitchScope",
    "TableFeed",
    "Tag",
    "TagAssignment",
    "TagDecision",
    "TagProposal",
    "TagRebuild",
    "TagScope",
    "TagSource",
    "TagWake",
    "Task",
    "TaskOwner",
    "TaskStep",
    "TermKind",
    "TermRereading",
    "TermStatus",
    "TrainedModel",
    "UnmappedTerm",
    "WeChatAccount",
    "Webhook",
]
