"""What the free scales of mood say: bands as their papers draw them.

PHQ-9: Kroenke, Spitzer, Williams, J Gen Intern Med 2001. GAD-7: Spitzer et al., Arch Intern Med
2006. PHQ-2 and GAD-2: 3 and more asks for the long form (Kroenke 2003, 2007). A band is no
diagnosis.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class MoodScale:
    """`bands` are the least score of each band with its word, from the lowest."""

    key: str
    name: str
    highest: int
    bands: tuple[tuple[int, str], ...]

    def band(self, score: int | None) -> str | None:
        """Return the word for a score; None where there is none, or none that can be."""
        if score is None or not 0 <= score <= self.highest:
            return None
        return [word for least, word in self.bands if score >= least][-1]


MOOD_SCALES: Final[Mapping[str, MoodScale]] = {
    scale.key: scale
    for scale in (
        MoodScale(
            "phq-9", "PHQ-9 抑郁", 27,
            ((0, "没有或极轻"), (5, "轻度"), (10, "中度"), (15, "中重度"), (20, "重度")),
        ),
        MoodScale(
            "gad-7", "GAD-7 焦虑", 21, ((0, "没有或极轻"), (5, "轻度"), (10, "中度"), (15, "重度"))
        ),
        MoodScale("phq-2", "PHQ-2 抑郁初筛", 6, ((0, "阴性"), (3, "阳性，建议做 PHQ-9"))),
        MoodScale("gad-2", "GAD-2 焦虑初筛", 6, ((0, "阴性"), (3, "阳性，建议做 GAD-7"))),
    )
}  # fmt: skip
# The question about mood that follow-up forms of packs ask.
MOOD_QUESTION: Final = "mood"
