"""Forms filled in: by patients and family on the phone, by staff from paper or a call."""

from app.services.plans.questionnaire_answers.drafts import Draft, open_drafts, save_draft
from app.services.plans.questionnaire_answers.forms import Author, Sheet, form_in_force
from app.services.plans.questionnaire_answers.sending import (
    Answered,
    ReferenceReused,
    record_response,
)

__all__ = [
    "Answered",
    "Author",
    "Draft",
    "ReferenceReused",
    "Sheet",
    "form_in_force",
    "open_drafts",
    "record_response",
    "save_draft",
]
