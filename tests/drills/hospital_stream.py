"""A hospital that never existed, as its systems would tell of it: a stream of HL7 v2 messages.

`tell` gives the messages in the order in which things happened; `disturb` gives what a bad network
makes of them. Both are made from a seed alone.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

_BEGIN = datetime(2026, 3, 1, 6, 0)
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高"
_GIVEN = "测试演示样例虚构模拟甲乙丙丁戊己庚辛"
_WARDS = (("NEI", "内分泌科"), ("XIN", "心内科"), ("GUK", "骨科"), ("ERK", "儿科"))
_DIAGNOSES = (("E11.900", "2型糖尿病"), ("I10.x00", "高血压"), ("J18.900", "肺炎"))
_TESTS = (
    ("K", "2823-3", "钾", "mmol/L", 2.5, 6.5),
    ("NA", "2951-2", "钠", "mmol/L", 125, 150),
    ("GLU", "14749-6", "空腹血糖", "mmol/L", 3.0, 15.0),
    ("CREA", "14682-9", "肌酐", "umol/L", 40, 300),
    ("HGB", "718-7", "血红蛋白", "g/L", 70, 170),
    ("WBC", "6690-2", "白细胞", "10*9/L", 2.0, 20.0),
)


@dataclass
class _Person:
    """What the hospital knows of one record; a double of somebody has its own number."""

    number: int
    name: str
    birth: str
    sex: str
    phone: str
    retired: bool = False
    visit: str | None = None
    visit_class: str = "I"
    admitted: str = ""
    visits: int = 0
    orders: list[tuple[str, str]] = field(default_factory=list)
    bookings: list[str] = field(default_factory=list)
    # What another message still has to say: the stay that a discharge was taken back of.
    discharged: str | None = None

    @property
    def mr(self) -> str:
        return f"{self.number:08d}"


class Hospital:
    """Makes things happen to its patients and tells of each in one message."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._now = _BEGIN
        self._people: list[_Person] = []
        self._control = 0
        self._numbers = 0

    def tell(self, count: int) -> list[bytes]:
        """Return so many messages, in the order in which things happened."""
        return [message for message, _ in zip(self._life(), range(count), strict=False)]

    def _life(self) -> Iterator[bytes]:
        happenings: list[tuple[Callable[[], bytes | None], int]] = [
            (self._register, 12), (self._admit, 10), (self._transfer, 4), (self._discharge, 8),
            (self._update, 8), (self._cancel_admission, 1), (self._cancel_discharge, 1),
            (self._order, 22), (self._result, 14), (self._correct, 2), (self._withdraw, 1),
            (self._book, 8), (self._rebook, 6), (self._request, 4), (self._prescribe, 5),
            (self._double, 2), (self._merge, 2),
        ]  # fmt: skip
        for _ in range(20):
            yield self._register()
        acts, weights = zip(*happenings, strict=True)
        while True:
            message = self._random.choices(acts, weights)[0]()
            if message is not None:
                yield message

    # ---------------------------------------------------------------------- people

    def _register(self) -> bytes:
        return self._adt("A04", self._new_person(), self._outpatient())

    def _new_person(self) -> _Person:
        choose = self._random.choice
        self._numbers += 1
        person = _Person(
            self._numbers,
            choose(_SURNAMES) + choose(_GIVEN) + choose(_GIVEN),
            f"{self._random.randint(1935, 2024)}{self._random.randint(1, 12):02d}15",
            choose("MF"),
            f"121{self._random.randint(0, 99_999_999):08d}",
        )
        self._people.append(person)
        return person

    def _double(self) -> bytes | None:
        """Register somebody a second time under another number."""
        known = self._some(lambda person: True)
        if known is None:
            return None
        double = self._new_person()
        double.name, double.birth, double.sex = known.name, known.birth, known.sex
        return self._adt("A04", double, self._outpatient())

    def _merge(self) -> bytes | None:
        retired = self._some(lambda person: person.visit is None)
        survivor = self._some(lambda person: person is not retired)
        if retired is None or survivor is None or retired is survivor:
            return None
        retired.retired = True
        return self._message(
            "ADT^A40^ADT_A39", self._evn("A40"), self._pid(survivor),
            f"MRG|{retired.mr}^^^HIS^MR",
        )  # fmt: skip

    def _update(self) -> bytes | None:
        person = self._some(lambda person: True)
        if person is None:
            return None
        person.phone = self._random.choice(("", '""', f"122{self._random.randint(0, 9999):08d}"))
        return self._adt("A08", person)

    # ---------------------------------------------------------------------- visits

    def _admit(self) -> bytes | None:
        person = self._some(lambda person: person.visit is None)
        if person is None:
            return None
        self._begin_visit(person, "I")
        return self._adt("A01", person, self._pv1(person), self._dg1("A"))

    def _transfer(self) -> bytes | None:
        person = self._some(lambda person: person.visit is not None)
        return self._adt("A02", person, self._pv1(person)) if person else None

    def _discharge(self) -> bytes | None:
        person = self._some(lambda person: person.visit is not None)
        if person is None:
            return None
        message = self._adt("A03", person, self._pv1(person, ended=True), self._dg1("F"))
        person.discharged, person.visit = person.visit, None
        return message

    def _cancel_admission(self) -> bytes | None:
        person = self._some(lambda person: person.visit is not None)
        if person is None:
            return None
        message = self._adt("A11", person, self._pv1(person))
        person.visit = None
        return message

    def _cancel_discharge(self) -> bytes | None:
        person = self._some(lambda p: p.visit is None and p.discharged is not None)
        if person is None:
            return None
        person.visit, person.discharged = person.discharged, None
        return self._adt("A13", person, self._pv1(person))

    # --------------------------------------------------------------------- results

    def _order(self) -> bytes | None:
        """Tell a preliminary result: every order is first heard of so."""
        person = self._some(lambda person: True)
        if person is None:
            return None
        self._numbers += 1
        order = (f"F{self._numbers}", self._clock())
        person.orders.append(order)
        return self._oru(person, order, "P")

    def _result(self) -> bytes | None:
        return self._of_order("F")

    def _correct(self) -> bytes | None:
        return self._of_order("C")

    def _withdraw(self) -> bytes | None:
        return self._of_order("W")

    def _of_order(self, status: str) -> bytes | None:
        person = self._some(lambda person: bool(person.orders))
        if person is None:
            return None
        return self._oru(person, self._random.choice(person.orders[-3:]), status)

    def _oru(self, person: _Person, order: tuple[str, str], status: str) -> bytes:
        number, collected = order
        first = int(number[1:]) % 3
        lines = [
            f"OBX|{n}|NM|{local}^{name}^L^{loinc}^{name}^LN||{self._value(low, high)}|{unit}"
            f"|{low}-{high}||||{status}|||{collected}"
            for n, (local, loinc, name, unit, low, high) in enumerate(_TESTS[first : first + 4], 1)
        ]
        obr = f"OBR|1||{number}|BIO^生化^L|||{collected}{'|' * 15}{self._clock()}||LAB|{status}"
        return self._message("ORU^R01^ORU_R01", self._pid(person), obr, *lines, sender="LIS")

    def _value(self, low: float, high: float) -> str:
        return f"{self._random.uniform(low, high):.1f}"

    # -------------------------------------------------- bookings, orders, medicines

    def _book(self) -> bytes | None:
        person = self._some(lambda person: True)
        if person is None:
            return None
        self._numbers += 1
        person.bookings.append(f"B{self._numbers}")
        return self._siu("S12", person, person.bookings[-1])

    def _rebook(self) -> bytes | None:
        person = self._some(lambda person: bool(person.bookings))
        if person is None:
            return None
        trigger = self._random.choice(("S13", "S14", "S15", "S26"))
        return self._siu(trigger, person, self._random.choice(person.bookings))

    def _siu(self, trigger: str, person: _Person, booking: str) -> bytes:
        start = (self._now + timedelta(days=self._random.randint(1, 60))).strftime("%Y%m%d%H%M%S")
        code, name = self._random.choice(_WARDS)
        return self._message(
            f"SIU^{trigger}^SIU_S12", f"SCH||{booking}|||||||30|MIN|^^^{start}",
            self._pid(person), "RGS|1", f"AIL|1||{code}^^^^^^^^{name}", sender="YYGH",
        )  # fmt: skip

    def _request(self) -> bytes | None:
        person = self._some(lambda person: True)
        if person is None:
            return None
        self._numbers += 1
        return self._message(
            "ORM^O01^ORM_O01", self._pid(person),
            f"ORC|NW|P{self._numbers}|Q{self._numbers}||SC||||{self._clock()}",
            f"OBR|1|P{self._numbers}|Q{self._numbers}|CT001^胸部CT平扫^L", sender="PACS",
        )  # fmt: skip

    def _prescribe(self) -> bytes | None:
        person = self._some(lambda person: True)
        if person is None:
            return None
        self._numbers += 1
        return self._message(
            "RDE^O11^RDE_O11", self._pid(person),
            f"ORC|NW|R{self._numbers}|X{self._numbers}||||||{self._clock()}",
            f"RXE|^^^{self._clock()}|Y0001^二甲双胍片^L|0.5||g|TAB|||||||||X{self._numbers}",
            sender="HIS",
        )  # fmt: skip

    # -------------------------------------------------------------------- segments

    def _some(self, suits: Callable[[_Person], bool]) -> _Person | None:
        """Return somebody whose record is in use; mostly one of those seen lately."""
        for _ in range(12):
            spread = min(len(self._people), 60)
            person = self._people[-1 - int(self._random.triangular(0, spread - 1, 0))]
            if not person.retired and suits(person):
                return person
        return None

    def _begin_visit(self, person: _Person, visit_class: str) -> None:
        person.visits += 1
        person.visit = f"ZY{person.mr}{person.visits:02d}"
        person.visit_class, person.admitted = visit_class, self._clock()

    def _outpatient(self) -> str:
        self._numbers += 1
        return f"PV1|1|O|{self._random.choice(_WARDS)[0]}{'|' * 16}MZ{self._numbers}"

    def _pv1(self, person: _Person, *, ended: bool = False) -> str:
        code, name = self._random.choice(_WARDS)
        place = f"{code}^0{self._random.randint(1, 9)}^{self._random.randint(1, 40)}^^^^^^{name}"
        end = f"|{self._clock()}" if ended else ""
        head = f"PV1|1|{person.visit_class}|{place}||||D{self._random.randint(1, 9)}^演示医生"
        return f"{head}{'|' * 12}{person.visit}{'|' * 25}{person.admitted}{end}"

    def _dg1(self, kind: str) -> str:
        code, name = self._random.choice(_DIAGNOSES)
        return f"DG1|1||{code}^{name}^I10|{name}|{self._clock()}|{kind}"

    def _pid(self, person: _Person) -> str:
        return (
            f"PID|1||{person.mr}^^^HIS^MR||{person.name}||{person.birth}|{person.sex}"
            f"|||演示路{person.number}号^^演示市||{person.phone}"
        )

    def _evn(self, trigger: str) -> str:
        return f"EVN|{trigger}|{self._now:%Y%m%d%H%M%S}"

    def _adt(self, trigger: str, person: _Person, *segments: str) -> bytes:
        return self._message(
            f"ADT^{trigger}^ADT_A01", self._evn(trigger), self._pid(person), *segments
        )

    def _message(self, kind: str, *segments: str, sender: str = "HIS") -> bytes:
        self._control += 1
        msh = (
            f"MSH|^~\\&|{sender}|YSYY|CARE|YSYY|{self._clock()}||{kind}|M{self._control}"
            "|P|2.4||||||UNICODE UTF-8"
        )
        # Several things may happen in one second: ties must not depend on the order of arrival.
        self._now += timedelta(seconds=self._random.choice((0, 1, 7, 31)))
        return "".join(f"{segment}\r" for segment in (msh, *segments)).encode()

    def _clock(self) -> str:
        return f"{self._now:%Y%m%d%H%M%S}"


