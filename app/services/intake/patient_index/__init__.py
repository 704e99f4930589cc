"""The patient index: which records are one person, joined and parted with nothing lost."""

from app.services.intake.patient_index.demographics import refresh
from app.services.intake.patient_index.doubles import find_doubles, propose
from app.services.intake.patient_index.merging import (
    MergeHeld,
    Parting,
    link_records,
    lock_clusters,
    merge,
    unlink_records,
    unmerge,
)
from app.services.intake.patient_index.visits import gather, move_visit, note_arrival

__all__ = [
    "MergeHeld",
    "Parting",
    "find_doubles",
    "gather",
    "link_records",
    "lock_clusters",
    "merge",
    "move_visit",
    "note_arrival",
    "propose",
    "refresh",
    "unlink_records",
    "unmerge",
]
