"""What every row that came from a hospital system remembers of where it came from."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from app.database import CARE, OPERATION, Big, Digest, PlatformId


class Sourced:
    """Columns of a thing that a hospital system numbers.

    `identity` names the thing by `issuer` and `number`, whichever way it came; `version` sorts the
    versions of one thing, the greatest stands (`app.domain.intake.versions`).
    """

    source: Mapped[str | None] = mapped_column(PlatformId(64), info=OPERATION)  # hl7:his, fhir:emr
    issuer: Mapped[str] = mapped_column(default="", info=OPERATION)  # whose numbers
    number: Mapped[str] = mapped_column(default="", info=CARE)
    identity: Mapped[bytes] = mapped_column(Digest, info=OPERATION)
    version: Mapped[str] = mapped_column(default="", info=OPERATION)
    # Field → its version, for those alone that the newest message did not mention.
    stamps: Mapped[dict[str, Any]] = mapped_column(default=dict, info=OPERATION)
    # The message that last changed the row (FHIR Provenance.entity); no key, because what was sent
    # may be purged before what it said.
    inbound_id: Mapped[int | None] = mapped_column(Big, info=OPERATION)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)
