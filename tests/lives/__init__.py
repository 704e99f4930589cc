"""Months of a patient's life with a disease pack, on a moved clock, through the stand-in."""
