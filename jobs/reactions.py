"""What follows from what happened: event kind → services, one readable table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.domain.exchange import webhooks
from app.domain.exchange.medicine_flow import OF_REQUEST
from app.domain.plans.rules import Grade, SendMessage
from app.domain.plans.timing import Basis
from app.models import (
    Alert,
    AppointmentStatus,
    Event,
    Observation,
    Questionnaire,
    Task,
)
from app.models.plans.knowledge import knowledge
from app.models.plans.questionnaire_response import QuestionnaireResponse
from app.models.plans.rule_work import is_silent
from app.models.profile.patient_index import head_id_of
from app.services.exchange import telling
from app.services.intake import patient_index
from app.services.outreach import patient_notices
from app.services.plans import plan_expansion, rule_evaluation
from app.services.profile.tags import tag_triggers
from app.services.staff import (
    alert_cards,
    contact_outcomes,
    dangerous_answers,
    requests,
    route_alarms,
)
from jobs.chores import Work
from jobs.medicine_reactions import (
    follow_medicines,
    give_back_medicines,
    hand_over_medicines,
    offer_refills,
    tell_of_medicines,
)
from jobs.notices import notify
from jobs.plan_reactions import (
    end_for_the_dead,
    enrol,
    enrol_by_segments,
    follow_consent,
    offer_to_linked,
    rest,
    rest_after_merge,
    resume_after_stay,
    tell_of_enrolment,
)
from jobs.profile_reactions import (
    assess_risk,
    learn_preferences,
    note_deed,
    read_text,
    release_devices,
    retag,
)
from jobs.result_reactions import (
    call_services,
    grade,
    offer_service,
    raise_critical,
    recall,
    tell_of_recall,
)
from jobs.rule_reactions import change_plan_by_rule, raise_flagged_text


@dataclass(frozen=True, slots=True)
class Reaction:
    """One reaction reads the events of its kinds at its own pace; repeats do no harm."""

    key: str
    kinds: frozenset[str]
    handle: Callable[[Work, Session, Event], None]


def find_doubles(work: Work, session: Session, event: Event) -> None:
    if event.patient_id is not None:
        patient_index.find_doubles(session, event.patient_id, clock.now())


def gather_late_rows(work: Work, session: Session, event: Event) -> None:
    """Bring over what somebody was just writing for the retired record."""
    patient_index.gather(session, event.payload["other_id"], clock.now())


def expand(work: Work, session: Session, event: Event) -> None:
    now = clock.now()
    plan_expansion.expand_plans(session, now, work.zone, patient_id=event.patient_id)
    plan_expansion.open_due_tasks(session, now)


def follow(work: Work, session: Session, event: Event) -> None:
    """Ask for what counts from a task done or missed, a visit that ended, a visit booked."""
    if event.patient_id is not None:
        basis = _FOLLOWED.get(event.kind) or _FOLLOWED[event.kind.partition(".")[0]]
        plan_expansion.follow(session, event.patient_id, [basis], clock.now(), work.zone)


_FOLLOWED: Final = {
    "task.completed": Basis.ACTION,
    "task.sent": Basis.ACTION,
    "task.missed": Basis.MISSED,
    "encounter": Basis.ENCOUNTER,
    "appointment": Basis.APPOINTMENT,
}


def retime(work: Work, session: Session, event: Event) -> None:
    """Bring calendars to what was changed; a merge brings visits, bookings and changes along."""
    if event.patient_id is not None and event.kind.startswith("patient."):
        plan_expansion.call_for_retiming(session, event.patient_id, clock.now())
    plan_expansion.retime_plans(session, clock.now(), work.zone, patient_id=event.patient_id)


def wake_waiting(work: Work, session: Session, event: Event) -> None:
    """Let tasks that wait for something look whether this was it."""
    if event.patient_id is not None:
        plan_expansion.wake_waiting(session, event.patient_id, clock.now())


def judge(work: Work, session: Session, event: Event) -> None:
    if event.patient_id is None:
        return
    observation_id = event.payload.get("observation_id")
    rule_evaluation.evaluate(
        session, event.patient_id, [_trigger(session, event)], clock.now(), work.zone,
        observation_id=observation_id, response_id=event.payload.get("response_id"), cause=event,
    )  # fmt: skip


def review_implausible(work: Work, session: Session, event: Event) -> None:
    if event.patient_id is not None:
        rule_evaluation.review_implausible(
            session, event.patient_id, event.payload["observation_id"], clock.now()
        )


def review_photo(work: Work, session: Session, event: Event) -> None:
    if event.patient_id is not None:
        rule_evaluation.review_photo(
            session, event.patient_id, event.payload["photo_id"], clock.now()
        )


def withdraw(work: Work, session: Session, event: Event) -> None:
    """A result since corrected takes back the alerts that stood on it."""
    rule_evaluation.withdraw_alerts_of(
        session, event.payload["supersedes_id"], clock.now(), cause=event
    )


def withdraw_moved(work: Work, session: Session, event: Event) -> None:
    """A result that turned out to be somebody else's takes its alerts with it."""
    rule_evaluation.withdraw_alerts_of(
        session,
        event.payload["observation_id"],
        clock.now(),
        patient_id=head_id_of(session, event.payload["other_id"]),
        cause=event,
    )


