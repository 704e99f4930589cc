"""The buttons of an alert's card, and what each press does, however often it arrives."""

from dataclasses import dataclass, replace
from enum import StrEnum

from app.domain.plans.rules import Grade
from app.domain.staff.alert_clock import CHAIN
from app.domain.staff.alerting import AlertStatus, Outcome


class CardButton(StrEnum):
    TAKE = "take"
    TRANSFER = "transfer"
    CONTACTED = "contacted"

    @property
    def label(self) -> str:
        return {"take": "我来处理", "transfer": "转交", "contacted": "已联系"}[self.value]


@dataclass(frozen=True, slots=True)
class Handling:
    """Who has an alert and how far it went; `owner` is any stable id of a staff member."""

    grade: Grade
    status: AlertStatus
    level: int = 0
    owner: str | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Press:
    """What a press did; `note` is what the card says where nothing changed."""

    handling: Handling
    is_changed: bool
    note: str = ""


def buttons(status: AlertStatus) -> tuple[CardButton, ...]:
    """Return what a card offers in this state."""
    if status is AlertStatus.ACTIVE:
        return (CardButton.TAKE, CardButton.TRANSFER, CardButton.CONTACTED)
    if status is AlertStatus.ACKNOWLEDGED:
        return (CardButton.TRANSFER, CardButton.CONTACTED)
    return ()


def press(handling: Handling, button: CardButton, by: str, card_level: int) -> Press:
    """Decide on a pressed button; the same press again changes nothing.

    `card_level` is the level at which this card was sent: a repeated 转交 comes from a card of
    the level already left. Transfer hands to the next level, whose clock starts anew.
    已联系 closes with outcome `reached`, except a severe alert, which it only acknowledges:
    there the outcome is asked for on the page.
    """
    if handling.status in {AlertStatus.RESOLVED, AlertStatus.WITHDRAWN}:
        return Press(handling, is_changed=False, note="该预警已结束")
    match button:
        case CardButton.TAKE:
            return _take(handling, by)
        case CardButton.TRANSFER:
            return _transfer(handling, by, card_level)
        case CardButton.CONTACTED:
            return _contacted(handling, by)


def _take(handling: Handling, by: str) -> Press:
    if handling.status is AlertStatus.ACKNOWLEDGED:
        mine = handling.owner == by
        return Press(handling, is_changed=False, note="您已在处理" if mine else "已有同事在处理")
    taken = replace(handling, status=AlertStatus.ACKNOWLEDGED, owner=by)
    return Press(taken, is_changed=True)


def _transfer(handling: Handling, by: str, card_level: int) -> Press:
    if card_level < handling.level:
        return Press(handling, is_changed=False, note="已转交")
    if handling.status is AlertStatus.ACKNOWLEDGED and handling.owner != by:
        return Press(handling, is_changed=False, note="已有同事在处理")
    if handling.level + 1 >= len(CHAIN):
        return Press(handling, is_changed=False, note="没有更上一级可转交")
    passed = Handling(handling.grade, AlertStatus.ACTIVE, level=handling.level + 1)
    return Press(passed, is_changed=True)


def _contacted(handling: Handling, by: str) -> Press:
    is_severe = handling.grade is Grade.SEVERE
    if is_severe and handling.outcome is Outcome.REACHED:
        return Press(handling, is_changed=False, note="已记录联系，请填写处理结果")
    status = AlertStatus.ACKNOWLEDGED if is_severe else AlertStatus.RESOLVED
    reached = replace(handling, status=status, owner=handling.owner or by, outcome=Outcome.REACHED)
    return Press(reached, is_changed=True)
