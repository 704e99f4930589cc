"""What scores and their bands are called, for sentences about them."""

from typing import Final

from app.domain.profile.risk import follow_up_priority, local_model
from app.domain.profile.risk.frame import Band
from app.domain.profile.risk.library import SCORES

_BANDS: Final = {"low": "低", "moderate": "中", "high": "高"}  # of a score that is no longer known


def score_words(score: str, band: str) -> tuple[str, str]:
    """Return the names of a score and of one of its bands; what nobody knows, as it stands."""
    return _of(score)[0], (_BANDS | bands_of(score)).get(band, band)


def bands_of(score: str) -> dict[str, str]:
    """Return the bands of a score, key and name from low to high; none of an unknown one."""
    return {band.key: band.name for band in _of(score)[1]}


def _of(score: str) -> tuple[str, tuple[Band, ...]]:
    if score == follow_up_priority.KEY:
        return follow_up_priority.NAME, follow_up_priority.BANDS
    if score == local_model.KEY:
        return local_model.NAME, local_model.BANDS
    known = SCORES.get(score)
    return (known.name, known.bands) if known else (score, ())
