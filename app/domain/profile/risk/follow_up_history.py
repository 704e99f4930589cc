"""What is known of a patient's follow-up, as of any instant: read once, cut by time.

The same history gives the transparent list of today and, cut at an earlier instant, what was known
then: a local model learns from the past only what could have been known in it. Not kept with their
own time, and so as they are now: address, phone, family members, sign-ins before the last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from app.domain.intake.hospital_records import Gender


@dataclass(frozen=True, slots=True)
class PlanSpan:
    """A care plan: from enrolment to its end; `is_revoked` where it was broken off."""

    key: str
    began_at: datetime
    ended_at: datetime | None
    is_revoked: bool = False


@dataclass(frozen=True, slots=True)
class AskedTask:
    """Something asked of the patient, with a window; `done_at` says that they did it."""

    due_at: datetime
    ends_at: datetime
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message that reached the patient's side."""

    sent_at: datetime
    opened_at: datetime | None


@dataclass(frozen=True, slots=True)
class Booking:
    """A booked visit; `came` is None while it is not known."""

    booked_at: datetime
    starts_at: datetime
    came: bool | None


@dataclass(frozen=True, slots=True)
class Flag:
    """Something that makes following up harder (depression, substance use, a carer's burden)."""

    name: str
    at: datetime
    lasts: bool = False  # a diagnosis stays, an answer of half a year ago does not


@dataclass(frozen=True, slots=True)
class FollowUpHistory:
    """`acts` are what came from the patient, `contacts` every completed contact by any channel.

    `seen` is when the mini-program was opened for the patient, `discharges` when a stay ended. All
    instants run from oldest to newest.
    """

    birth_on: date | None = None
    gender: Gender = Gender.UNKNOWN
    region: str | None = None
    department: str | None = None
    has_phone: bool = False
    has_carer: bool = False
    deceased_at: datetime | None = None
    opted_out_at: datetime | None = None
    plans: Sequence[PlanSpan] = ()
    tasks: Sequence[AskedTask] = ()
    messages: Sequence[SentMessage] = ()
    bookings: Sequence[Booking] = ()
    discharges: Sequence[datetime] = ()
    acts: Sequence[datetime] = ()
    contacts: Sequence[datetime] = ()
    seen: Sequence[datetime] = ()
    flags: Sequence[Flag] = ()

    def as_of(self, instant: datetime) -> "FollowUpHistory":
        """Return what could be known then."""
        return replace(
            self,
            deceased_at=_until(self.deceased_at, instant),
            opted_out_at=_until(self.opted_out_at, instant),
            plans=[
                replace(one, ended_at=ended, is_revoked=one.is_revoked and ended is not None)
                for one in self.plans
                if one.began_at <= instant
                for ended in [_until(one.ended_at, instant)]
            ],
            tasks=[
                replace(one, done_at=_until(one.done_at, instant))
                for one in self.tasks
                if one.due_at <= instant
            ],
            messages=[
                replace(one, opened_at=_until(one.opened_at, instant))
                for one in self.messages
                if one.sent_at <= instant
            ],
            bookings=[
                replace(one, came=one.came if one.starts_at <= instant else None)
                for one in self.bookings
                if one.booked_at <= instant
            ],
            discharges=_before(self.discharges, instant),
            acts=_before(self.acts, instant),
            contacts=_before(self.contacts, instant),
            seen=_before(self.seen, instant),
            flags=[one for one in self.flags if one.at <= instant],
        )

    def open_plan(self) -> PlanSpan | None:
        """Return the newest plan that has not ended."""
        return max(
            (one for one in self.plans if one.ended_at is None),
            key=lambda one: one.began_at,
            default=None,
        )

    def age_on(self, day: date) -> int | None:
        if self.birth_on is None:
            return None
        had_birthday = (day.month, day.day) >= (self.birth_on.month, self.birth_on.day)
        return day.year - self.birth_on.year - (0 if had_birthday else 1)


def _until(at: datetime | None, instant: datetime) -> datetime | None:
    return at if at is not None and at <= instant else None


def _before(instants: Sequence[datetime], instant: datetime) -> list[datetime]:
    return [at for at in instants if at <= instant]
