"""PHQ-9: how much of nine signs of depression in two weeks.

Kroenke et al., J Gen Intern Med 2001;16:606; free to use (Pfizer 2010). Nine answers of 0 to 3;
5, 10, 15 and 20 begin mild, moderate, moderately severe and severe. The ninth asks for thoughts of
death or self-harm: any answer but 0 is for a person at once, whatever the sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phq9:
    total: int
    band: str
    is_ninth_positive: bool


def phq9(answers: Sequence[int]) -> Phq9:
    """Return the sum and its band.

    :raises ValueError: not nine answers of 0 to 3
    """
    if len(answers) != 9 or not all(0 <= one <= 3 for one in answers):
        raise ValueError("PHQ-9 has nine answers of 0 to 3")
    total = sum(answers)
    names = ((20, "severe"), (15, "moderately-severe"), (10, "moderate"), (5, "mild"))
    band = next((name for least, name in names if total >= least), "minimal")
    return Phq9(total, band, answers[8] > 0)
