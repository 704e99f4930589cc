"""One synthetic hospital, the same at each call: people, weeks of history, plans under way.

Everything lies relative to `now`. The care in it is done by the real services; only what the
hospital or a phone would have told is written in bulk.
"""

from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session, sessionmaker

from app.clock import HOSPITAL
from app.demo import history, monitoring, people, phones, profiles, staff, stories
from app.domain.trust.access import Actor
from app.integrations.pack_files import read_pack
from app.integrations.text_files import text_tags
from app.models import (
    Alert,
    CarePlan,
    Communication,
    Encounter,
    Event,
    Observation,
    Patient,
    QuestionnaireResponse,
    ReactionCursor,
    Task,
    WeChatAccount,
)
from app.models.trust.audit import record
from app.services.plans.plan_library import install_pack
from app.services.plans.rule_evaluation import evaluate_absences
from app.services.profile.tags.tagging import retag
from app.services.profile.text_tagging import install_text_tags
from app.services.trust import audit_trail
from jobs.reactions import REACTIONS

_SEED: Final = 20260504
_PACK: Final = Path(__file__).resolve().parents[2] / "packs" / "t2dm-after-discharge"
_GENERAL: Final = ("operational", "instruments", "satisfaction")
_APPROVER: Final = "演示主任（演示批准，非临床签署）"
_ACTOR: Final = Actor("operator", None, "demo-seed")
_COUNTED: Final = {
    "patients": Patient,
    "encounters": Encounter,
    "observations": Observation,
    "care_plans": CarePlan,
    "tasks": Task,
    "responses": QuestionnaireResponse,
    "accounts": WeChatAccount,
    "communications": Communication,
    "alerts": Alert,
}


def seed(session_factory: sessionmaker[Session], now: datetime) -> dict[str, int]:
    """Fill a migrated database without patients and return how much of what there is.

    One transaction: half a hospital never stays behind.
    """
    random = Random(_SEED)  # noqa: S311  # the same hospital each time is what is wanted
    with session_factory.begin() as session:
        install_pack(session, read_pack(_PACK), now - timedelta(days=120), approved_by=_APPROVER)
        for name in _GENERAL:
            pack = read_pack(_PACK.with_name(name))
            install_pack(session, pack, now - timedelta(days=120), approved_by=_APPROVER)
        install_text_tags(session, text_tags(_PACK.parent), now)
        session.flush()
        teams = staff.add_staff(session, now)
        everyone = people.add_people(session, random, now)
        history.choose_discharges(everyone, random)
        history.add_history(session, everyone, random, now)
        phones.add_phones(session, everyone, random, now)
        followed = people.on_plan(everyone)
        monitoring.begin_plans(session, followed, teams, now)
        stories.tell_old_stories(session, followed, now)
        quiet = {one.id for one in stories.with_a_story(followed)}
        habits = monitoring.habits_of(followed, quiet, random, now)
        monitoring.live_through(session, followed, habits, random, now)
        profiles.add_habits(session, everyone, random, now)
        for one in followed:
            retag(session, one.id, now, HOSPITAL)
        evaluate_absences(session, now - timedelta(hours=1), HOSPITAL)
        profiles.know_the_cast(session, everyone, random, now)
        profiles.save_segments(session, now)
        phones.add_past_messages(session, now)
        _mark_as_read(session, now)
        stories.tell_new_stories(session, followed, now)
        _write_trail(session, followed, now)
        return {
            name: session.scalar(select(func.count()).select_from(model)) or 0
            for name, model in _COUNTED.items()
        }


def _mark_as_read(session: Session, now: datetime) -> None:
    """Let the reactions begin after the history: what followed from it is already there."""
    session.flush()
    last = session.scalar(select(func.max(Event.id))) or 0
    known = set(session.scalars(select(ReactionCursor.reaction)))
    rows: list[dict[str, Any]] = [
        {"reaction": one.key, "position": last, "gaps": [], "updated_at": now}
        for one in REACTIONS
        if one.key not in known
    ]
    session.execute(insert(ReactionCursor), rows)


def _write_trail(session: Session, followed: list[people.Person], now: datetime) -> None:
    session.flush()
    for one in followed:
        record(session, _ACTOR, "create", "care-plan", now, patient_id=one.id)
    audit_trail.seal(session, now)
