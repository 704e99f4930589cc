"""Verbs for rules: what they say, what they would have done, and the kill switch."""

import click
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app import clock
from app.cli.frame import OPERATOR, Failed, with_database
from app.database import unit_of_work
from app.models import SwitchScope
from app.services.plans.rules_at_work import (
    RuleLine,
    UnknownRule,
    list_rules,
    rehearse,
    switch_off,
    switch_on,
)
from app.settings import Settings

_PACK = click.option("--pack", "is_pack", is_flag=True, help="KEY names a pack: all its rules.")


@click.group()
def rules() -> None:
    """Rules of packs: listed, rehearsed on the past, switched off and on."""


@rules.command("list")
@with_database
def list_(loaded: Settings, engine: Engine) -> None:
    """List rules with how often they fired in 30 days, and what is switched off."""
    with unit_of_work.begin() as session:
        for line in list_rules(session, clock.now()):
            state = "draft" if line.is_draft else "off" if line.is_silent else "on"
            print(
                f"{line.pack_key}  {line.rule.key:28} {line.rule.grade:9} {state:6}"
                f"{line.firings:>6} firings {line.patients:>5} patients  {line.rule.describe()}"
            )


@rules.command("rehearse")
@click.argument("key")
@click.option("--days", type=click.IntRange(1, 90), default=30, show_default=True)
@click.option("--draft", "is_draft", is_flag=True, help="As the draft of its pack has it.")
@with_database
def rehearse_(loaded: Settings, engine: Engine, *, key: str, days: int, is_draft: bool) -> None:
    """Ask a rule, of a draft too, of the last days, and do nothing about what it says."""
    now = clock.now()
    with unit_of_work.begin() as session:
        line = _find(session, key, is_draft=is_draft)
        found, is_cut = rehearse(session, line.rule, line.pack_key, now, clock.HOSPITAL, days)
    print(f"{line.rule.describe()}")
    print(
        f"{found.asked} patients asked{' (more were left out)' if is_cut else ''}; {found.patients}"
        f" would have met it, {found.hits} hits, about {found.alerts} alerts in {days} days"
    )
    for day, hits in found.each_day(days, now).items():
        if hits:
            print(f"{day}  {hits}")


@rules.command("off")
@click.argument("key")
@click.option("--reason", required=True, help="For whoever finds it silent.")
@_PACK
@with_database
def off(loaded: Settings, engine: Engine, *, key: str, reason: str, is_pack: bool) -> None:
    """Silence a rule, or a pack, in every process from now on."""
    scope = SwitchScope.PACK if is_pack else SwitchScope.RULE
    with unit_of_work.begin() as session:
        try:
            switch_off(session, scope, key, reason, OPERATOR, clock.now())
        except UnknownRule:
            raise Failed(f"there is no {scope} {key} in force") from None
    print(f"{scope} {key} is off")


@rules.command("on")
@click.argument("key")
@_PACK
@with_database
def on(loaded: Settings, engine: Engine, *, key: str, is_pack: bool) -> None:
    """Let a rule, or a pack, speak again."""
    scope = SwitchScope.PACK if is_pack else SwitchScope.RULE
    with unit_of_work.begin() as session:
        switch_on(session, scope, key, OPERATOR, clock.now())
    print(f"{scope} {key} is on")


def _find(session: Session, key: str, *, is_draft: bool) -> RuleLine:
    found = [one for one in list_rules(session, clock.now()) if one.rule.key == key]
    if not found:
        raise Failed(f"there is no rule {key}")
    return min(found, key=lambda one: one.is_draft is not is_draft)