@dataclass(frozen=True)
class Disturbance:
    """Shares of the messages that are sent twice, sent late, or arrive broken the first time."""

    duplicated: float = 0.05
    delayed: float = 0.05
    corrupted: float = 0.01


def disturb(
    messages: Sequence[bytes], seed: int, disturbance: Disturbance = Disturbance()
) -> list[bytes]:
    """Return the messages as a bad network delivers them.

    What arrived broken was refused, so its sender sends it again some messages later.
    """
    chance = random.Random(seed)
    placed: list[tuple[float, int, bytes]] = []
    for number, message in enumerate(messages):
        place = float(number)
        if chance.random() < disturbance.delayed:
            place += chance.randint(2, 400)
        if chance.random() < disturbance.corrupted:
            placed.append((place, len(placed), _broken(message, chance)))
            place += chance.randint(1, 50)
        placed.append((place, len(placed), message))
        if chance.random() < disturbance.duplicated:
            placed.append((place + chance.randint(1, 300), len(placed), message))
    return [message for _, _, message in sorted(placed)]


def _broken(message: bytes, chance: random.Random) -> bytes:
    """Return what a line makes of a message; nothing of it can be taken for another message."""
    kind = chance.randrange(4)
    if kind == 0:
        return message[chance.randint(1, 3) :]  # its beginning is lost
    if kind == 1:
        return message[:60] + b"\xff\xfe\xff" + message[60:]  # no character of any charset
    if kind == 2:
        return message.replace(b"\rPID|", b"\rP\x01D|")  # a segment that has no name
    return message[: message.index(b"\r") + 1]  # only its header came
