"""A set of hashes that may have many millions of members."""

from typing import Final

_KEPT: Final = 8  # bytes of each; the first two choose the bucket
_HEAD: Final = 2


class KeySet:
    """Which hashes were seen: some six bytes each, where a Python set takes ninety.

    Only the first eight bytes of a hash are kept. Among ten million rows two agree in them with a
    chance of 1 in 400,000, and then one vanished row is found a night later.
    """

    def __init__(self) -> None:
        self._buckets: dict[bytes, bytearray] = {}
        self._count = 0

    def add(self, digest: bytes) -> None:
        """Note a hash; one that is noted twice counts twice."""
        self._buckets.setdefault(digest[:_HEAD], bytearray()).extend(digest[_HEAD:_KEPT])
        self._count += 1

    def __contains__(self, digest: bytes) -> bool:
        bucket, tail = self._buckets.get(digest[:_HEAD], b""), digest[_HEAD:_KEPT]
        at = bucket.find(tail)
        while at >= 0 and at % len(tail):
            at = bucket.find(tail, at + 1)
        return at >= 0

    def __len__(self) -> int:
        return self._count
