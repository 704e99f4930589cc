"""S5 人群: segments as a list, a form, reasons and frozen audiences, and two beside each other."""

from app.console.segments import building, pages
from app.console.segments.api import api
from app.console.segments.blueprint import views

__all__ = ["api", "building", "pages", "views"]
