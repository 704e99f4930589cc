"""Synthetic HL7 v2 of a hospital: stays and visits with their laboratory reports; nobody exists."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

_FAMILY = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红梅建国志文欣怡子涵浩宇思远"
_WARDS = (("NFM", "内分泌科"), ("XNK", "心内科"), ("SNK", "肾内科"), ("HXK", "呼吸科"))
_DIAGNOSES = (("E11.9", "2型糖尿病"), ("I10.x", "原发性高血压"), ("N18.3", "慢性肾脏病3期"))
# Code, name, LOINC, unit, interval, mean, spread.
_TESTS = (
    ("GLU", "葡萄糖", "14749-6", "mmol/L", "3.9-6.1", 6.4, 1.8),
    ("K", "钾", "2823-3", "mmol/L", "3.5-5.3", 4.3, 0.4),
    ("NA", "钠", "2951-2", "mmol/L", "137-147", 140.0, 3.0),
    ("CREA", "肌酐", "14682-9", "umol/L", "57-97", 84.0, 22.0),
    ("UREA", "尿素", "14937-7", "mmol/L", "3.1-8.0", 5.6, 1.6),
    ("ALT", "丙氨酸氨基转移酶", "1742-6", "U/L", "9-50", 28.0, 12.0),
    ("HGB", "血红蛋白", "718-7", "g/L", "130-175", 138.0, 15.0),
    ("WBC", "白细胞", "6690-2", "10*9/L", "3.5-9.5", 6.8, 2.0),
    ("PLT", "血小板", "777-3", "10*9/L", "125-350", 220.0, 55.0),
)


def hospital_messages(seed: int, first: int = 0) -> Iterator[bytes]:
    """Yield the messages of one person after the other without end, `first` the first of them.

    Of ten messages four are reports of about six results; the rest admit, move, update and
    discharge. Five in a hundred reports are corrected later.
    """
    number = first
    while True:
        yield from _stay(Random(seed * 1_000_003 + number), number)
        number += 1


def _stay(random: Random, number: int) -> Iterator[bytes]:
    name = random.choice(_FAMILY) + "".join(random.choices(_GIVEN, k=random.randint(1, 2)))
    born = f"{random.randint(1935, 2015)}{random.randint(1, 12):02}{random.randint(1, 28):02}"
    ward, ward_name = random.choice(_WARDS)
    code, words = random.choice(_DIAGNOSES)
    minutes, seconds = number % 100_000, random.randint(0, 59)
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes, seconds=seconds)
    pid = (
        f"PID|1||{number:08}^^^HIS^MR~99{number:016}^^^GA^NI||{name}||{born}|{random.choice('MF')}"
        f"|||演示路{random.randint(1, 999)}号^^演示市||121{number % 100_000_000:08}"
    )
    bed = f"{ward}^{random.randint(1, 40):04}^{random.randint(1, 6):02}"
    pv1 = f"PV1|1|I|{bed}^YSYY^^^^^{ward_name}||||D{number % 90}^演示医生||||||||||||ZY{number:09}"
    diagnosed = f"DG1|1||{code}^{words}^ICD10||{at:%Y%m%d}|F"
    yield _message("ADT^A01", at, f"{number}-1", f"EVN|A01|{at:%Y%m%d%H%M%S}", pid, pv1)
    for order in range(random.randint(2, 4)):
        drawn = at + timedelta(hours=1 + 20 * order)
        obx = _results(random)
        yield _report(drawn, f"{number}-L{order}", pid, pv1, f"L{number}{order}", "F", obx)
        if random.random() < 0.05:
            later = drawn + timedelta(hours=2)
            again = [line[:-1] + "C" for line in obx]
            yield _report(later, f"{number}-C{order}", pid, pv1, f"L{number}{order}", "C", again)
    if random.random() < 0.5:
        moved = at + timedelta(hours=9)
        evn = f"EVN|A02|{moved:%Y%m%d%H%M%S}"
        yield _message("ADT^A02", moved, f"{number}-2", evn, pid, pv1)
    updated = at + timedelta(hours=30)
    evn = f"EVN|A08|{updated:%Y%m%d%H%M%S}"
    yield _message("ADT^A08", updated, f"{number}-3", evn, pid, pv1, diagnosed)
    left = at + timedelta(days=random.randint(3, 9))
    evn = f"EVN|A03|{left:%Y%m%d%H%M%S}"
    yield _message("ADT^A03", left, f"{number}-4", evn, pid, pv1, diagnosed)


def _report(
    at: datetime, control: str, pid: str, pv1: str, order: str, status: str, obx: list[str]
) -> bytes:
    obr = (
        f"OBR|1|P{order}|{order}|SH^生化^L|||{at - timedelta(hours=1):%Y%m%d%H%M%S}"
        f"{'|' * 15}{at:%Y%m%d%H%M%S}||LAB|{status}"
    )
    return _message("ORU^R01", at, control, pid, pv1, obr, *obx)


def _results(random: Random) -> list[str]:
    lines = []
    chosen = random.sample(_TESTS, random.randint(4, 8))
    for place, (code, name, loinc, unit, interval, mean, spread) in enumerate(chosen, start=1):
        value = max(0.1, random.gauss(mean, spread))
        lines.append(
            f"OBX|{place}|NM|{code}^{name}^L^{loinc}^^LN||{value:.2f}|{unit}|{interval}||||F"
        )
    return lines


def _message(kind: str, at: datetime, control: str, *segments: str) -> bytes:
    msh = f"MSH|^~\\&|HIS|YSYY|CARE|YSYY|{at:%Y%m%d%H%M%S}||{kind}|{control}|P|2.4||||||UTF-8"
    return "\r".join((msh, *segments)).encode() + b"\r"
