"""The structured pre-visit record: which sections a patient's answers may fill.

病历书写基本规范 (2010), 门(急)诊病历: the patient's own account may fill complaint and histories.
Physical findings and diagnosis are the doctor's: there is no section for them here.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# What each text says of itself, so that nobody takes it for a clinician's finding.
PATIENT_STATED: Final = "患者自述"
# 主诉: a symptom and how long, at most 20 characters (病历书写基本规范 2010).
_COMPLAINT_LIMIT: Final = 20
_TEXT_LIMIT: Final = 2000


class Section(StrEnum):
    CHIEF_COMPLAINT = "chief-complaint"
    PRESENT_ILLNESS = "present-illness"
    PAST_HISTORY = "past-history"
    ALLERGIES = "allergies"
    MEDICATION = "medication"
    PERSONAL_HISTORY = "personal-history"
    MARITAL_HISTORY = "marital-history"
    MENSTRUAL_HISTORY = "menstrual-history"
    FAMILY_HISTORY = "family-history"

    @property
    def heading(self) -> str:
        """What the section is called in the outpatient record."""
        return _HEADINGS[self]

    @property
    def loinc(self) -> str:
        """The LOINC code of the section."""
        return _LOINC[self]


_HEADINGS: Final = {
    Section.CHIEF_COMPLAINT: "主诉",
    Section.PRESENT_ILLNESS: "现病史",
    Section.PAST_HISTORY: "既往史",
    Section.ALLERGIES: "过敏史",
    Section.MEDICATION: "用药史",
    Section.PERSONAL_HISTORY: "个人史",
    Section.MARITAL_HISTORY: "婚育史",
    Section.MENSTRUAL_HISTORY: "月经史",
    Section.FAMILY_HISTORY: "家族史",
}

# LOINC document sections.
_LOINC: Final = {
    Section.CHIEF_COMPLAINT: "10154-3",
    Section.PRESENT_ILLNESS: "10164-2",
    Section.PAST_HISTORY: "11348-0",
    Section.ALLERGIES: "48765-2",
    Section.MEDICATION: "10160-0",
    Section.PERSONAL_HISTORY: "29762-2",
    Section.MARITAL_HISTORY: "10162-6",
    Section.MENSTRUAL_HISTORY: "49033-4",
    Section.FAMILY_HISTORY: "10157-6",
}


@dataclass(frozen=True, slots=True)
class SectionText:
    """What the patient said for one section.

    :raises ValueError: empty, or longer than the record takes
    """

    section: Section
    text: str

    def __post_init__(self) -> None:
        is_complaint = self.section is Section.CHIEF_COMPLAINT
        limit = _COMPLAINT_LIMIT if is_complaint else _TEXT_LIMIT
        if not self.text.strip() or len(self.text) > limit:
            raise ValueError(f"{self.section}: 1 to {limit} characters")

    @property
    def marked(self) -> str:
        """The text as others may show it: marked as the patient's own words."""
        return f"【{PATIENT_STATED}】{self.text}"


def section_of(section: str, text: str) -> SectionText:
    """Return one section.

    :raises ValueError: the patient may not fill it (体征, 诊断 …), or the text does not fit
    """
    return SectionText(Section(section), text)
