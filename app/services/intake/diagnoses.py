"""The diagnoses of a visit, each once."""

from app.domain.intake.hospital_message import HospitalMessage
from app.domain.intake.hospital_records import ConditionRecord, ConditionStatus
from app.models import Condition, Encounter, Patient
from app.services.intake.columns import clipped, code, exact
from app.services.intake.known import Known
from app.services.intake.visits import known_visit
from app.services.intake.word import Word, text_of

# Of one second: a final diagnosis counts more than that of the admission, a withdrawal most.
_PROVISIONAL, _FINAL, _WITHDRAWN = 30, 40, 50


def tell_of_conditions(
    known: Known, owner: Patient, encounter: Encounter | None, message: HospitalMessage, word: Word
) -> None:
    """Keep the diagnoses current; one that was withdrawn becomes inactive.

    A provisional one is kept, but nobody is told: it must not put anyone on a plan.
    """
    for record in message.conditions:
        visit = known_visit(known, owner, record.visit) or encounter
        condition = _find(known, owner, visit, record)
        counted = condition is not None and _counts(condition)
        version = _version(record, word)
        recorded_at = record.recorded_at or word.at
        if condition is None:
            condition = Condition(
                code_system=_system(record),
                code=_code(record),
                recorded_at=recorded_at,
                version="",
                created_at=known.now,
            )
            known.add_condition(condition, owner, visit)
        # The same diagnosis is sent again with every message: it was made when it first was said.
        condition.recorded_at = min(condition.recorded_at, recorded_at)
        if version > condition.version:
            condition.version = version
            condition.is_active = record.status is ConditionStatus.ACTIVE
            condition.is_provisional = record.is_provisional
            condition.display = clipped(record.code.display)
            condition.local_code = clipped(record.code.code)
            known.touch(condition)
        elif known.is_rereading and condition.version == version:
            known.touch(condition)
        else:
            continue
        _announce(known, owner, condition, counted)


def _find(
    known: Known, owner: Patient, visit: Encounter | None, record: ConditionRecord
) -> Condition | None:
    found = known.condition(owner, visit, _system(record), _code(record))
    if found is not None or record.standard_code is None:
        return found
    # Kept before anybody had said what the sender's code means: it gets its name now.
    local = known.condition(owner, visit, exact(record.code.system), code(record.code.code))
    if local is not None:
        known.rename_condition(local, owner, visit, _system(record), _code(record))
        known.event("condition.renamed", owner, condition_id=local)
    return local


def _system(record: ConditionRecord) -> str:
    return exact((record.standard_code or record.code).system)


def _code(record: ConditionRecord) -> str:
    return code((record.standard_code or record.code).code)


def _version(record: ConditionRecord, word: Word) -> str:
    if record.status is not ConditionStatus.ACTIVE:
        rank = _WITHDRAWN
    else:
        rank = _PROVISIONAL if record.is_provisional else _FINAL
    said = {"status": record.status, "code": record.code, "is_provisional": record.is_provisional}
    return word.version(text_of(said), rank)


def _counts(condition: Condition) -> bool:
    return condition.is_active and not condition.is_provisional


def _announce(known: Known, owner: Patient, condition: Condition, counted: bool) -> None:
    if _counts(condition) != counted:
        kind = "condition.withdrawn" if counted else "condition.recorded"
        known.event(kind, owner, condition_id=condition)
