"""What patients see of themselves, say of themselves, and do: profile, timeline, preferences."""

from dataclasses import asdict
from typing import Any

from app import clock
from app.domain.profile.behaviour import Deed
from app.domain.profile.record_views import View
from app.domain.profile.social_history import SOCIAL_ITEMS
from app.models import StatedBy
from app.models.profile.reading.life import life_lines
from app.models.profile.reading.preferences import PreferenceLine, preference_lines
from app.services.profile.patient_behaviour import record_interactions
from app.services.profile.patient_preferences import (
    denied_preferences,
    forget_word,
    state_preference,
)
from app.services.profile.patient_profile import read_own_profile
from app.services.profile.patient_timeline import read_timeline
from app.services.profile.social_history import state_social_history
from app.services.trust.patient_consents import require_consent
from app.web import patient_words
from miniprogram_api.doors import OpenRecord, blueprint, for_wechat_users, open_record
from miniprogram_api.profile_schemas import (
    InteractionsIn,
    InteractionsOut,
    OwnProfileOut,
    PreferenceIn,
    PreferencesOut,
    SocialHistoryIn,
    SocialHistoryOut,
    TimelineOut,
    TimelineQuery,
)

profile = blueprint("profile")


@profile.get("/patients/<id:patient>/profile")
@for_wechat_users
@profile.output(OwnProfileOut)
def read_profile(patient: str) -> dict[str, Any]:
    """Read what is known of a person: life, plans, diagnoses, medicines, visits

    Suspected diagnoses, risk and the team's own tags are not part of it.
    """
    with open_record(patient, "read", "patient-profile") as opened:
        found = read_own_profile(opened.session, opened.patient_id, opened.now, clock.today())
    return {
        **{name: getattr(found, name) for name in OwnProfileOut().fields},
        "preferences": [_preference(line) for line in found.preferences],
    }


@profile.get("/patients/<id:patient>/timeline")
@for_wechat_users
@profile.input(TimelineQuery, location="query", arg_name="query", unknown=None)
@profile.output(TimelineOut)
def list_timeline(patient: str, query: dict[str, Any]) -> dict[str, Any]:
    """List what happened, newest first; `before` of one page asks for the next

    A hospital result appears some minutes after it came, and not before a clinician has spoken
    where one must.
    """
    with open_record(patient, "read", "patient-timeline") as opened:
        found = read_timeline(
            opened.session, opened.patient_id, opened.now, view=View.PATIENT, **query
        )
    entries = [{**asdict(one), "text": patient_words.entry(one)} for one in found.entries]
    return {"entries": entries, "before": found.before}


@profile.post("/patients/<id:patient>/interactions")
@for_wechat_users
@profile.input(InteractionsIn, arg_name="body")
@profile.output(InteractionsOut, status_code=201)
def record(patient: str, body: dict[str, list[Deed]]) -> dict[str, int]:
    """Tell what was opened, read, clicked, watched or rated, at most 50 at once

    All are kept or none. The same `reference` again changes nothing.
    """
    with open_record(patient, "create", "interaction") as opened:
        require_consent(opened.session, opened.patient_id, opened.account_id)
        number = record_interactions(
            opened.session, opened.patient_id, opened.account_id, body["interactions"], opened.now
        )
    return {"recorded": number}


@profile.get("/patients/<id:patient>/social-history")
@for_wechat_users
@profile.output(SocialHistoryOut)
def read_social_history(patient: str) -> dict[str, Any]:
    """Read what was last stated of how a person lives, and what may be stated"""
    with open_record(patient, "read", "social-history") as opened:
        return _social_history(opened)


@profile.put("/patients/<id:patient>/social-history")
@for_wechat_users
@profile.input(SocialHistoryIn, arg_name="body")
@profile.output(SocialHistoryOut)
def state_life(patient: str, body: dict[str, Any]) -> dict[str, Any]:
    """State one thing of how a person lives; the newest holds, earlier ones are kept"""
    with open_record(patient, "update", "social-history") as opened:
        require_consent(opened.session, opened.patient_id, opened.account_id)
        state_social_history(
            opened.session, opened.patient_id, body["code"], body["value"], StatedBy.PATIENT,
            opened.now, note=body["note"],
        )  # fmt: skip
        return _social_history(opened)


@profile.get("/patients/<id:patient>/preferences")
@for_wechat_users
@profile.output(PreferencesOut)
def read_preferences(patient: str) -> dict[str, Any]:
    """Read what a person would rather have: as they said, or as counted, with what was counted"""
    with open_record(patient, "read", "preference") as opened:
        return _preferences(opened)


@profile.put("/patients/<id:patient>/preferences")
@for_wechat_users
@profile.input(PreferenceIn, arg_name="body")
@profile.output(PreferencesOut)
def state(patient: str, body: dict[str, Any]) -> dict[str, Any]:
    """State a preference, or deny one; neither is ever overwritten by counting"""
    with open_record(patient, "update", "preference") as opened:
        require_consent(opened.session, opened.patient_id, opened.account_id)
        state_preference(
            opened.session, opened.patient_id, body["kind"], body["value"], opened.now,
            is_denied=body["is_denied"],
        )  # fmt: skip
        return _preferences(opened)


@profile.delete("/patients/<id:patient>/preferences/<id:preference>")
@for_wechat_users
@profile.output(PreferencesOut)
def forget(patient: str, preference: str) -> dict[str, Any]:
    """Take back what was stated or denied; what is counted holds again"""
    with open_record(patient, "delete", "preference") as opened:
        forget_word(opened.session, opened.patient_id, preference, opened.now)
        return _preferences(opened)


def _social_history(opened: OpenRecord) -> dict[str, Any]:
    items = [
        {
            "code": item.code,
            "name": item.name,
            "answers": [{"value": value, "text": text} for value, text in item.answers.items()],
        }
        for item in SOCIAL_ITEMS.values()
    ]
    return {"current": life_lines(opened.session, opened.patient_id), "items": items}


def _preferences(opened: OpenRecord) -> dict[str, Any]:
    found = preference_lines(opened.session, opened.patient_id)
    return {
        "preferences": [_preference(line) for line in found],
        "denied": denied_preferences(opened.session, opened.patient_id),
    }


def _preference(line: PreferenceLine) -> dict[str, Any]:
    return {
        "public_id": line.public_id,
        "kind": line.kind,
        "name": patient_words.PREFERENCES[line.kind],
        "value": line.value,
        "text": patient_words.preference(line),
        "is_stated": line.is_stated,
        "grounds": patient_words.grounds(line),
    }
