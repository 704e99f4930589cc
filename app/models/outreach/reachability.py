"""Facts on how patients can be reached, for many at once."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, case, func, select
from sqlalchemy.orm import Session

from app.domain.criteria.population import PreferenceKind
from app.domain.outreach.choosing import NAMED_WAYS
from app.domain.outreach.messaging import Channel, CommunicationState, Outlets
from app.domain.staff.contacts import StaffTaskKind
from app.domain.trust.access import Relation
from app.models.outreach.communication import Communication, SubscriptionGrant
from app.models.outreach.recipients import Follower, Person, Recipient
from app.models.outreach.service_window import open_windows
from app.models.plans.care_plan import Task
from app.models.plans.enrolment import ContactArrival
from app.models.profile.behaviour import Preference
from app.models.profile.patient import Patient
from app.models.staff.team_work import OPEN_TASK
from app.models.trust.account import PatientLink, WeChatAccount
from app.models.trust.consent import Consent

AT_ONCE: Final = 500
_LATELY: Final = timedelta(days=90)


def gather(
    session: Session, patient_ids: Iterable[int], outlets: Outlets, now: datetime
) -> dict[int, Person]:
    """Return what is known of each patient; ten statements for every 500."""
    found: dict[int, Person] = {}
    asked = list(dict.fromkeys(patient_ids))
    for start in range(0, len(asked), AT_ONCE):
        found |= _gather(session, asked[start : start + AT_ONCE], outlets, now)
    return found


# ------------------------------------------------------------------------- what is asked


def _gather(
    session: Session, ids: Sequence[int], outlets: Outlets, now: datetime
) -> dict[int, Person]:
    patients = session.execute(
        select(
            Patient.id, Patient.deceased_at.is_not(None).label("is_deceased"),
            Patient.phone_index.is_not(None).label("has_phone"),
        ).where(Patient.id.in_(ids))
    ).all()  # fmt: skip
    checked = set(
        session.scalars(
            select(Task.patient_id).where(
                Task.patient_id.in_(ids),
                Task.kind == StaffTaskKind.CONFIRM_DEATH,
                Task.status.in_(OPEN_TASK),
            )
        )
    )
    recipients = _recipients(session, ids, outlets, now)
    asked_for, hours = _preferences(session, ids)
    opened = _opened(session, ids, now)
    return {
        row.id: Person(
            row.id, bool(row.is_deceased), row.id in checked, bool(row.has_phone),
            NAMED_WAYS.get(asked_for.get(row.id, ""), frozenset()), hours.get(row.id),
            opened.get(row.id, {}), tuple(recipients.get(row.id, ())),
        )
        for row in patients
    }  # fmt: skip


def _recipients(
    session: Session, ids: Sequence[int], outlets: Outlets, now: datetime
) -> Mapping[int, list[Recipient]]:
    links = session.execute(
        select(
            PatientLink.id, PatientLink.patient_id, PatientLink.relation,
            WeChatAccount.id.label("account_id"), WeChatAccount.openid,
            WeChatAccount.unionid,
        )
        .join(WeChatAccount, WeChatAccount.id == PatientLink.account_id)
        .where(PatientLink.patient_id.in_(ids), PatientLink.is_live.is_(True))
        .order_by(PatientLink.id)
    ).all()  # fmt: skip
    if not links:
        return {}
    words = last_words(session, ids)
    rights, refused = _rights(session, {link.account_id for link in links}, outlets)
    unionids = {link.unionid for link in links if link.unionid}
    followers = _followers(session, unionids, outlets)
    contacts = _contacts(session, unionids) if outlets.group_tasks else {}
    accounts = {link.account_id for link in links}
    windows = open_windows(session, accounts, now) if outlets.customer_service else {}
    found: dict[int, list[Recipient]] = defaultdict(list)
    for link in links:
        found[link.patient_id].append(
            Recipient(
                link.id, link.account_id, link.openid, link.relation,
                windows.get(link.account_id),
                words.get((link.patient_id, link.account_id), {}),
                rights.get(link.account_id, {}), frozenset(refused.get(link.account_id, ())),
                followers.get(link.unionid), contacts.get(link.unionid),
            )
        )  # fmt: skip
    for patient_id, everybody in found.items():
        own = [one for one in everybody if one.relation is Relation.SELF]
        found[patient_id] = own or everybody
    return found


# Built once: every batch of calls asks it.
_LAST_WORDS: Final = (
    select(Consent.patient_id, Consent.account_id, Consent.purpose, Consent.is_given)
    .where(Consent.patient_id.in_(bindparam("ids", expanding=True)))
    .order_by(Consent.id)
)


def last_words(session: Session, ids: Sequence[int]) -> Mapping[tuple[int, int], dict[str, bool]]:
    """Return the last word on each consent purpose, by patient and account."""
    said: dict[tuple[int, int], dict[str, bool]] = defaultdict(dict)
    for patient_id, account_id, purpose, is_given in session.execute(_LAST_WORDS, {"ids": ids}):
        said[patient_id, account_id][purpose] = is_given
    return said


def _rights(
    session: Session, accounts: Collection[int], outlets: Outlets
) -> tuple[Mapping[int, dict[str, int]], Mapping[int, set[str]]]:
    """Return the rights left and the templates refused last, by account."""
    rights: dict[int, dict[str, int]] = defaultdict(dict)
    refused: dict[int, set[str]] = defaultdict(set)
    templates = {one.template_id for one in outlets.subscriptions.values()}
    if not templates:
        return rights, refused
    no = SubscriptionGrant.reason.like("%-refused")
    yes = SubscriptionGrant.reason.like("%-long-term")
    for account_id, template_id, left, last_no, last_yes in session.execute(
        select(
            SubscriptionGrant.account_id,
            SubscriptionGrant.template_id,
            func.sum(SubscriptionGrant.change),
            func.max(case((no, SubscriptionGrant.id), else_=0)),
            func.max(case((yes, SubscriptionGrant.id), else_=0)),
        )
        .where(
            SubscriptionGrant.account_id.in_(accounts), SubscriptionGrant.template_id.in_(templates)
        )
        .group_by(SubscriptionGrant.account_id, SubscriptionGrant.template_id)
    ):
        rights[account_id][template_id] = int(left)
        if last_no > last_yes:
            refused[account_id].add(template_id)
    # What waits in the outbox will spend one.
    for account_id, template_id, waiting in session.execute(
        select(Communication.account_id, Communication.template_id, func.count())
        .where(
            Communication.account_id.in_(accounts),
            Communication.channel == Channel.SUBSCRIPTION,
            Communication.needs_right.is_(True),
            Communication.state.in_((CommunicationState.QUEUED, CommunicationState.CLAIMED)),
        )
        .group_by(Communication.account_id, Communication.template_id)
    ):
        if account_id is not None and template_id in rights[account_id]:
            rights[account_id][template_id] -= waiting
    return rights, refused


def _followers(
    session: Session, unionids: Collection[str], outlets: Outlets
) -> Mapping[str | None, Follower]:
    if outlets.official_account is None or not unionids:
        return {}
    rows = session.execute(
        select(WeChatAccount.unionid, WeChatAccount.id, WeChatAccount.openid).where(
            WeChatAccount.unionid.in_(unionids),
            WeChatAccount.app_key == outlets.official_account,
            WeChatAccount.is_following.is_(True),
        )
    )
    return {row.unionid: Follower(row.id, row.openid) for row in rows}


def _contacts(session: Session, unionids: Collection[str]) -> Mapping[str | None, str]:
    if not unionids:
        return {}
    rows = session.execute(
        select(ContactArrival.unionid, ContactArrival.external_userid)
        .where(ContactArrival.unionid.in_(unionids))
        .order_by(ContactArrival.id)
    )
    return {row.unionid: row.external_userid for row in rows}


def _preferences(
    session: Session, ids: Sequence[int]
) -> tuple[Mapping[int, str], Mapping[int, int]]:
    """Return the way each patient asked for, and the hour (0–23) at which they are there."""
    ways: dict[int, str] = {}
    hours: dict[int, int] = {}
    for patient_id, kind, value in session.execute(
        select(Preference.patient_id, Preference.kind, Preference.value)
        .where(
            Preference.patient_id.in_(ids),
            Preference.kind.in_((PreferenceKind.CHANNEL, PreferenceKind.REACH_HOUR)),
            Preference.is_denied.is_(False),
        )
        .order_by(Preference.is_stated.desc(), Preference.share.desc(), Preference.id)
    ):
        if kind is PreferenceKind.CHANNEL:
            ways.setdefault(patient_id, value)
        elif value.isdigit():
            hours.setdefault(patient_id, int(value))
    return ways, hours


def _opened(
    session: Session, ids: Sequence[int], now: datetime
) -> Mapping[int, dict[Channel, int]]:
    """Count what was opened lately by the channel that called the patient to it."""
    found: dict[int, dict[Channel, int]] = defaultdict(dict)
    for patient_id, channel, number in session.execute(
        select(Communication.patient_id, Communication.channel, func.count())
        .where(
            Communication.patient_id.in_(ids),
            Communication.channel != Channel.INBOX,
            Communication.opened_at > now - _LATELY,
        )
        .group_by(Communication.patient_id, Communication.channel)
    ):
        if patient_id is not None:
            found[patient_id][channel] = number
    return found
