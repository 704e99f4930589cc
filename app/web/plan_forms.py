"""What a form says of enrolment and of a plan's life, alike on every face of staff."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final, TypeVar

from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.definitions import KEY
from app.domain.errors import DomainError, NotFound
from app.domain.plans.enrolling import EndReason, HoldReason
from app.domain.plans.plan_calendar import Entry
from app.domain.trust.access import Actor
from app.models import CarePlan, Patient
from app.models.trust.audit import record
from app.services.plans.care_plan_reading import Offered, find_team, own_teams, plans_offered
from app.services.plans.enrolment import life
from app.services.plans.enrolment.anchors import find_anchor
from app.services.plans.enrolment.entering import plan_offered
from app.services.plans.enrolment.errors import ReasonNeeded, TeamNeeded
from app.services.plans.plan_preview import Preview, preview_enrolment

LONGEST_NOTE: Final = 200
FIRST_DAYS: Final = 28
ALL_DAYS: Final = 1000
Word = TypeVar("Word", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which plan somebody chose, from which day, for which team."""

    plan_key: str
    anchor_on: date | None
    team_id: str
    note: str


@dataclass(frozen=True, slots=True)
class Choosing:
    """What a page needs to choose a plan; `preview` once plan and day are known."""

    plans: tuple[Offered, ...]
    teams: Mapping[str, str]
    wanted: Wanted
    chosen: Offered | None
    preview: Preview | None


class DayUnreadable(DomainError):
    code = "day-unreadable"
    title = "日期请写成 2026-05-04 的样子"


def read_day(text: str) -> date | None:
    """Return a day, None where nothing is given.

    :raises DayUnreadable: something else
    """
    try:
        return date.fromisoformat(text.strip()) if text.strip() else None
    except ValueError:
        raise DayUnreadable from None


def read_note(form: Mapping[str, str]) -> str:
    return form.get("note", "").strip()[:LONGEST_NOTE]


def read_word(kind: type[Word], text: str) -> Word:
    """Return a coded word.

    :raises ReasonNeeded: nothing was chosen
    """
    try:
        return kind(text)
    except ValueError:
        raise ReasonNeeded from None


def read_wanted(form: Mapping[str, str]) -> Wanted:
    """:raises DayUnreadable: the day is none"""
    key = form.get("plan", "")
    return Wanted(
        key if KEY.fullmatch(key) else "", read_day(form.get("anchor_on", "")),
        form.get("team", ""), read_note(form),
    )  # fmt: skip


def choose(
    session: Session, patient: Patient, wanted: Wanted, practitioner_id: int, now: datetime
) -> Choosing:
    """Return what may be chosen, and what the choice will do; a day the record gives is filled in.

    :raises PlanNotOffered: no such plan in force
    """
    today = now.astimezone(HOSPITAL).date()
    offered = plans_offered(session, patient.id, today)
    teams = own_teams(session, practitioner_id)
    chosen = next((one for one in offered if one.key == wanted.plan_key), None)
    if chosen is None:
        return Choosing(offered, teams, wanted, None, None)
    anchor_on = wanted.anchor_on
    if anchor_on is None:
        plan = plan_offered(session, chosen.key, today)
        found = find_anchor(session, patient, plan.anchor, now, HOSPITAL)
        anchor_on = found.on if found else None
    wanted = Wanted(wanted.plan_key, anchor_on, wanted.team_id, wanted.note)
    preview = (
        preview_enrolment(
            session,
            patient.id,
            chosen.key,
            anchor_on,
            now,
            HOSPITAL,
            care_team_id=_team_id(session, wanted, teams),
        )
        if anchor_on
        else None
    )
    return Choosing(offered, teams, wanted, chosen, preview)


def team_of(session: Session, wanted: Wanted, practitioner_id: int) -> int:
    """Return the id of the chosen team of one's own; the only one needs no choice.

    :raises NotFound: no such team, or none of theirs
    """
    found = _team_id(session, wanted, own_teams(session, practitioner_id))
    if found is None:
        raise NotFound
    return found


def _team_id(session: Session, wanted: Wanted, teams: Mapping[str, str]) -> int | None:
    chosen = wanted.team_id or (next(iter(teams)) if len(teams) == 1 else "")
    return find_team(session, chosen).id if chosen in teams else None


def change_plan(
    session: Session, plan: CarePlan, form: Mapping[str, str], actor: Actor, now: datetime
) -> str:
    """Do what a form asks of a plan; return a word for what was done.

    :raises ReasonNeeded, TeamNeeded, DayUnreadable, NotInThisState, NotFound: it cannot be done
    """
    deed, note = form.get("do", ""), read_note(form)
    today = now.astimezone(HOSPITAL).date()
    if deed == "hold":
        reason = read_word(HoldReason, form.get("reason", ""))
        begins = read_day(form.get("begins_on", "")) or today
        until = read_day(form.get("until", ""))
        life.plan_hold(session, plan, reason, begins, until, actor, now, today, note=note)
        done = "held" if begins <= today else "hold-planned"
    elif deed == "resume":
        life.resume_plan(session, plan, actor, now, HOSPITAL, note=note)
        done = "resumed"
    elif deed == "end":
        reason_ = read_word(EndReason, form.get("reason", ""))
        life.end_plan(session, plan, reason_, actor, now, note=note)
        done = "ended"
    elif deed == "transfer":
        if not form.get("team"):
            raise TeamNeeded
        team = find_team(session, form["team"])
        life.transfer_plan(session, plan, team, actor, now, note=note)
        done = "transferred"
    else:
        raise NotFound
    record(
        session, actor, deed, "care-plan", now, patient_id=plan.patient_id,
        detail={"care_plan_id": plan.id},
    )  # fmt: skip
    return done


def days_of(entries: tuple[Entry, ...], most: int = FIRST_DAYS) -> list[tuple[date, list[Entry]]]:
    """Return a calendar by day: as many days as a page shows at first."""
    days: dict[date, list[Entry]] = {}
    for one in entries:
        days.setdefault(one.day, []).append(one)
    return list(days.items())[:most]
