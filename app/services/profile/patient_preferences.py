"""What a patient would rather have: counted anew when they did something, corrected by them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.criteria.population import InteractionKind, PreferenceKind
from app.domain.errors import NotFound
from app.domain.intake.hospital_records import EncounterClass, EncounterStatus
from app.domain.profile.preferences import (
    Habits,
    Mined,
    NotAPreference,
    Word,
    mine,
    require_value,
    tops,
)
from app.domain.staff.alerting import Outcome
from app.models import (
    Alert,
    Article,
    Department,
    Encounter,
    Event,
    Interaction,
    Pack,
    Patient,
    Preference,
    PublicationStatus,
)

SINCE: Final = timedelta(days=366)
VISITS_SINCE: Final = timedelta(days=3 * 366)  # people go to hospital less than to their phone
_MOST_DEEDS: Final = 2_000
_MOST_VISITS: Final = 200
_ANSWERED_CALLS: Final = (Outcome.REACHED, Outcome.REFERRED)


def learn_preferences(
    session: Session,
    patient_id: int,
    now: datetime,
    zone: ZoneInfo = HOSPITAL,
    *,
    cause: Event | None = None,
) -> None:
    """Count one patient's habits anew; what they said themselves is never touched.

    The sex of doctors is not mined: no system tells it to us. A patient may state it.
    """
    # The lock makes a correction and a count take turns.
    session.get_one(Patient, patient_id, with_for_update=True)
    kept = _kept(session, patient_id)
    before = _tops(kept)
    words = [
        Word(one.kind, one.value, one.is_denied) for one in kept if one.is_stated or one.is_denied
    ]
    _settle(session, patient_id, kept, mine(_habits(session, patient_id, now, zone), words), now)
    session.flush()
    _tell(session, patient_id, before, _tops(_kept(session, patient_id)), now, cause)


def state_preference(
    session: Session,
    patient_id: int,
    kind: PreferenceKind,
    value: str,
    now: datetime,
    *,
    is_denied: bool = False,
) -> None:
    """Keep the patient's word: rather this, or not this. Of most kinds one value is stated.

    :raises NotAPreference: the value is none of its kind
    """
    _require_known(session, kind, require_value(kind, value))
    evidence = _named(session, kind, value)
    session.get_one(Patient, patient_id, with_for_update=True)
    kept = _kept(session, patient_id)
    before = _tops(kept)
    for one in kept:
        is_rival = one.kind is kind and one.value != value and one.is_stated
        if is_rival and not is_denied and kind is not PreferenceKind.INTEREST:
            session.delete(one)
    row = next((one for one in kept if (one.kind, one.value) == (kind, value)), None)
    if row is None:
        row = Preference(patient_id=patient_id, kind=kind, value=value)
    row.is_stated, row.is_denied = not is_denied, is_denied
    row.share = Decimal(0) if is_denied else Decimal(1)
    row.evidence, row.updated_at = evidence, now
    session.add(row)
    session.flush()
    _tell(session, patient_id, before, _tops(_kept(session, patient_id)), now, None)
    learn_preferences(session, patient_id, now)


def forget_word(session: Session, patient_id: int, preference_id: str, now: datetime) -> None:
    """Take back what the patient said of a value: what is counted holds again.

    :raises NotFound: they said nothing of it
    """
    session.get_one(Patient, patient_id, with_for_update=True)
    kept = _kept(session, patient_id)
    row = next((one for one in kept if one.public_id == preference_id), None)
    if row is None or not (row.is_stated or row.is_denied):
        raise NotFound
    before = _tops(kept)
    session.delete(row)
    session.flush()
    _tell(session, patient_id, before, _tops(_kept(session, patient_id)), now, None)
    learn_preferences(session, patient_id, now)


def denied_preferences(session: Session, patient_id: int) -> Sequence[Preference]:
    """Return what the patient said is not so."""
    return session.scalars(
        select(Preference)
        .where(Preference.patient_id == patient_id, Preference.is_denied.is_(True))
        .order_by(Preference.id)
    ).all()


# ------------------------------------------------------------------------- what is kept


def _kept(session: Session, patient_id: int) -> Sequence[Preference]:
    return session.scalars(
        select(Preference)
        .where(Preference.patient_id == patient_id)
        .order_by(Preference.is_stated.desc(), Preference.share.desc(), Preference.id)
    ).all()


def _tops(kept: Iterable[Preference]) -> dict[PreferenceKind, str]:
    return tops((one.kind, one.value) for one in kept if not one.is_denied)


def _settle(
    session: Session,
    patient_id: int,
    kept: Sequence[Preference],
    mined: Sequence[Mined],
    now: datetime,
) -> None:
    counted = {(one.kind, one.value): one for one in kept if not (one.is_stated or one.is_denied)}
    wanted = {(one.kind, one.value): one for one in mined}
    for key in counted.keys() - wanted.keys():
        session.delete(counted[key])
    for key, habit in wanted.items():
        row = counted.get(key)
        if row is None:
            row = Preference(patient_id=patient_id, kind=habit.kind, value=habit.value)
            session.add(row)
        elif (row.share, row.evidence) == (habit.share, dict(habit.evidence)):
            continue
        row.share, row.evidence, row.updated_at = habit.share, dict(habit.evidence), now


def _tell(
    session: Session,
    patient_id: int,
    before: dict[PreferenceKind, str],
    after: dict[PreferenceKind, str],
    now: datetime,
    cause: Event | None,
) -> None:
    """Write an event for each kind of which another value comes first now."""
    for kind in PreferenceKind:
        if before.get(kind) != after.get(kind):
            event = Event.of("preference.changed", now, patient_id=patient_id, cause=cause)
            event.payload = {"kind": kind}
            session.add(event)


def _require_known(session: Session, kind: PreferenceKind, value: str) -> None:
    """Hold that a code names something: these lists are the hospital's, not free text."""
    known = {
        PreferenceKind.DEPARTMENT: select(Department.id).where(Department.code == value),
        PreferenceKind.PRACTITIONER: select(Encounter.id).where(Encounter.attending_code == value),
        PreferenceKind.INTEREST: select(Pack.id).where(
            Pack.key == value, Pack.status == PublicationStatus.ACTIVE
        ),
    }.get(kind)
    if known is None:
        return
    if not value.isascii() and kind is PreferenceKind.INTEREST:
        raise NotAPreference
    if session.scalar(known.limit(1)) is None:
        raise NotAPreference


