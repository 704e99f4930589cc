"""Who is told about a patient, what is known of the ways to them, and which way is best."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from app.domain.outreach.choosing import After, Facts, Ladder, Rung, ladder
from app.domain.outreach.decency import Purpose, has_withdrawn, is_refused
from app.domain.outreach.messaging import Channel, Lane, Outlets
from app.domain.trust.access import Relation
from app.domain.trust.consenting import ConsentPurpose

# A phone on file is the patient's own, or a parent's who gave it for the child.
_OF_THE_PHONE: Final = (Relation.SELF, Relation.CHILD)


@dataclass(frozen=True, slots=True)
class Follower:
    """The same person as the official account they follow sees them."""

    account_id: int
    openid: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who may be told about a patient; `words` are their last on each consent."""

    link_id: int
    account_id: int
    openid: str
    relation: Relation
    window_until: datetime | None  # the customer service may write until then
    words: Mapping[str, bool]
    rights: Mapping[str, int]  # by template id
    refused_templates: frozenset[str]  # of those that ask once for good
    follower: Follower | None
    external_userid: str | None

    def refuses(self, purpose: Purpose) -> bool:
        return has_withdrawn(self.words) or is_refused(purpose, self.words)


@dataclass(frozen=True, slots=True)
class Person:
    """A patient and who is told about them: themselves where they can be, else those who may."""

    patient_id: int
    is_deceased: bool
    is_death_checked: bool  # somebody reported it, a second person has not confirmed it
    has_phone: bool
    asked_for: frozenset[Channel] = frozenset()
    best_hour: int | None = None
    opened: Mapping[Channel, int] = field(default_factory=dict)
    recipients: tuple[Recipient, ...] = ()

    def willing(self, purpose: Purpose) -> list[Recipient]:
        return [one for one in self.recipients if not one.refuses(purpose)]


def ladder_for(
    person: Person,
    recipient: Recipient,
    kind: str,
    lane: Lane,
    outlets: Outlets,
    at: datetime,
    tried: Collection[Channel] = (),
) -> Ladder:
    """Return the channels by which a message of a kind would go to one recipient."""
    template = outlets.subscriptions.get(kind)
    rights, is_long_term = 0, False
    if template is not None:
        rights = max(0, recipient.rights.get(template.template_id, 0))
        is_long_term = (
            template.is_long_term and template.template_id not in recipient.refused_templates
        )
    facts = Facts(
        rights=0 if template is not None and template.is_long_term else rights,
        is_long_term=is_long_term,
        follows=recipient.follower is not None,
        window_until=recipient.window_until,
        is_contact=recipient.external_userid is not None,
        has_phone=person.has_phone,
        agreed_to_sms=(
            recipient.words.get(ConsentPurpose.MESSAGES) is True
            and recipient.relation in _OF_THE_PHONE
        ),
        asked_for=person.asked_for,
        opened=person.opened,
    )
    return ladder(facts, lane, outlets.serving(kind), outlets.costs, at, tried)


def told(chosen: Ladder, after: After | None = None) -> dict[str, Any]:
    """Return why the first rung was chosen, as a message keeps it."""
    first: Rung = chosen.rungs[0]
    return {
        "grounds": first.grounds,
        "place": first.place,
        "after": after,
        "next": [rung.channel for rung in chosen.rungs[1:]],
        "left_out": dict(chosen.left_out),
    }
