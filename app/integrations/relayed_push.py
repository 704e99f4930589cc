"""A push of a platform as it waits on a spool or in the inner zone: still encrypted, with its
signature, and when it came. Whoever keeps it needs no key of ours, nor the platform's.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RelayedPush:
    """One push; `source` is `wecom:` or `wechat:` and our key of the app."""

    source: str
    query: Mapping[str, Iterable[str]]
    body: bytes
    received_at: datetime

    def pack(self) -> bytes:
        record = {
            "source": self.source,
            "query": {name: list(values) for name, values in self.query.items()},
            "body": base64.b64encode(self.body).decode(),
            "received_at": self.received_at.isoformat(),
        }
        return json.dumps(record, sort_keys=True).encode()

    @classmethod
    def unpack(cls, record: bytes) -> "RelayedPush":
        """:raises ValueError, KeyError, TypeError: not a record of ours"""
        kept = json.loads(record)
        return cls(
            str(kept["source"]),
            {str(name): [str(one) for one in values] for name, values in kept["query"].items()},
            base64.b64decode(kept["body"], validate=True),
            datetime.fromisoformat(kept["received_at"]),
        )

    @property
    def delivery_key(self) -> bytes:
        """What the same bytes under the same signature have in common, whenever they come."""
        signed = {name: list(values) for name, values in self.query.items()}
        named = json.dumps([self.source, signed], sort_keys=True).encode()
        return hashlib.sha256(named + b"\0" + self.body).digest()
