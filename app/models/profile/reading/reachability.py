"""How a patient can be reached, and how long ago it last worked."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from app.domain.criteria.population import Reach
from app.domain.outreach.messaging import CommunicationState
from app.models.outreach.communication import Communication, SubscriptionGrant
from app.models.profile.behaviour import Interaction
from app.models.trust.account import PatientLink
from app.models.trust.reach import reached_by

# What a platform took, or a receipt says arrived.
REACHED: Final = (CommunicationState.SENT, CommunicationState.DELIVERED)


@dataclass(frozen=True, slots=True)
class Reachability:
    """`rights` are one-time subscription messages that may still be sent, over all linked users.

    `reached_at` is when a message last left for them, `opened_at` when one was last opened,
    `active_at` when they last did anything in the mini-program.
    """

    ways: frozenset[Reach]
    users: int
    rights: int
    reached_at: datetime | None
    opened_at: datetime | None
    active_at: datetime | None


def reachability_of(session: Session, patient_id: int) -> Reachability:
    """Return the summary: five statements, whatever there is."""
    links = select(PatientLink.account_id).where(
        PatientLink.patient_id == patient_id, PatientLink.is_live.is_(True)
    )
    users = session.scalar(select(func.count()).select_from(links.subquery()))
    # A template whose count went below nothing (spent by another process) takes from no other.
    left = (
        select(func.sum(SubscriptionGrant.change).label("left"))
        .where(SubscriptionGrant.account_id.in_(links))
        .group_by(SubscriptionGrant.account_id, SubscriptionGrant.template_id)
        .subquery()
    )
    rights = session.scalar(select(func.sum(left.c.left)).where(left.c.left > 0))
    sent = select(func.max(Communication.sent_at), func.max(Communication.opened_at)).where(
        Communication.patient_id == patient_id,
        # To the patient's side, not to the team; opened are those of the inbox.
        (Communication.account_id.is_not(None) & Communication.state.in_(REACHED))
        | Communication.opened_at.is_not(None),
    )
    reached_at, opened_at = session.execute(sent).one()
    return Reachability(
        ways=_ways(session, patient_id),
        users=users or 0,
        rights=int(rights or 0),
        reached_at=reached_at,
        opened_at=opened_at,
        active_at=session.scalar(
            select(func.max(Interaction.at)).where(Interaction.patient_id == patient_id)
        ),
    )


def _ways(session: Session, patient_id: int) -> frozenset[Reach]:
    """Return the ways that lead to one patient now, as segments mean them."""
    row = session.execute(
        select(*(literal(patient_id).in_(reached_by(way)).label(way.name) for way in Reach))
    ).one()
    return frozenset(way for way in Reach if getattr(row, way.name))
