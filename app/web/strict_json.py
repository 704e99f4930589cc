"""Flask reads JSON strictly (`app.domain.strict_json`) and writes Chinese as it is."""

from typing import Any

from flask.json.provider import DefaultJSONProvider

from app.domain.strict_json import UnacceptableJSON, loads

__all__ = ["StrictProvider", "UnacceptableJSON", "loads"]


class StrictProvider(DefaultJSONProvider):
    """Makes Flask read JSON strictly and write Chinese as it is."""

    ensure_ascii = False
    sort_keys = False

    def loads(self, s: str | bytes, **_: Any) -> Any:
        return loads(s)
