"""Asking, delivering and telling: what leaves for other systems."""
