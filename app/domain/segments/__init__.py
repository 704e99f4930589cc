"""Segments: why somebody is in or out, and what is wrong with criteria that people write."""
