"""Arrays of ids as bitmaps, and what no bitmap can hold."""

from array import array
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

LAST_ID: Final = 2**32 - 1


class PatientIdTooLarge(ValueError):
    """A patient's id is past 32 bits: the bitmaps cannot hold it, the database answers alone."""


def bitmap_of(ids: NDArray[Any]) -> BitMap:
    """Return ids as a bitmap.

    :raises PatientIdTooLarge: one is past 32 bits
    """
    if ids.size and int(ids.max()) > LAST_ID:
        raise PatientIdTooLarge(int(ids.max()))
    # An array is taken over whole; numpy's own would be read number by number.
    return BitMap(array("I", np.ascontiguousarray(ids, dtype=np.uint32).tobytes()))


def array_of(bitmap: BitMap) -> NDArray[np.uint32]:
    """Return the ids of a bitmap, ascending."""
    return np.frombuffer(bitmap.to_array(), dtype=np.uint32)


# From so many on, one pass over all of them costs less than one after another.
_MANY: Final = 8


def union_of(bitmaps: Sequence[BitMap]) -> BitMap:
    """Return who is in any of the bitmaps, as a bitmap of the caller's own."""
    if len(bitmaps) >= _MANY:
        return BitMap.union(*bitmaps)
    if len(bitmaps) < 2:
        return bitmaps[0].copy() if bitmaps else BitMap()
    first, second, *more = bitmaps
    found = first | second
    for one in more:
        found |= one
    return found
