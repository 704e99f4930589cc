"""What rules, tags, plans and segments may know of one patient, fetched once."""

from app.models.profile.patient_facts.loading import load_facts
from app.models.profile.patient_facts.measured import MOST_VALUES

__all__ = ["MOST_VALUES", "load_facts"]
