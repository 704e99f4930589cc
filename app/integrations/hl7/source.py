"""What we know beforehand of a system that sends to us."""

from dataclasses import dataclass, field
from datetime import tzinfo
from zoneinfo import ZoneInfo

from app.integrations.hl7.envelope import WIDEST, Limits


@dataclass(frozen=True, slots=True)
class Source:
    """A feed; `charset` is the Python codec agreed with its vendor, `zone` of times without one."""

    name: str
    charset: str | None = None
    zone: tzinfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))
    limits: Limits = WIDEST
