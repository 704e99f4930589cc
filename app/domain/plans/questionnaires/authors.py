"""Who gave the answers of a form, and how they reached us."""

from enum import StrEnum


class AnswerMode(StrEnum):
    APP = "app"  # typed by the patient, or family for them, on the phone
    PAPER = "paper"  # copied by staff from a sheet
    TELEPHONE = "telephone"  # asked and written down by staff
