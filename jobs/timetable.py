"""The timetable: what the clock does, when, and what happens to a slot it missed.

Everything here only makes due work; sending is the workers'. Minutes 0 and 30 are avoided:
WeCom asks for it, and everybody else's timetable stands there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

from app.clock import HOSPITAL
from jobs import chores, table_feeds


class CatchUp(StrEnum):
    """What to do with slots missed while no clock ran, at most 24 hours back."""

    EACH = "each"  # every slot means something of its own
    LAST = "last"  # one run does the work of all
    SKIP = "skip"  # the moment is over


@dataclass(frozen=True, slots=True)
class Job:
    """One line of the timetable; `run` may run twice, late, or next to itself."""

    key: str
    run: Callable[[chores.Work, datetime], Any]
    trigger: BaseTrigger
    catch_up: CatchUp
    jitter: int = 0  # seconds


def at(**cron: Any) -> CronTrigger:
    return CronTrigger(timezone=HOSPITAL, **cron)


TIMETABLE: tuple[Job, ...] = (
    Job("climb-alerts", chores.climb_alerts, at(second="7,37"), CatchUp.LAST),
    Job("open-due-tasks", chores.open_due_tasks, at(second="11"), CatchUp.LAST),
    Job("retime-plans", chores.retime_plans, at(second="3"), CatchUp.LAST),
    Job("judge-due-tasks", chores.judge_due_tasks, at(second="13"), CatchUp.LAST),
    Job("send-plan-messages", chores.send_plan_messages, at(second="19"), CatchUp.LAST),
    Job("remind-of-tasks", chores.remind_of_tasks, at(second="23"), CatchUp.LAST),
    Job("fall-back-late", chores.fall_back_late, at(second="27,57"), CatchUp.LAST),
    Job("watch-feeds", chores.watch_feeds, at(second="29"), CatchUp.LAST),
    Job("watch-sending", chores.watch_sending, at(second="31"), CatchUp.LAST),
    Job("sweep-exchange", chores.sweep_exchange, at(second="33"), CatchUp.LAST),
    Job("sweep-outbox", chores.sweep_outbox, at(second="41"), CatchUp.LAST),
    Job("miss-past-tasks", chores.miss_past_tasks, at(minute="*/5", second="53"), CatchUp.LAST),
    Job("sync-tables", table_feeds.sync_tables, at(minute="*/3", second="29"), CatchUp.LAST),
    Job("expand-plans", chores.expand_plans, at(minute="*/10", second="17"), CatchUp.LAST, 5),
    Job("turn-holds", chores.turn_holds, at(minute="1-59/10", second="3"), CatchUp.LAST, 5),
    Job("move-plans", chores.move_plans, at(second="17"), CatchUp.LAST),
    Job(
        "bring-packs-into-force",
        chores.bring_packs_into_force,
        at(minute="4-59/10", second="13"),
        CatchUp.LAST,
    ),
    Job("enrol-by-segments", chores.enrol_by_segments, at(minute="19"), CatchUp.LAST, 60),
    Job(
        "save-segment-index",
        chores.save_segment_index,
        at(minute="2-59/5", second="47"),
        CatchUp.LAST,
        5,
    ),
    Job("judge-absences", chores.judge_absences, at(hour="8-20", minute="13"), CatchUp.LAST, 60),
    Job("expire-tags", chores.expire_tags, at(minute="*/10", second="43"), CatchUp.LAST, 5),
    Job("wake-tags", chores.wake_tags, at(minute="*/10", second="49"), CatchUp.LAST, 5),
    Job("follow-library", chores.follow_library, at(minute="2-57/5", second="5"), CatchUp.LAST),
    Job("sweep-tags", chores.sweep_tags, at(second="47"), CatchUp.LAST),
    Job("tell-of-proposals", chores.tell_of_proposals, at(hour="8", minute="43"), CatchUp.LAST, 60),
    Job("assess-plans", chores.assess_plans, at(hour="5", minute="17"), CatchUp.LAST, 300),
    Job("refresh-risks", chores.refresh_risks, at(hour="1", minute="43"), CatchUp.SKIP, 300),
    Job("lapse-medicines", chores.lapse_medicines, at(minute="3-58/5", second="37"), CatchUp.LAST),
    Job("complete-plans", chores.complete_plans, at(hour="4", minute="13"), CatchUp.LAST, 300),
    Job("seal-audit", chores.seal_audit, at(minute="47"), CatchUp.LAST, 60),
    Job(
        "reconcile-tables",
        table_feeds.reconcile_tables,
        at(hour="2", minute="37"),
        CatchUp.LAST,
        300,
    ),
    Job("purge-drafts", chores.purge_drafts, at(hour="3", minute="37"), CatchUp.SKIP, 300),
    Job("count-reach", chores.count_reach, at(hour="3", minute="47"), CatchUp.LAST, 300),
    Job("purge-sessions", chores.purge_sessions, at(hour="3", minute="23"), CatchUp.SKIP, 300),
)
