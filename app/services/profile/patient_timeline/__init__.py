"""What happened to a patient, newest first: for staff, and for the patient."""

from app.domain.profile.record_views import EntryKind, View
from app.services.profile.patient_timeline.entries import PAGE, Entry, Timeline
from app.services.profile.patient_timeline.paging import read_timeline

__all__ = ["PAGE", "Entry", "EntryKind", "Timeline", "View", "read_timeline"]
