"""Alerts: one open episode per patient and rule, graded, with a clock and an outcome."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import (
    CARE,
    FREE_TEXT,
    OPERATION,
    Base,
    PlatformId,
    Sealed,
    key_column,
    public_id_column,
)
from app.domain.plans.rules import Grade
from app.domain.staff.alerting import AlertStatus, Outcome
from app.domain.staff.answer_alerts import answer_texts
from app.domain.staff.result_alerts import text_for
from app.domain.staff.text_alerts import text_of_basis
from app.encryption import Encrypted
from app.models.plans.care_plan import CarePlan
from app.models.plans.plan_definition import Questionnaire, Rule
from app.models.profile.patient import Patient
from app.models.staff.practitioner import CareTeam, Practitioner


class Alert(Base):
    """Something a member of the team must act on (leaves us as FHIR Flag)."""

    __tablename__ = "alert"
    __table_args__ = (
        # NULL once closed: the database itself allows one open episode only.
        UniqueConstraint("patient_id", "episode", "is_open"),
        Index(None, "is_open", "acknowledge_by"),
        Index(None, "care_team_id", "is_open"),
        # Whoever ends it, a person or values, says how.
        CheckConstraint("status <> 'resolved' OR outcome IS NOT NULL", "ck_alert_outcome"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    care_plan_id: Mapped[int | None] = mapped_column(ForeignKey("care_plan.id"), info=OPERATION)
    care_team_id: Mapped[int] = mapped_column(ForeignKey("care_team.id"), info=OPERATION)
    # The rule that fired; NULL for a critical result, which a limit or the laboratory called so.
    rule_id: Mapped[int | None] = mapped_column(ForeignKey("rule.id"), info=CARE)
    title: Mapped[str | None] = mapped_column(info=CARE)
    # Which limit, of whom; of a form the link id of the answer.
    basis: Mapped[str | None] = mapped_column(info=OPERATION)
    # The form whose answer it stands on: its fixed texts are found in that version.
    questionnaire_id: Mapped[int | None] = mapped_column(ForeignKey("questionnaire.id"), info=CARE)
    # The LOINC code of a critical result: its fixed texts are found by it.
    code: Mapped[str | None] = mapped_column(PlatformId(64), info=CARE)
    # Whether the patient may be told; a critical result waits for a clinician's word.
    tells_patient: Mapped[bool] = mapped_column(default=True, info=OPERATION)
    # Rules of one family (low glucose, moderate and severe) share one episode.
    episode: Mapped[str] = mapped_column(PlatformId(64), info=CARE)
    grade: Mapped[Grade] = mapped_column(info=CARE)
    status: Mapped[AlertStatus] = mapped_column(info=CARE)
    is_open: Mapped[bool | None] = mapped_column(default=True, info=OPERATION)  # True or NULL
    explanation = Encrypted("explanation_sealed")
    explanation_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("practitioner.id"), info=OPERATION)
    level: Mapped[int] = mapped_column(default=0, info=OPERATION)  # of alert_clock.CHAIN
    # Until when somebody must have taken it at this level; NULL when it climbs no further.
    acknowledge_by: Mapped[datetime | None] = mapped_column(info=OPERATION)
    # The alert whose card tells of this one too, where a patient's come in a swarm.
    told_with_id: Mapped[int | None] = mapped_column(
        ForeignKey("alert.id"), index=True, info=OPERATION
    )
    hits: Mapped[int] = mapped_column(default=1, info=CARE)
    normals: Mapped[int] = mapped_column(default=0, info=CARE)
    outcome: Mapped[Outcome | None] = mapped_column(info=CARE)
    opened_at: Mapped[datetime] = mapped_column(info=CARE)
    last_hit_at: Mapped[datetime] = mapped_column(info=CARE)
    acknowledged_at: Mapped[datetime | None] = mapped_column(info=CARE)
    closed_at: Mapped[datetime | None] = mapped_column(info=CARE)

    patient: Mapped[Patient] = relationship()
    care_plan: Mapped[CarePlan | None] = relationship()
    care_team: Mapped[CareTeam] = relationship()
    rule: Mapped[Rule | None] = relationship()
    questionnaire: Mapped[Questionnaire | None] = relationship()
    owner: Mapped[Practitioner | None] = relationship()

    @property
    def name(self) -> str:
        """What it is about, in the words of the rule or of the result."""
        return self.title or (self.rule.name if self.rule else "")

    @property
    def texts(self) -> tuple[str | None, str | None]:
        """What staff are told to ask, and the fixed words for the patient."""
        if self.questionnaire is not None:
            return answer_texts(self.questionnaire.definition, self.basis or "", self.grade)
        if self.code is not None:
            words = text_for(self.code)
            return words.staff_text, words.patient_text
        if (flagged := text_of_basis(self.basis)) is not None:
            return flagged.staff_text, flagged.patient_text
        for action in self.rule.definition.get("actions", []) if self.rule else []:
            if "alert" in action:
                return action["alert"]["staff_text"], action["alert"].get("patient_text")
        return None, None


class AlertStep(Base):
    """One thing that happened to an alert: opened, hit again, taken, handed over, closed."""

    __tablename__ = "alert_step"
    __table_args__ = (Index(None, "alert_id", "at"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    alert_id: Mapped[int] = mapped_column(ForeignKey("alert.id"), info=OPERATION)
    kind: Mapped[str] = mapped_column(info=CARE)
    practitioner_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), info=OPERATION
    )
    note = Encrypted("note_sealed")
    note_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    observation_id: Mapped[int | None] = mapped_column(
        ForeignKey("observation.id"), index=True, info=OPERATION
    )
    response_id: Mapped[int | None] = mapped_column(
        ForeignKey("questionnaire_response.id"), index=True, info=OPERATION
    )
    at: Mapped[datetime] = mapped_column(info=CARE)

    practitioner: Mapped[Practitioner | None] = relationship()
