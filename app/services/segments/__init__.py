"""Segments: the library, who is meant and why, the audiences frozen from them."""
