"""Settling: what came of calls, the accepted ones together, the others one by one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BindParameter, Update, bindparam, func, select, update
from sqlalchemy.orm import Session

from app.database import PlatformId
from app.domain.outreach.messaging import (
    Accepted,
    CommunicationState,
    Failure,
    Outcome,
    Route,
)
from app.models import Communication, CommunicationAttempt, EarlyReceipt
from app.models.outreach.delivery import accept, is_without_receipt, take_failure
from app.models.outreach.receipt import apply_early_receipts
from app.services.outreach.outbox.routes import note
from app.told_rows import as_told, told_rows

_IDS: Final[BindParameter[int]] = bindparam("ids", expanding=True)
_OURS: Final = (
    select(Communication.id, Communication.channel, Communication.app_key)
    .where(
        Communication.id.in_(_IDS),
        Communication.claim_token == bindparam("token"),
        Communication.state == CommunicationState.CALLING,
    )
    .order_by(Communication.id)
    .with_for_update()
)
_FINISH: Final = (
    update(CommunicationAttempt)
    .where(
        CommunicationAttempt.communication_id.in_(_IDS),
        CommunicationAttempt.claim_token == bindparam("token"),
        CommunicationAttempt.finished_at.is_(None),
    )
    .values(
        finished_at=bindparam("now"),
        error_class=bindparam("told_class"),
        errcode=bindparam("told_code"),
    )
    .execution_options(synchronize_session=False)
)


def _accepting(dialect: str, *, is_last: bool) -> Update:
    """Return the statement that does to many what `accept` does to one."""
    told = told_rows(dialect, "told", {"id": int, "platform_id": str})
    values: dict[str, Any] = {
        "state": CommunicationState.DELIVERED if is_last else CommunicationState.SENT,
        "sent_at": func.coalesce(Communication.sent_at, bindparam("now")),
        # A repeat that the platform dropped has the id of the first, if any.
        "platform_id": func.coalesce(told.c.platform_id, Communication.platform_id),
        **dict.fromkeys(
            ("reason", "error_class", "errcode", "claim_token", "lease_until", "in_flight")
        ),
    }
    if is_last:
        values["delivered_at"] = bindparam("now")
    accepting = update(Communication).where(Communication.id == told.c.id).values(values)
    return accepting.execution_options(synchronize_session=False)


_ACCEPT: Final = {
    (dialect, is_last): _accepting(dialect, is_last=is_last)
    for dialect in ("sqlite", "mysql", "mariadb")
    for is_last in (True, False)
}
_EARLY: Final = select(EarlyReceipt.platform_id).where(EarlyReceipt.platform_id.in_(_IDS))


def settle(
    session: Session, token: str, outcomes: Mapping[int, Outcome], now: datetime
) -> list[int]:
    """Write what came of calls, by message id; return the ids whose claim was lost.

    Nothing may be written for those: another worker has taken them up.
    """
    found = session.execute(_OURS, {"ids": list(outcomes), "token": token})
    ours = {row.id: Route(row.channel, row.app_key or "") for row in found}
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
    by_route: dict[Route, list[Outcome]] = {}
    for id_, route in ours.items():
        by_route.setdefault(route, []).append(outcomes[id_])
    note(session, by_route, now)
    _meet_early_receipts(session, [one.platform_id for one in _accepted(outcomes, ours)])
    return [id_ for id_ in outcomes if id_ not in ours]


def _is_plain(outcome: Accepted) -> bool:
    """Tell whether there is nothing to keep of it but an id that can be kept."""
    platform_id = outcome.platform_id
    return (
        not outcome.refused
        and not outcome.is_delivered
        and not outcome.response_code
        and (platform_id is None or PlatformId.allows(platform_id))
    )


def _by_receipt(
    routes: Mapping[int, Route], plain: Mapping[int, str | None]
) -> dict[bool, dict[int, str | None]]:
    """Part messages of which nothing more will be heard from those with a receipt to come."""
    parted: dict[bool, dict[int, str | None]] = {}
    for id_, platform_id in plain.items():
        parted.setdefault(is_without_receipt(routes[id_].channel), {})[id_] = platform_id
    return parted


def _accept_together(
    session: Session, platform_ids: Mapping[int, str | None], now: datetime, *, is_last: bool
) -> None:
    statement = _ACCEPT[session.get_bind().dialect.name, is_last]
    session.execute(statement, {"told": as_told(platform_ids.items()), "now": now})


def _finish_attempts(
    session: Session, token: str, outcomes: Mapping[int, Outcome], now: datetime
) -> None:
    """Close the attempts of these calls, with one statement for each way they ended."""
    alike: dict[Failure | None, list[int]] = {}
    for id_, outcome in outcomes.items():
        alike.setdefault(outcome if isinstance(outcome, Failure) else None, []).append(id_)
    for failure, ids in alike.items():
        told = {
            "told_class": failure.error_class if failure else None,
            "told_code": failure.errcode if failure else None,
        }
        session.execute(_FINISH, {"ids": ids, "token": token, "now": now, **told})


def _accepted(outcomes: Mapping[int, Outcome], ours: Mapping[int, Route]) -> list[Accepted]:
    return [one for id_, one in outcomes.items() if id_ in ours and isinstance(one, Accepted)]


def _meet_early_receipts(session: Session, platform_ids: Sequence[str | None]) -> None:
    """Apply receipts that overtook the answer which told us the message's id."""
    ids = [one for one in platform_ids if one]
    if not ids:
        return
    session.flush()
    came = set(session.scalars(_EARLY, {"ids": ids}))
    if came:
        rows = select(Communication).where(Communication.platform_id.in_(came))
        for row in session.scalars(rows.execution_options(populate_existing=True)):
            apply_early_receipts(session, row)
