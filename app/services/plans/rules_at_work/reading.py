"""Rules in force and in drafts, how often they fired, and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased, joinedload

from app.domain.plans.pack_parsing import parse_pack
from app.domain.plans.rehearsing import Rehearsal
from app.domain.plans.rules import Rule
from app.models import (
    Alert,
    Pack,
    Patient,
    PublicationStatus,
    RuleFiring,
    RuleSwitch,
    SwitchScope,
)
from app.models.plans.rule_work import FiringDeed
from app.models.staff.staff_access import cares_for
from app.services.plans.rules_at_work.switching import UnknownRule

LATELY: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule as listed: `switch` says why it is silent, `firings` counts the last 30 days."""

    rule: Rule
    pack_key: str
    pack_title: str
    source: str  # what the rule rests on, as the pack cites it
    is_draft: bool
    switch: RuleSwitch | None
    pack_switch: RuleSwitch | None
    firings: int
    patients: int
    last_fired_at: datetime | None

    @property
    def is_silent(self) -> bool:
        return self.switch is not None or self.pack_switch is not None


@dataclass(frozen=True, slots=True)
class FiringLine:
    """One firing as those see it who look after the patient."""

    patient_id: int
    patient_public_id: str
    patient_name: str | None
    deed: FiringDeed
    alert_public_id: str | None
    version: int
    lines: tuple[str, ...]
    fired_at: datetime


def list_rules(session: Session, now: datetime) -> list[RuleLine]:
    """Return every rule in force or in a draft, pack by pack."""
    off = {
        (one.scope, one.key): one
        for one in session.scalars(select(RuleSwitch).where(RuleSwitch.is_off.is_(True)))
    }
    counted = {
        key: (firings, patients, last)
        for key, firings, patients, last in session.execute(
            select(
                RuleFiring.rule_key,
                func.count(),
                func.count(RuleFiring.patient_id.distinct()),
                func.max(RuleFiring.fired_at),
            )
            .where(RuleFiring.fired_at >= now - LATELY)
            .group_by(RuleFiring.rule_key)
        )
    }
    return [
        RuleLine(
            rule, pack.key, pack.title, source, pack.status is PublicationStatus.DRAFT,
            off.get((SwitchScope.RULE, rule.key)), off.get((SwitchScope.PACK, pack.key)),
            *counted.get(rule.key, (0, 0, None)),
        )
        for pack, rule, source in _rules(session)
    ]  # fmt: skip


def find_rule(
    session: Session, pack_key: str, key: str, now: datetime, *, is_draft: bool = False
) -> RuleLine:
    """Return one rule as it is in force, or as a draft has it; the other where there is none.

    :raises UnknownRule: there is neither
    """
    found = [
        one for one in list_rules(session, now) if (one.pack_key, one.rule.key) == (pack_key, key)
    ]
    if not found:
        raise UnknownRule
    return min(found, key=lambda one: one.is_draft is not is_draft)


def firings_of(
    session: Session, rule_key: str, practitioner_id: int, now: datetime, limit: int = 50
) -> list[FiringLine]:
    """Return the newest firings of a rule among the patients somebody looks after."""
    raised = aliased(Alert)  # who cares for a patient is asked of alerts too
    rows = session.execute(
        select(RuleFiring, raised.public_id)
        .join(Patient, Patient.id == RuleFiring.patient_id)
        .outerjoin(raised, raised.id == RuleFiring.alert_id)
        .where(RuleFiring.rule_key == rule_key, cares_for(practitioner_id, now))
        .options(joinedload(RuleFiring.patient))
        .order_by(RuleFiring.fired_at.desc(), RuleFiring.id.desc())
        .limit(limit)
    )
    return [
        FiringLine(
            patient_id=firing.patient_id,
            patient_public_id=firing.patient.public_id,
            patient_name=firing.patient.name,
            deed=firing.deed,
            alert_public_id=alert_public_id,
            version=firing.rule_version,
            lines=tuple((firing.explanation or "").splitlines()),
            fired_at=firing.fired_at,
        )
        for firing, alert_public_id in rows
    ]


@dataclass(frozen=True, slots=True)
class SampleLine:
    """One hit of a dry run, of a patient whom the reader looks after."""

    patient_id: int
    patient_public_id: str
    patient_name: str | None
    at: datetime
    lines: tuple[str, ...]


def samples_for(
    session: Session, rehearsal: Rehearsal, practitioner_id: int, now: datetime
) -> list[SampleLine]:
    """Return those samples of a dry run that somebody may read."""
    ids = [one.patient_id for one in rehearsal.samples]
    theirs = {
        patient.id: patient
        for patient in session.scalars(
            select(Patient).where(Patient.id.in_(ids), cares_for(practitioner_id, now))
        )
    }
    return [
        SampleLine(patient.id, patient.public_id, patient.name, one.at, one.lines)
        for one in rehearsal.samples
        if (patient := theirs.get(one.patient_id)) is not None
    ]


def _rules(session: Session) -> Iterator[tuple[Pack, Rule, str]]:
    packs = session.scalars(
        select(Pack)
        .where(Pack.status.in_((PublicationStatus.ACTIVE, PublicationStatus.DRAFT)))
        .order_by(Pack.title, Pack.status, Pack.id)
    )
    for pack in packs:
        content = parse_pack(pack.content)
        for rule in content.rules:
            yield pack, rule, content.sources.get(rule.source, rule.source)