def follow_contact(work: Work, session: Session, event: Event) -> None:
    contact_outcomes.follow_alert(session, event.payload["alert_id"], clock.now(), work.zone)


def take_requests(work: Work, session: Session, event: Event) -> None:
    requests.take_requests(session, event.payload["response_id"], clock.now(), work.zone)


def raise_dangerous_answers(work: Work, session: Session, event: Event) -> None:
    dangerous_answers.raise_dangerous_answers(
        session, event.payload["response_id"], clock.now(), work.zone, cause=event
    )


def note_taken_back(work: Work, session: Session, event: Event) -> None:
    dangerous_answers.note_taken_back(session, event.payload["response_id"], clock.now())


def tell_team(work: Work, session: Session, event: Event) -> None:
    alert_cards.tell_team(session, event.payload["alert_id"], event.id, clock.now(), work.outlets)


def tell_team_of_withdrawal(work: Work, session: Session, event: Event) -> None:
    alert_cards.tell_withdrawn(session, event.payload["alert_id"], clock.now())


def tell_patient(work: Work, session: Session, event: Event) -> None:
    """Fixed, reviewed words; the lock screen shows only that there is something to read."""
    alert = session.get_one(Alert, event.payload["alert_id"])
    rule = alert.rule
    if not alert.tells_patient or (rule and is_silent(session, rule.key, rule.pack_key)):
        return
    if event.kind in ("alert.opened", "alert.worsened", "alert.patient-told"):
        _, patient_text = alert.texts
        if patient_text is None:
            return
        text, title = patient_text, "您有一条健康提醒，请查看"
    else:
        text, title = _PROGRESS[event.kind], "护理团队有新的回复"
    notify(
        work, session, event, title, text, alert_id=alert.id,
        is_urgent=alert.grade is not Grade.MILD,
        is_inbox_alone=patient_notices.was_called_lately(session, alert, clock.now()),
    )  # fmt: skip


_PROGRESS: Final = {
    "alert.taken": "护理团队已经看到您的情况，正在处理，会尽快联系您。",
    "alert.contacted": "护理团队已经记录与您的联系。如果还不舒服，请随时告诉我们。",
}


def tell_patient_by_rule(work: Work, session: Session, event: Event) -> None:
    known, key = knowledge(session), event.payload["rule"]
    action = known.rule(key).actions[event.payload["action"]]
    # Switched off since it fired: what has not been said is not said any more.
    if isinstance(action, SendMessage) and not is_silent(session, key, known.pack_of_rule(key)):
        notify(work, session, event, "您有一条健康提醒，请查看", action.text)


def tell_subscribers(work: Work, session: Session, event: Event) -> None:
    telling.tell_subscribers(session, event, clock.now())


def tell_of_routes(work: Work, session: Session, event: Event) -> None:
    """Tell the operators at once of what they must act on; the rest is the timetable's."""
    route_alarms.watch_routes(session, clock.now(), work.zone, work.outlets)


def fall_back(work: Work, session: Session, event: Event) -> None:
    patient_notices.fall_back(
        session, event.payload["communication_id"], clock.now(), work.zone, work.outlets
    )


def _trigger(session: Session, event: Event) -> str:
    """Return the word by which rules say that they want to be woken (see `criteria.wakes`)."""
    if event.kind.startswith("observation."):
        code = event.payload.get("code")
        return f"observation:{code or _code_of(session, event.payload['observation_id'])}"
    if event.kind == "response.recorded":
        key = session.scalars(
            select(Questionnaire.key)
            .join(QuestionnaireResponse)
            .where(QuestionnaireResponse.id == event.payload["response_id"])
        ).one()
        return f"response:{key}"
    if event.kind == "task.missed":
        return f"task:{session.get_one(Task, event.payload['task_id']).kind}"
    if event.kind == "tag.assigned":
        return f"tag:{event.payload['tag']}"
    return "condition"


def _code_of(session: Session, observation_id: int) -> str:
    return session.scalars(select(Observation.code).filter_by(id=observation_id)).one()


def _reaction(handle: Callable[[Work, Session, Event], None], *kinds: str) -> Reaction:
    def handle_for_head(work: Work, session: Session, event: Event) -> None:
        handle(work, session, _of_head(session, event))

    return Reaction(handle.__name__.replace("_", "-"), frozenset(kinds), handle_for_head)


def _of_head(session: Session, event: Event) -> Event:
    """Return the event as one of the record that speaks for its patient now.

    It may have waited while the patient was merged; what reached the retired record in the same
    moment is brought over first. The event itself stays as it was written.
    """
    if event.patient_id is None:
        return event
    head = patient_index.gather(session, event.patient_id, clock.now())
    if head == event.patient_id:
        return event
    return Event(
        id=event.id, kind=event.kind, patient_id=head, payload=event.payload, depth=event.depth,
        at=event.at,
    )  # fmt: skip


