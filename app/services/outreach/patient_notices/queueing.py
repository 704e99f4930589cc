"""Notices into the outbox, however many at once: the inbox always, one channel a recipient."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.outreach.choosing import After, Ladder
from app.domain.outreach.decency import due_at
from app.domain.outreach.messaging import (
    Channel,
    CommunicationState,
    Lane,
    Outlets,
    PatientTemplate,
    dedupe_key,
    fill,
)
from app.models import Communication, Patient
from app.models.outreach.reachability import gather
from app.models.outreach.recipients import Person, Recipient, ladder_for, told
from app.services.outreach.patient_notices.notice import Notice

_AT_ONCE: Final = 500


def notify_patient(
    session: Session,
    patient_id: int,
    notice: Notice,
    now: datetime,
    zone: ZoneInfo,
    outlets: Outlets,
) -> None:
    """Queue a notice: always in the inbox, and by the best channel each recipient has."""
    notify_patients(session, [(patient_id, notice)], now, zone, outlets)


def notify_patients(
    session: Session,
    notices: Sequence[tuple[int, Notice]],
    now: datetime,
    zone: ZoneInfo,
    outlets: Outlets,
    people: Mapping[int, Person] | None = None,
) -> int:
    """Queue notices, each for a patient; return how many messages were put into the outbox.

    The same again queues nothing. `people` spares asking where the caller knows them already.
    """
    if people is None:
        called = [patient_id for patient_id, notice in notices if not notice.is_inbox_alone]
        people = gather(session, called, outlets, now)
    letters = []
    for patient_id, notice in notices:
        person = people.get(patient_id)
        if person is None or person.is_deceased or notice.is_inbox_alone:
            continue
        for recipient in person.willing(notice.meant_for):
            letter = address(person, recipient, notice, now, zone, outlets)
            if letter is not None:
                letters.append(letter)
    rows = [_into_inbox(patient_id, notice, now) for patient_id, notice in notices]
    return put(session, [*rows, *write(session, letters, now, zone, outlets)])


@dataclass(frozen=True, slots=True)
class Letter:
    """A notice for one recipient, with the channels that lead there."""

    person: Person
    recipient: Recipient
    notice: Notice
    chosen: Ladder
    due_at: datetime
    after: After | None = None
    fallback_of: Communication | None = None

    @property
    def channel(self) -> Channel:
        return self.chosen.rungs[0].channel


def address(
    person: Person,
    recipient: Recipient,
    notice: Notice,
    now: datetime,
    zone: ZoneInfo,
    outlets: Outlets,
    *,
    tried: Iterable[Channel] = (),
    after: After | None = None,
    fallback_of: Communication | None = None,
) -> Letter | None:
    """Return how a notice would go to a recipient; None where no channel leads there."""
    due = due_at(
        now, notice.expires_at, outlets.rules, zone, is_urgent=notice.is_urgent,
        # What a plan or an event sends has its time already.
        best_hour=person.best_hour if notice.lane is Lane.BULK else None,
    )  # fmt: skip
    chosen = ladder_for(person, recipient, notice.kind, notice.lane, outlets, due, tuple(tried))
    if not chosen.rungs:
        return None
    return Letter(person, recipient, notice, chosen, due, after, fallback_of)


def write(
    session: Session, letters: Sequence[Letter], now: datetime, zone: ZoneInfo, outlets: Outlets
) -> list[Communication]:
    """Return the messages of letters, not yet in the outbox."""
    by_phone = {one.person.patient_id for one in letters if one.channel is Channel.SMS}
    phones: dict[int, str] = {}
    if by_phone:
        for patient in session.scalars(select(Patient).where(Patient.id.in_(by_phone))):
            phones[patient.id] = patient.phone or ""
    return [_message(one, phones, now, zone, outlets) for one in letters]


def put(session: Session, messages: Iterable[Communication]) -> int:
    """Put messages into the outbox, without those that are there already; return how many."""
    waiting = {message.dedupe_key: message for message in messages}
    keys = list(waiting)
    for start in range(0, len(keys), _AT_ONCE):
        there = select(Communication.dedupe_key).where(
            Communication.dedupe_key.in_(keys[start : start + _AT_ONCE])
        )
        for key in session.scalars(there):
            del waiting[key]
    session.add_all(waiting.values())
    session.flush()
    for message in waiting.values():
        message.look_over(session)
    return len(waiting)


@dataclass(frozen=True, slots=True)
class _Way:
    """What one channel needs: app, account and address there, and what its sender is given."""

    app_key: str | None
    account_id: int | None
    address: str
    content: Mapping[str, Any]
    template_id: str | None = None
    needs_right: bool = False


def _way(
    letter: Letter, phones: Mapping[int, str], now: datetime, zone: ZoneInfo, outlets: Outlets
) -> _Way:
    recipient, notice = letter.recipient, letter.notice
    values = {"title": notice.title, "time": f"{now.astimezone(zone):%Y-%m-%d %H:%M}"}
    match letter.channel:
        case Channel.SUBSCRIPTION:
            template = outlets.subscriptions[notice.kind]
            return _by_template(
                outlets.mini_program, recipient.account_id, recipient.openid, template, values,
                needs_right=not template.is_long_term,
            )  # fmt: skip
        case Channel.TEMPLATE if recipient.follower is not None:
            return _by_template(
                outlets.official_account, recipient.follower.account_id,
                recipient.follower.openid, outlets.templates[notice.kind], values,
                needs_right=False,
            )  # fmt: skip
        case Channel.CUSTOMER_SERVICE:
            said: dict[str, Any] = {"openid": recipient.openid, "text": notice.title}
            return _Way(outlets.mini_program, recipient.account_id, recipient.openid, said)
        case Channel.WECOM_GROUP_TASK if recipient.external_userid is not None:
            to = recipient.external_userid
            task: dict[str, Any] = {"external_userids": [to], "text": notice.title}
            return _Way(outlets.staff_app, recipient.account_id, to, task)
        case Channel.SMS:
            phone = phones[letter.person.patient_id]
            content = {"phone": phone, "template": outlets.texts[notice.kind], "params": values}
            return _Way(None, recipient.account_id, str(letter.person.patient_id), content)
        case _:
            openid = recipient.openid
            return _Way(outlets.mini_program, recipient.account_id, openid, {"openid": openid})


def _by_template(
    app_key: str | None,
    account_id: int,
    openid: str,
    template: PatientTemplate,
    values: Mapping[str, str],
    *,
    needs_right: bool,
) -> _Way:
    content = {
        "openid": openid,
        "template_id": template.template_id,
        "data": fill(template.data, values),
    }
    return _Way(app_key, account_id, openid, content, template.template_id, needs_right)


def _message(
    letter: Letter, phones: Mapping[int, str], now: datetime, zone: ZoneInfo, outlets: Outlets
) -> Communication:
    notice, channel, before = letter.notice, letter.channel, letter.fallback_of
    way = _way(letter, phones, now, zone, outlets)
    limit = letter.chosen.rungs[0].limit
    falls_at = letter.due_at + limit if limit is not None else None
    # Two parents have one phone number on the child's record: it rings once.
    whom = f"phone:{letter.person.patient_id}" if channel is Channel.SMS else way.account_id
    content = {
        **way.content, "page": notice.page, "title": notice.title, "subject": notice.subject,
    }  # fmt: skip
    return Communication(
        dedupe_key=dedupe_key(notice.kind, notice.subject, channel, whom),
        patient_id=letter.person.patient_id,
        account_id=way.account_id,
        link_id=letter.recipient.link_id,
        task_id=notice.task_id,
        alert_id=notice.alert_id,
        appointment_id=notice.appointment_id,
        encounter_id=notice.encounter_id,
        kind=notice.kind,
        purpose=notice.meant_for,
        channel=channel,
        lane=notice.lane,
        app_key=way.app_key,
        template_id=way.template_id,
        needs_right=way.needs_right,
        content=_json(content),
        recipient_key=f"{way.app_key or channel.value}:{way.address}",
        fallback_of_id=before.id if before is not None else None,
        chosen=told(letter.chosen, letter.after),
        falls_at=falls_at if falls_at and falls_at < notice.expires_at else None,
        # What is sent once more by another channel was planned when the first was.
        planned_at=before.planned_at if before is not None else now,
        due_at=letter.due_at,
        expires_at=notice.expires_at,
    )


def _into_inbox(patient_id: int, notice: Notice, now: datetime) -> Communication:
    return Communication(
        dedupe_key=inbox_key(patient_id, notice.kind, notice.subject),
        patient_id=patient_id,
        task_id=notice.task_id,
        alert_id=notice.alert_id,
        appointment_id=notice.appointment_id,
        encounter_id=notice.encounter_id,
        kind=notice.kind,
        purpose=notice.meant_for,
        channel=Channel.INBOX,
        lane=notice.lane,
        state=CommunicationState.DELIVERED,
        content=_json({"title": notice.title, "text": notice.text, "page": notice.page}),
        recipient_key=f"inbox:{patient_id}",
        planned_at=now,
        due_at=now,
        sent_at=now,
        delivered_at=now,
        expires_at=notice.expires_at,
    )


def inbox_key(patient_id: int, kind: str, subject: str) -> bytes:
    """Return the name of a notice's message in the inbox."""
    return dedupe_key(kind, subject, Channel.INBOX, patient_id)


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, sort_keys=True)
