"""The blueprint that the pages of segments share, so that the menu marks them as one part."""

from typing import Final

from flask import Blueprint

views: Final = Blueprint("segments", __name__, url_prefix="/segments")
