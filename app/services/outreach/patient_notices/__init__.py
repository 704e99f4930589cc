"""Notices to patients: in the inbox always, and by the best channel each recipient has."""

from app.services.outreach.patient_notices.falling import fall_back, fall_back_late
from app.services.outreach.patient_notices.notice import Notice, was_called_lately
from app.services.outreach.patient_notices.queueing import notify_patient, notify_patients
from app.services.outreach.patient_notices.reminding import remind_of_tasks, send_messages

__all__ = [
    "Notice", "fall_back", "fall_back_late", "notify_patient", "notify_patients",
    "remind_of_tasks", "send_messages", "was_called_lately",
]  # fmt: skip
