"""Criteria asked of the database: the same tree that closures ask of one patient's facts."""

from app.models.segments.criteria_sql.matching import base_population, matching, matching_leaf

__all__ = ["base_population", "matching", "matching_leaf"]
