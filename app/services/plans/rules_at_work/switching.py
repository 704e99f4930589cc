"""The kill switch: a rule or a whole pack is silent from the commit on, in every process."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import DomainError
from app.domain.trust.access import Actor
from app.models import RuleSwitch, SwitchScope
from app.models.plans.knowledge import knowledge
from app.models.trust.audit import record


class UnknownRule(DomainError):
    code = "unknown-rule"
    title = "没有这条规则或这个病种包"


def switch_off(
    session: Session, scope: SwitchScope, key: str, reason: str, actor: Actor, now: datetime
) -> None:
    """Silence a rule or a pack; alerts that are open stay with the people who have them.

    What is off already stays so, with its first reason.

    :raises UnknownRule: nothing in force is called so
    """
    known = knowledge(session)
    if key not in (known.pack_of if scope is SwitchScope.RULE else known.packs):
        raise UnknownRule
    if _kept(session, scope, key) is not None:
        return
    by = actor.id if actor.kind == "practitioner" else None
    session.add(RuleSwitch(scope=scope, key=key, reason=reason, off_by_id=by, off_at=now))
    record(session, actor, "switch-off", f"{scope}-switch", now, detail={"key": key})


def switch_on(session: Session, scope: SwitchScope, key: str, actor: Actor, now: datetime) -> None:
    """Let a rule or a pack speak again; what was missed meanwhile is not caught up."""
    kept = _kept(session, scope, key)
    if kept is None:
        return
    kept.is_off, kept.on_at = None, now
    record(session, actor, "switch-on", f"{scope}-switch", now, detail={"key": key})


def _kept(session: Session, scope: SwitchScope, key: str) -> RuleSwitch | None:
    return session.scalar(
        select(RuleSwitch).filter_by(scope=scope, key=key, is_off=True).with_for_update()
    )
