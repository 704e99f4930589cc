"""Whether a message may go out as it is: looked at before it is queued, not by the platform.

A text too long costs a call and is refused for ever; a text that tells why a person is a patient
is read by whoever holds their phone.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from app.domain.outreach.channels import CONTRACTS, Audience, Form, Unit
from app.domain.outreach.keywords import misfits
from app.domain.outreach.lock_screen import revealing
from app.domain.outreach.messaging import Channel, PatientTemplate, fill

# What a notice has to say to a template, the title as long as a pack's may be.
SAMPLE: Final = {"title": "您有一项新的健康安排，请打开小程序查看。", "time": "2026-12-28 18:30"}


def unfit(channel: Channel, content: Mapping[str, Any]) -> str | None:
    """Return why a message to a patient must not go out as it is; None when it may.

    What is missing is no matter of this look: the sender sees to the message's shape.
    """
    contract = CONTRACTS[channel]
    if contract.audience is not Audience.PATIENT or not contract.is_on_lock_screen:
        return None
    texts = dict(_texts(contract.carries.form, content))
    if contract.carries.form is Form.KEYWORDS and (broken := misfits(texts)):
        return f"unfit: {', '.join(broken)}"[:64]
    longest, unit = contract.carries.longest, contract.carries.unit
    whole = "".join(texts.values())
    if longest is not None and _length(whole, unit) > longest:
        return "unfit: too long"
    return "reveals" if any(map(revealing, texts.values())) else None


def template_flaws(template: PatientTemplate) -> list[str]:
    """Return what is wrong with a configured template."""
    found = [
        f"{keyword} says {word!r} on a lock screen"
        for keyword, text in template.data.items()
        for word in revealing(text)
    ]
    try:
        filled = fill(template.data, SAMPLE)
    except KeyError as unknown:
        return [*found, f"asks for {{{unknown.args[0]}}}, which no message has"]
    return found + [f"{keyword} does not take {filled[keyword]!r}" for keyword in misfits(filled)]


def _texts(form: Form, content: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Yield what people would read, by the name of its place."""
    if form is Form.TEXT:
        places: Any = {name: content.get(name) for name in ("title", "text")}
    else:
        held = {Form.KEYWORDS: "data", Form.FIELDS: "fields", Form.PARAMETERS: "params"}
        places = content.get(held[form])
    if isinstance(places, Mapping):
        yield from ((name, text) for name, text in places.items() if isinstance(text, str))


def _length(text: str, unit: Unit) -> int:
    return len(text) if unit is Unit.CHARACTERS else len(text.encode())
