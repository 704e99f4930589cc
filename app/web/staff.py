"""Who looks at a staff page."""

from app.domain.errors import SignInRequired
from app.domain.trust.access import Permission, may
from app.web import gate


def me() -> int:
    """Return the id of the signed-in practitioner."""
    practitioner_id = gate.signed_in().practitioner_id
    if practitioner_id is None:
        raise SignInRequired
    return practitioner_id


def may_here(permission: Permission) -> bool:
    """Tell whether the one who looks has a right: for what a page shows or leaves out."""
    role = gate.signed_in().role
    return role is not None and may(role, permission)