def _named(session: Session, kind: PreferenceKind, value: str) -> dict[str, Any]:
    name = {
        PreferenceKind.DEPARTMENT: select(Department.name).where(Department.code == value),
        PreferenceKind.PRACTITIONER: select(Encounter.attending_name).where(
            Encounter.attending_code == value, Encounter.attending_name.is_not(None)
        ),
        PreferenceKind.INTEREST: select(Pack.title).where(
            Pack.key == value, Pack.status == PublicationStatus.ACTIVE
        ),
    }.get(kind)
    found = None if name is None else session.scalar(name.limit(1))
    return {"name": found} if found else {}


# ------------------------------------------------------------------------- what is counted


def _habits(session: Session, patient_id: int, now: datetime, zone: ZoneInfo) -> Habits:
    names: dict[str, str] = {}
    departments: Counter[str] = Counter()
    practitioners: Counter[str] = Counter()
    for visit in _visits(session, patient_id, now):
        if visit.department_code:
            departments[visit.department_code] += 1
            names.setdefault(visit.department_code, visit.department_name or "")
        if visit.attending_code:
            practitioners[visit.attending_code] += 1
            names.setdefault(visit.attending_code, visit.attending_name or "")
    topics: Counter[str] = Counter()
    for topic, title, number in _topics(session, patient_id, now):
        topics[topic] += int(number)
        names[topic] = title or topic
    deeds = session.execute(
        select(Interaction.kind, Interaction.at)
        .where(Interaction.patient_id == patient_id, Interaction.at > now - SINCE)
        .order_by(Interaction.at.desc())
        .limit(_MOST_DEEDS)
    ).all()
    return Habits(
        hours=Counter(deed.at.astimezone(zone).hour for deed in deeds),
        departments=departments,
        practitioners=practitioners,
        topics=topics,
        contacts=Counter(
            text=sum(deed.kind is InteractionKind.REPLIED for deed in deeds),
            call=_answered_calls(session, patient_id, now),
        ),
        names={code: name for code, name in names.items() if name},
    )


def _visits(session: Session, patient_id: int, now: datetime) -> Sequence[Any]:
    """Return the visits a patient chose: of a stay or an emergency others decide where."""
    return session.execute(
        select(
            Encounter.department_code, Encounter.department_name, Encounter.attending_code,
            Encounter.attending_name,
        )
        .where(
            Encounter.patient_id == patient_id,
            Encounter.encounter_class == EncounterClass.AMBULATORY,
            Encounter.status != EncounterStatus.CANCELLED,
            Encounter.started_at.between(now - VISITS_SINCE, now),
        )
        .order_by(Encounter.started_at.desc())
        .limit(_MOST_VISITS)
    ).all()  # fmt: skip


def _topics(session: Session, patient_id: int, now: datetime) -> Sequence[Any]:
    """Return how much each topic was read and liked; an article's topic is its disease pack."""
    topic = func.coalesce(Article.pack_key, Article.key)
    of_key = (
        select(Article.key, func.max(topic).label("topic"), func.max(Article.title).label("title"))
        .group_by(Article.key)
        .subquery()
    )
    liked = case(
        (Interaction.kind == InteractionKind.READ, 1),
        (Interaction.is_useful.is_(True), 1),
        else_=-1,
    )
    title = func.coalesce(func.max(Pack.title), func.max(of_key.c.title))
    return session.execute(
        select(of_key.c.topic, title, func.sum(liked))
        .select_from(Interaction)
        .join(of_key, of_key.c.key == Interaction.subject)
        .outerjoin(Pack, (Pack.key == of_key.c.topic) & (Pack.status == PublicationStatus.ACTIVE))
        .where(
            Interaction.patient_id == patient_id,
            Interaction.kind.in_((InteractionKind.READ, InteractionKind.RATED)),
            Interaction.at > now - SINCE,
        )
        .group_by(of_key.c.topic)
    ).all()


def _answered_calls(session: Session, patient_id: int, now: datetime) -> int:
    return (
        session.scalar(
            select(func.count())
            .select_from(Alert)
            .where(
                Alert.patient_id == patient_id,
                Alert.outcome.in_(_ANSWERED_CALLS),
                Alert.closed_at > now - SINCE,
            )
        )
        or 0
    )
