"""How a home measurement is read against the patient's limits, and what the phone says to it."""

from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.plans.advice import advice
from app.domain.profile.home_readings import DEFAULT_LIMITS, FIXED_WORDS
from app.domain.profile.patient_facts import Facts, ObservedValue
from app.domain.profile.vital_signs import (
    Interpretation,
    Limits,
    Measurement,
    OffScale,
    VitalSign,
    interpret,
)
from app.models import Observation
from app.models.plans.action_change import own_limits
from app.models.plans.care_plan import packs_followed
from app.models.plans.knowledge import knowledge


def interpretation(session: Session, patient_id: int, judged: Measurement) -> Interpretation | None:
    """Return how to read a measurement in the judged unit; None where no limit is set."""
    limits = own_limits(session, patient_id, judged.code, judged.effective_at) or _limits(
        session, patient_id, judged.code
    )
    if limits is None and judged.off_scale is None:
        return None
    return interpret(judged, limits or Limits())


def advise(session: Session, observation: Observation) -> str:
    """Return the reviewed words for this reading: the pack's, or ours where it has none."""
    told = observation.interpretation
    interpretation = Interpretation(told) if told else None
    if interpretation in (None, Interpretation.NORMAL):
        return FIXED_WORDS[interpretation]
    off_scale = OffScale(observation.off_scale) if observation.off_scale else None
    value = ObservedValue(observation.value, observation.effective_at, off_scale=off_scale)
    facts = Facts(observation.received_at, HOSPITAL, {observation.code: [value]})
    known = knowledge(session)
    packs = set(session.scalars(packs_followed(observation.patient_id)))
    rules = known.rules.woken_by(f"observation:{observation.code}")
    asked = [one for one in rules if known.pack_of_rule(one.rule.key) in packs]
    return advice(asked, facts) or FIXED_WORDS[interpretation]


def _limits(session: Session, patient_id: int, code: VitalSign) -> Limits | None:
    """Return the limits that the newest plan sets for `code`, else the default."""
    packs = knowledge(session).packs
    for pack_key in session.scalars(packs_followed(patient_id)):
        pack = packs.get(pack_key or "")
        if pack is not None and code in pack.limits:
            return pack.limits[code]
    return DEFAULT_LIMITS.get(code)
