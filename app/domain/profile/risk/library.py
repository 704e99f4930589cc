"""The scores we compute, by key; what may not ship is in docs/risk.md with its reason."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from app.domain.profile.risk.body_surface import BODY_SURFACE
from app.domain.profile.risk.cdrs import CDRS
from app.domain.profile.risk.cha2ds2_vasc import CHA2DS2_VASC, CHA2DS2_VASC_60
from app.domain.profile.risk.china_par import CHINA_PAR
from app.domain.profile.risk.ckd_epi import CKD_EPI
from app.domain.profile.risk.corrected_calcium import CORRECTED_CALCIUM
from app.domain.profile.risk.findrisc import FINDRISC
from app.domain.profile.risk.frame import Need, Score
from app.domain.profile.risk.gmi import GMI
from app.domain.profile.risk.hospital import HOSPITAL
from app.domain.profile.risk.lace import LACE
from app.domain.profile.risk.qtcf import QTCF
from app.domain.profile.risk.schwartz import SCHWARTZ

SCORES: Final[Mapping[str, Score]] = MappingProxyType(
    {
        score.key: score
        for score in (
            LACE, HOSPITAL, CKD_EPI, SCHWARTZ, CHINA_PAR, CDRS, FINDRISC, CHA2DS2_VASC,
            CHA2DS2_VASC_60, GMI, QTCF, CORRECTED_CALCIUM, BODY_SURFACE,
        )
    }
)  # fmt: skip

# Whatever changes a person (age, sex, which record speaks for them) may change every score.
_PERSON: Final = frozenset({"patient", "everything"})


def wakes(score: Score) -> frozenset[str]:
    """Return what events must be about for `score` to change: observation:14682-9, condition…"""
    found = set(_PERSON)
    for need in score.needs:
        found.update(need.wakes)
        found.update(f"observation:{code}" for code in need.codes)
    return frozenset(found)


_WOKEN: Final = MappingProxyType({key: wakes(score) for key, score in SCORES.items()})


def woken_by(words: Iterable[str]) -> tuple[Score, ...]:
    """Return the scores that something of these kinds can change."""
    said = frozenset(words)
    return tuple(score for key, score in SCORES.items() if said & _WOKEN[key])


def needs_of(scores: tuple[Score, ...]) -> dict[str, Need]:
    """Return every need of some scores by key; scores that share a key share what it means."""
    return {need.key: need for score in scores for need in score.needs}
