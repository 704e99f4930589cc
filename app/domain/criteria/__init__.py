"""Criteria: the one language in which rules, tags, plans and segments say about whom they speak."""
