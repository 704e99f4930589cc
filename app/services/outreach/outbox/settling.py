"""Settling: what came of calls, the accepted ones together, the others one by one."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.database import PlatformId
from app.domain.outreach.messaging import (
    Accepted,
    Channel,
    CommunicationState,
    Failure,
    Outcome,
)
from app.models import Communication, CommunicationAttempt, EarlyReceipt
from app.models.outreach.delivery import accept, is_without_receipt, take_failure
from app.models.outreach.receipt import apply_early_receipts
from app.told_rows import told_rows


def settle(
    session: Session, token: str, outcomes: Mapping[int, Outcome], now: datetime
) -> list[int]:
    """Write what came of calls, by message id; return the ids whose claim was lost.

    Nothing may be written for those: another worker has taken them up.
    """
    ours = dict(
        session.execute(
            select(Communication.id, Communication.channel)
            .where(
                Communication.id.in_(outcomes),
                Communication.claim_token == token,
                Communication.state == CommunicationState.CALLING,
            )
            .order_by(Communication.id)
            .with_for_update()
        ).all()
    )
    _finish_attempts(session, token, {id_: outcomes[id_] for id_ in ours}, now)
    plain = {
        id_: outcome.platform_id
        for id_ in ours
        if isinstance(outcome := outcomes[id_], Accepted) and _is_plain(outcome)
    }
    for is_last, alike in _by_receipt(ours, plain).items():
        _accept_together(session, alike, now, is_last=is_last)
    others = [id_ for id_ in ours if id_ not in plain]
    rows = select(Communication).where(Communication.id.in_(others))
    for row in session.scalars(rows.execution_options(populate_existing=True)):
        outcome = outcomes[row.id]
        if isinstance(outcome, Accepted):
            accept(row, outcome, now)
        else:
            take_failure(session, row, outcome, now)
    _meet_early_receipts(session, [one.platform_id for one in _accepted(outcomes, ours)])
    return [id_ for id_ in outcomes if id_ not in ours]


def _is_plain(outcome: Accepted) -> bool:
    """Tell whether there is nothing to keep of it but an id that can be kept."""
    platform_id = outcome.platform_id
    return (
        not outcome.refused
        and not outcome.response_code
        and (platform_id is None or PlatformId.allows(platform_id))
    )


def _by_receipt(
    channels: Mapping[int, Channel], plain: Mapping[int, str | None]
) -> dict[bool, dict[int, str | None]]:
    """Part messages of which nothing more will be heard from those with a receipt to come."""
    parted: dict[bool, dict[int, str | None]] = {}
    for id_, platform_id in plain.items():
        parted.setdefault(is_without_receipt(channels[id_]), {})[id_] = platform_id
    return parted


def _accept_together(
    session: Session, platform_ids: Mapping[int, str | None], now: datetime, *, is_last: bool
) -> None:
    """Do to all of these what `accept` does to one."""
    told = told_rows(session, "told", {"id": int, "platform_id": str}, platform_ids.items())
    values = {
        "state": CommunicationState.DELIVERED if is_last else CommunicationState.SENT,
        "sent_at": func.coalesce(Communication.sent_at, now),
        # A repeat that the platform dropped has the id of the first, if any.
        "platform_id": func.coalesce(told.c.platform_id, Communication.platform_id),
        **dict.fromkeys(
            ("reason", "error_class", "errcode", "claim_token", "lease_until", "in_flight")
        ),
    }
    if is_last:
        values["delivered_at"] = now
    session.execute(
        update(Communication)
        .where(Communication.id == told.c.id)
        .values(values)
        .execution_options(synchronize_session=False)
    )


def _finish_attempts(
    session: Session, token: str, outcomes: Mapping[int, Outcome], now: datetime
) -> None:
    """Close the attempts of these calls, with one statement for each way they ended."""
    alike: dict[Failure | None, list[int]] = {}
    for id_, outcome in outcomes.items():
        alike.setdefault(outcome if isinstance(outcome, Failure) else None, []).append(id_)
    for failure, ids in alike.items():
        session.execute(
            update(CommunicationAttempt)
            .where(
                CommunicationAttempt.communication_id.in_(ids),
                CommunicationAttempt.claim_token == token,
                CommunicationAttempt.finished_at.is_(None),
            )
            .values(
                finished_at=now,
                error_class=failure.error_class if failure else None,
                errcode=failure.errcode if failure else None,
            ),
            execution_options={"synchronize_session": False},
        )


def _accepted(outcomes: Mapping[int, Outcome], ours: Mapping[int, Channel]) -> list[Accepted]:
    return [one for id_, one in outcomes.items() if id_ in ours and isinstance(one, Accepted)]


def _meet_early_receipts(session: Session, platform_ids: Sequence[str | None]) -> None:
    """Apply receipts that overtook the answer which told us the message's id."""
    ids = [one for one in platform_ids if one]
    if not ids:
        return
    session.flush()
    early = select(EarlyReceipt.platform_id).where(EarlyReceipt.platform_id.in_(ids))
    came = set(session.scalars(early))
    if came:
        rows = select(Communication).where(Communication.platform_id.in_(came))
        for row in session.scalars(rows.execution_options(populate_existing=True)):
            apply_early_receipts(session, row)
