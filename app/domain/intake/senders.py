"""The system whose numbers a result carries, as one text of its application and facility."""

from typing import Final

_BETWEEN: Final = "^"


def sender_text(application: str, facility: str) -> str:
    """Return a sender's name as `LIS^HOSPITAL`; `sender_of` takes it apart again."""
    application, facility = _escaped(application), _escaped(facility)
    return f"{application}{_BETWEEN}{facility}" if application else facility


def sender_of(text: str) -> tuple[str, str]:
    """Return the application and facility of a sender's name."""
    application, between, facility = text.rpartition(_BETWEEN)
    return _plain(application if between else ""), _plain(facility)


def _escaped(part: str) -> str:
    return part.replace("%", "%25").replace(_BETWEEN, "%5E")


def _plain(part: str) -> str:
    return part.replace("%5E", _BETWEEN).replace("%25", "%")
