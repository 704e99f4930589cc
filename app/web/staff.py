"""Who looks at a staff page."""

from app.domain.errors import SignInRequired
from app.web import gate


def me() -> int:
    """Return the id of the signed-in practitioner."""
    practitioner_id = gate.signed_in().practitioner_id
    if practitioner_id is None:
        raise SignInRequired
    return practitioner_id
