"""Names and numbers as they are shown to people who need not see them whole."""

from typing import Final

from app.domain.trust.access import StaffRole


def masked_name(name: str) -> str:
    """李测试 → 李*: neither the given name nor its length."""
    return f"{name[:1]}*"


def list_name(name: str | None) -> str:
    """李测试 → 李*试, 欧阳演示 → 欧**示: enough for a team to tell its patients apart."""
    if not name:
        return "未登记姓名"
    return name[0] + "*" * max(1, len(name) - 2) + (name[-1] if len(name) > 2 else "")


# Who answers for the patients of a list reads whole names; who only works through it need not.
_WHOLE_NAMES: Final = (StaffRole.DOCTOR, StaffRole.HEAD_NURSE)


def name_for(role: StaffRole | None, name: str | None) -> str:
    """Return a name as a list shows it to a role."""
    return name if name and role in _WHOLE_NAMES else list_name(name)


def masked_phone(digits: str) -> str:
    """13800001234 → 138****1234; of a short number only the last two digits."""
    if len(digits) < 8:
        return "****" + digits[-2:]
    return f"{digits[:3]}****{digits[-4:]}"
