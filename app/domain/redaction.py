"""Names and numbers as lists may show them (GB/T 22239-2019 8.1.4.11: no more than needed)."""


def list_name(name: str | None) -> str:
    """Return the name with its middle hidden: 李*, 李*测, 欧**华."""
    if not name:
        return "未登记姓名"
    if len(name) == 1:
        return "*"
    return name[0] + "*" * max(1, len(name) - 2) + (name[-1] if len(name) > 2 else "")


def masked_phone(phone: str | None) -> str | None:
    """Return 138****1234; of a short number only the last two digits."""
    if not phone:
        return None
    if len(phone) < 8:
        return "*" * max(1, len(phone) - 2) + phone[-2:]
    return phone[:3] + "****" + phone[-4:]
