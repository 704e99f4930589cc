"""Who is on which plan: how they come in, rest, go on, change hands and leave.

`entering` begins or proposes, `ways` are what somebody opened, `proposals` wait for a person,
`life` is what happens to a plan begun, `completing` finds those that are over, `consent` is what
ends one without a person's word.
"""

from app.services.plans.enrolment.completing import complete_plans, over_by_calendar
from app.services.plans.enrolment.consent import end_for_the_dead, follow_consent
from app.services.plans.enrolment.entering import begin_plan, enrol_where_due
from app.services.plans.enrolment.errors import NoCareTeam, NotInThisState
from app.services.plans.enrolment.life import (
    end_plan,
    hold_plan,
    rest_while_admitted,
    resume_after_stay,
    resume_plan,
    turn_holds,
)
from app.services.plans.enrolment.ways import (
    enrol_by_segment,
    enrol_by_segment_of,
    segment_ways,
)

__all__ = [
    "NoCareTeam",
    "NotInThisState",
    "begin_plan",
    "complete_plans",
    "end_for_the_dead",
    "end_plan",
    "enrol_by_segment",
    "enrol_by_segment_of",
    "enrol_where_due",
    "follow_consent",
    "hold_plan",
    "over_by_calendar",
    "rest_while_admitted",
    "resume_after_stay",
    "resume_plan",
    "segment_ways",
    "turn_holds",
]