REACTIONS: tuple[Reaction, ...] = (
    _reaction(
        judge,
        "observation.recorded", "observation.corrected", "response.recorded",
        "condition.recorded", "tag.assigned", "task.missed", "observation.moved",
    ),
    _reaction(grade, "observation.recorded", "observation.corrected", "observation.moved"),
    _reaction(raise_critical, "result.critical"),
    _reaction(take_requests, "response.recorded"),
    _reaction(raise_dangerous_answers, "response.alarmed"),
    _reaction(note_taken_back, "response.eased"),
    _reaction(raise_flagged_text, "text.flagged"),
    _reaction(follow_contact, "alert.closed", "alert.attempted"),
    _reaction(call_services, "result.abnormal"),
    _reaction(recall, "result.eased"),
    _reaction(offer_service, "result-service.called"),
    _reaction(tell_of_recall, "result-service.recalled"),
    _reaction(review_implausible, "observation.implausible"),
    _reaction(review_photo, "photo.received"),
    _reaction(withdraw, "observation.corrected"),
    _reaction(withdraw_moved, "observation.moved"),
    _reaction(tell_team, "alert.opened", "alert.worsened", "alert.climbed", "alert.handed-over"),
    _reaction(tell_team_of_withdrawal, "alert.withdrawn"),
    _reaction(tell_patient, "alert.opened", "alert.worsened", "alert.patient-told", *_PROGRESS),
    _reaction(tell_patient_by_rule, "rule.message"),
    _reaction(change_plan_by_rule, "rule.plan"),
    _reaction(fall_back, "communication.failed"),
    _reaction(tell_of_routes, "route.closed", "route.opened"),
    _reaction(retag, *tag_triggers.WAKING),
    _reaction(
        assess_risk,
        "observation.recorded", "observation.corrected", "observation.moved",
        "condition.recorded", "condition.withdrawn", "encounter.started", "encounter.finished",
        "encounter.moved", "encounter.reopened", "encounter.cancelled", "patient.registered",
        "patient.updated", "patient.merged", "patient.unmerged", "task.completed", "task.missed",
        "response.recorded", "care-plan.started", "care-plan.ended", "alert.contacted",
        "person.linked", "person.unlinked",
    ),
    _reaction(note_deed, "message.opened", "response.recorded", "task.completed"),
    _reaction(
        learn_preferences,
        "interaction.recorded", "encounter.finished", "encounter.moved", "encounter.cancelled",
        "alert.contacted", "patient.merged", "patient.unmerged",
    ),
    _reaction(
        enrol,
        "encounter.finished", "condition.recorded", "tag.assigned", "patient.merged",
        "patient.unmerged", "encounter.moved",
    ),
    _reaction(
        enrol_by_segments,
        "tag.assigned", "condition.recorded", "encounter.finished", "patient.registered",
        "patient.updated", "patient.merged",
    ),
    _reaction(resume_after_stay, "encounter.finished", "encounter.cancelled", "encounter.moved"),
    _reaction(end_for_the_dead, "patient.registered", "patient.updated", "patient.merged"),
    _reaction(tell_of_enrolment, "enrolment.accepted", "enrolment.declined"),
    _reaction(offer_to_linked, "person.linked"),
    _reaction(follow_consent, "consent.changed", "person.unlinked"),
    _reaction(release_devices, "consent.changed", "person.unlinked"),
    _reaction(
        read_text,
        "response.recorded", "task.declined", "report.recorded", "observation.recorded",
        "observation.corrected",
    ),
    _reaction(rest, "encounter.started"),
    _reaction(rest_after_merge, "patient.merged"),
    _reaction(gather_late_rows, "patient.merged"),
    _reaction(
        find_doubles,
        "patient.registered", "patient.updated", "patient.merged", "patient.unmerged",
    ),
    _reaction(expand, "care-plan.started", "care-plan.resumed", "care-plan.moved"),
    _reaction(
        follow,
        "task.completed", "task.sent", "task.missed", "encounter.finished",
        "encounter.cancelled", "encounter.reopened", "encounter.moved",
        *(f"appointment.{status}" for status in AppointmentStatus),
    ),
    _reaction(
        retime,
        "care-plan.changed", "care-plan.moved", "care-plan.resumed", "patient.merged",
        "patient.unmerged",
    ),
    _reaction(wake_waiting, *tag_triggers.WAKING),
    _reaction(
        offer_refills,
        "medication-request.recorded", "patient.updated", "patient.merged", "patient.unmerged",
    ),
    _reaction(hand_over_medicines, "medicine-flow.asked"),
    _reaction(give_back_medicines, "medicine-flow.given-up"),
    _reaction(follow_medicines, *(f"outbound.{deed}" for deed in OF_REQUEST)),
    _reaction(tell_of_medicines, "medicine-flow.moved", "medicine-flow.kept"),
    _reaction(tell_subscribers, *webhooks.KINDS),
)  # fmt: skip
