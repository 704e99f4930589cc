"""Segments: who is meant, by criteria, and the audiences frozen from them."""
