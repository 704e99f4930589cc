"""Names and numbers as they are shown to people who need not see them whole."""


def masked_name(name: str) -> str:
    """李测试 → 李*: neither the given name nor its length."""
    return f"{name[:1]}*"


def masked_phone(digits: str) -> str:
    """13800001234 → 138****1234."""
    return f"{digits[:3]}****{digits[-4:]}"
