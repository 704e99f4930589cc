"""The groups of a message: an order, or a document, with everything that belongs to it.

ORU, ORM, OML, RDE, RDS, VXU and MDM all say "this was ordered, and this belongs to it" by the
order of their segments alone.
"""

from dataclasses import dataclass, field

from app.domain.intake.hospital_records import Coded, ObservationKey
from app.integrations.hl7.people import read_codings
from app.integrations.hl7.segments import Message, Segment

# Texts in several OBX of one code are lines of one result.
LINES = ("TX", "FT", "ST")

# What describes an order; a second one of these begins the next order.
_DETAILS = ("OBR", "RXO", "RXE", "RXD", "RXA", "TXA")
# Of these the last one counts: in RDE and RDS it is nearest to what was encoded or dispensed.
_CIRCUMSTANCES = ("TQ1", "RXR")
# What a note may stand behind and be about the order.
_ANNOTATED = ("OBR", "RXO", "RXE", "RXD")


@dataclass(slots=True)
class Entry:
    """An OBX with the OBX that continue its text, and its notes."""

    segments: list[Segment]
    codings: tuple[Coded, ...]
    notes: list[str] = field(default_factory=list)
    _text: str | None = None

    @property
    def text(self) -> str:
        """The lines of all its OBX; of a message of megabytes they are put together once."""
        if self._text is None:
            self._text = "\n".join(line for obx in self.segments for line in obx.lines(5))
        return self._text


@dataclass(slots=True)
class Order:
    """An ORC, OBR, TXA or RX with what follows it; without any of them, OBX that stand alone."""

    parts: dict[str, Segment] = field(default_factory=dict)
    specimen: str = ""
    entries: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def part(self, name: str) -> Segment | None:
        """Return the order's segment of this name."""
        return self.parts.get(name)

    def said(self, name: str, position: int, component: int = 1) -> str:
        """Return a field of the order's segment of this name, '' where there is none."""
        segment = self.parts.get(name)
        return segment.text(position, component) if segment else ""

    @property
    def placer(self) -> str:
        """The number that the ordering system gave."""
        return self.said("ORC", 2) or self.said("OBR", 2)

    @property
    def filler(self) -> str:
        """The number that the performing system gave, or the document's own."""
        return self.said("OBR", 3) or self.said("ORC", 3) or self.said("TXA", 12)

    @property
    def note(self) -> str:
        """What stands behind the order, one line a note."""
        return "\n".join(line for line in self.notes if line)


def group_orders(message: Message) -> list[Order]:
    """Return the orders in their order, first what stands before any.

    A note belongs to the OBX or the order before it, to nothing after other segments.
    """
    orders = [Order()]
    notes: list[str] | None = None
    for segment in message.segments:
        name = segment.name
        if name == "NTE":
            if notes is not None:
                notes.append("\n".join(segment.lines(3)))
            continue
        notes = None
        if name == "OBX":
            notes = _enter(orders[-1], segment).notes
        elif name == "SPM":
            orders[-1].specimen = orders[-1].specimen or _specimen(segment, 4)
        elif name == "ORC" or name in _DETAILS:
            order = _order_for(orders, name)
            order.parts[name] = segment
            if name == "OBR":
                order.specimen = _specimen(segment, 15)
            notes = order.notes if name in _ANNOTATED else None
        elif name in _CIRCUMSTANCES:
            orders[-1].parts[name] = segment
    return orders


def result_key(order: Order, entry: Entry) -> ObservationKey:
    """Return filler order, code and sub id; without a filler the placer and the time stand in."""
    obx = entry.segments[0]
    number = order.filler
    if not number:
        placer = order.said("OBR", 2) or order.said("ORC", 2)
        number = f"{placer}@{order.said('OBR', 7) or obx.text(14)}"
    return ObservationKey(number, entry.codings[0].code, obx.whole(4))


def keyed_results(orders: list[Order]) -> list[tuple[Order, Entry, ObservationKey]]:
    """Return the results that have a code, each with a key of its own.

    Results that one message sends under one key are kept apart by the order they stand in.
    """
    seen: dict[ObservationKey, int] = {}
    found = []
    for order in orders:
        for entry in order.entries:
            if not entry.codings:
                continue
            key = result_key(order, entry)
            seen[key] = seen.get(key, 0) + 1
            if seen[key] > 1:
                key = ObservationKey(key.order, key.code, f"{key.sub_id}#{seen[key]}")
            found.append((order, entry, key))
    return found


def _order_for(orders: list[Order], name: str) -> Order:
    """Return the order that a segment belongs to, a new one where it begins one."""
    order = orders[-1]
    begins = name in ("ORC", "TXA") or name in order.parts or order.entries
    if begins and (order.parts or order.entries or len(orders) == 1):
        order = Order()
        orders.append(order)
    return order


def _enter(order: Order, obx: Segment) -> Entry:
    last = order.entries[-1] if order.entries else None
    if last and not last.notes and _continues(last.segments[-1], obx):
        last.segments.append(obx)
        return last
    order.entries.append(Entry([obx], read_codings(obx.first(3))))
    return order.entries[-1]


def _continues(before: Segment, obx: Segment) -> bool:
    """Return whether the OBX is a further line of the same text."""
    return (
        obx.text(2) in LINES
        and before.text(2) == obx.text(2)
        and before.raw(3) == obx.raw(3)
        and before.raw(4) == obx.raw(4)
        and not obx.text(6)
    )


def _specimen(segment: Segment, position: int) -> str:
    value = segment.first(position)
    return value.text(2) or value.text(1)
