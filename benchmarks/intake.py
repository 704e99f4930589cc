"""How fast HL7 v2 is brought into MariaDB, against reading it alone.

Both sides get new messages of the same kind in turn: one imports them as `app.cli import hl7`
does, sealed and interpreted, the other only makes `HospitalMessage`s of them. A long run at the
end tells whether memory grows with what is imported.
"""

import argparse
import base64
import os
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from app import encryption
from app.cli.import_hl7 import import_files, read_messages
from app.database import make_engine, unit_of_work
from app.integrations.hl7.interpret import Reader
from app.integrations.hl7.source import Source
from app.models import Event, InboundMessage, Observation
from benchmarks import measuring
from benchmarks.hospital_messages import hospital_messages
from tests.conftest import SECRET_KEY

_MESSAGES = 3_000  # a round at scale 1
_LONG = 20_000
_PEOPLE_A_ROUND = 10_000  # no round meets the people of another


def write_file(path: Path, place: int, count: int) -> int:
    """Write a file of messages, the `place`-th of the run; return the results in it."""
    results = 0
    with path.open("wb") as file:
        for body in islice(hospital_messages(measuring.SEED, place * _PEOPLE_A_ROUND), count):
            results += body.count(b"\rOBX|")
            file.write(body)
    return results


def read_alone(path: Path, count: int) -> dict[str, float]:
    """Make messages of bytes and nothing of the messages; return messages a second."""
    read = Reader([Source("his")])
    begun = time.perf_counter()
    with path.open("rb") as file:
        done = sum(isinstance(read("his", body), tuple) for body in read_messages(file))
    seconds = time.perf_counter() - begun
    if done != count:
        raise AssertionError(f"{done} of {count} messages read")
    return {"per_second": count / seconds}


def bring_in(path: Path, count: int) -> dict[str, float]:
    """Import a file; return messages a second."""
    begun = time.perf_counter()
    report = import_files(unit_of_work, [path], "his", None, lambda: datetime.now(UTC))
    seconds = time.perf_counter() - begun
    if not report.is_clean or report.processed != count:
        raise AssertionError(f"{report.processed} of {count} messages processed")
    return {"per_second": count / seconds}


def resident_mb() -> float:
    """Return how much memory this process and those that it started hold."""
    ours = {os.getpid()}
    kilobytes = 0
    for folder in sorted(Path("/proc").glob("[0-9]*"), key=lambda one: int(one.name)):
        try:
            lines = (folder / "status").read_text().splitlines()
        except OSError:
            continue  # it ended meanwhile
        told = dict(line.split(":", 1) for line in lines if ":" in line)
        if int(folder.name) in ours or int(told["PPid"]) in ours:
            ours.add(int(folder.name))
            kilobytes += int(told.get("VmRSS", "0 kB").split()[0])
    return round(kilobytes / 1024, 1)


def long_run(folder: Path, count: int) -> dict[str, Any]:
    """Import one large file; return the memory held after each tenth of it, in MB."""
    path = folder / "long.hl7"
    write_file(path, 90, count)
    tenths: list[float] = []

    def watch(done: int, total: int) -> None:
        if done * 10 >= total * (len(tenths) + 1):
            tenths.append(resident_mb())

    begun = time.perf_counter()
    import_files(unit_of_work, [path], "his", None, lambda: datetime.now(UTC), watch)
    return {
        "messages": count,
        "per_second": round(count / (time.perf_counter() - begun), 1),
        "rss_mb_by_tenth": tenths,
    }


def kept() -> dict[str, int]:
    with unit_of_work() as session:
        return {
            model.__tablename__: session.scalar(select(func.count(model.id))) or 0
            for model in (InboundMessage, Observation, Event)
        }


def options(arguments: Sequence[str] | None) -> tuple[measuring.Options, int]:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--long", type=int, help="messages of the run that watches memory")
    given, rest = parser.parse_known_args(arguments)
    chosen = measuring.options(
        f"{__doc__} --long N: messages of the run that watches memory.", rest
    )
    return chosen, int(_LONG * chosen.scale) if given.long is None else given.long


def main(arguments: Sequence[str] | None = None) -> None:
    chosen, long = options(arguments)
    encryption.use(encryption.Keyring({"t1": base64.b64decode(SECRET_KEY)}, "hospital"))
    busyness = measuring.Busyness()
    count = max(50, int(_MESSAGES * chosen.scale))
    with measuring.fresh_database() as url, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        engine = make_engine(url)
        unit_of_work.configure(bind=engine)
        places = iter(range(80))
        results = 0

        def ours() -> dict[str, float]:
            nonlocal results
            path = folder / "ours.hl7"
            results += write_file(path, next(places), count)
            return bring_in(path, count)

        def bare() -> dict[str, float]:
            path = folder / "bare.hl7"
            write_file(path, next(places), count)
            return read_alone(path, count)

        measuring.progress(f"{count} messages a round")
        a, b = measuring.alternate(ours, bare, chosen.rounds)
        rows = kept()
        if rows["observation"] != results:
            raise AssertionError(f"{rows['observation']} results of {results}")
        memory = long_run(folder, long) if long else {}
        engine.dispose()
    ratio = measuring.paired_ratio(a, b, "per_second")
    measuring.finish(
        "intake",
        {
            "ratio": ratio,
            "ratio_to_parse": ratio,
            "target": 0.4,
            "import": measuring.medians(a),
            "parse": measuring.medians(b),
            "rows": rows,
            "memory": memory,
            "sizes": {"messages": count, "rounds": chosen.rounds},
            "machine": busyness.report(),
        },
    )


if __name__ == "__main__":
    main()
