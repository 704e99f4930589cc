"""Field types of the API: exactly the JSON type that is documented, nothing that resembles it."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from marshmallow import ValidationError, fields, validate

# Numeric(18, 6) in the database; no device shows more than three places.
_DECIMAL: Final = re.compile(r"-?\d{1,6}(\.\d{1,3})?")
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)


class Text(fields.String):
    """Text in NFC without outer spaces, not empty; a number is not text."""

    def __init__(self, longest: int, **more: Any) -> None:
        super().__init__(validate=validate.Length(min=1, max=longest), **more)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any
    ) -> str:
        text = super()._deserialize(value, attr, data, **more)
        return unicodedata.normalize("NFC", text or "").strip()


class Word(fields.String):
    """A name that programs gave: letters, digits and a few signs, never a sentence."""

    def __init__(self, longest: int = 64, **more: Any) -> None:
        pattern = rf"[A-Za-z0-9_.:\-]{{1,{longest}}}\Z"
        super().__init__(validate=validate.Regexp(pattern), **more)


class PlainDecimal(fields.Field[Decimal]):
    """A decimal number as text, so that 3.9 arrives as 3.9; out without trailing noughts."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **_: Any) -> str | None:
        return None if value is None else f"{Decimal(value).normalize():f}"

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any
    ) -> Decimal:
        if not isinstance(value, str) or not _DECIMAL.fullmatch(value) or not value.isascii():
            raise ValidationError("must be a decimal number as text")
        return Decimal(value)


class PlainAnswer(fields.Field[Any]):
    """An answer to a form, outwards: a number with a point as text, codes as a list."""

    def __init__(self, **more: Any) -> None:
        told = "text, true, false, a whole number, a decimal as text, or a list of codes"
        super().__init__(metadata={"description": told}, **more)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **_: Any) -> Any:
        if isinstance(value, Decimal):
            return f"{value:f}"
        return list(value) if isinstance(value, tuple) else value


class Truth(fields.Boolean):
    """true or false; not 1, "yes" or "on"."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any
    ) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("must be true or false")
        return value


class Moment(fields.AwareDateTime):
    """An ISO 8601 instant with its offset, in the century this is about."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any
    ) -> datetime:
        if not isinstance(value, str):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        moment: datetime = super()._deserialize(value, attr, data, **more)
        # Compared first: the year 1 cannot be turned into UTC.
        if not _EARLIEST <= moment < _LATEST:
            raise ValidationError("must lie between the years 2000 and 2100")
        return moment.astimezone(UTC)


class Day(fields.Date):
    """A calendar day of this century or the last."""

    def __init__(self, **more: Any) -> None:
        span = validate.Range(date(1900, 1, 1), date(2100, 1, 1), max_inclusive=False)
        super().__init__(format="iso", validate=span, **more)
