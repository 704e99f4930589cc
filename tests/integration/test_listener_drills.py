"""Drills of the real listener: floods, floods of bytes, noise, certificates, impatient senders."""

import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.integrations.hl7.framing import enframe
from app.models import InboundMessage, Patient
from tests.integration.mllp import Running, Sender, count, running, statuses, wait_for
from tests.unit.hl7.messages import admission, message, result

LARGE = {"name": "documents", "port": 0, "max_bytes": 7_000_000, "max_segments": 20_000}
MEGABYTE = 1024 * 1024


def processed(engine: Engine, number: int) -> None:
    wait_for(lambda: statuses(engine) == ["processed"] * number, 60)


# ------------------------------------------------------------------------ floods


def drip(port: int, stop: threading.Event, opened: list[socket.socket]) -> None:
    """Hold five hundred connections, each within a message that grows a byte at a time."""
    while not stop.is_set():
        for place in range(500):
            if stop.is_set():
                return
            try:
                if place == len(opened):
                    opened.append(socket.create_connection(("127.0.0.1", port), timeout=20))
                    opened[place].sendall(b"\x0bMSH|^~\\&|SLOW")
                opened[place].sendall(b"x")
            except OSError:
                # It was sent away and knocks again, as a flood does.
                opened[place].close()
                opened[place] = socket.create_connection(("127.0.0.1", port), timeout=20)


def test_five_hundred_slow_connections_shut_nobody_out(database: Engine) -> None:
    with running(database) as listener:
        steady = Sender(listener.port)
        assert steady.send(admission()) == "MSA|AA|C1"
        before, stop, opened = listener.memory, threading.Event(), list[socket.socket]()
        flood = threading.Thread(target=drip, args=(listener.port, stop, opened))
        flood.start()
        try:
            wait_for(lambda: len(opened) == 500, 60)
            for number in range(10):
                newcomer = Sender(listener.port)
                assert newcomer.send(admission(control_id=f"N{number}")) == f"MSA|AA|N{number}"
                newcomer.close()
                # Who has delivered before keeps its place.
                assert steady.send(admission(control_id=f"S{number}")) == f"MSA|AA|S{number}"
            grown = listener.memory - before
        finally:
            stop.set()
            flood.join()
            for one in opened:
                one.close()
        steady.close()
        processed(database, 21)

    assert grown < 60 * MEGABYTE


def test_messages_beyond_the_pace_wait_and_are_all_answered(database: Engine) -> None:
    with running(database, messages_per_second=20) as listener:
        sender = Sender(listener.port)
        bodies = [admission(control_id=f"P{n}") for n in range(60)]
        sender.socket.sendall(b"".join(enframe(body) for body in bodies))
        answers = [sender.answer() for _ in bodies]
        sender.close()

    assert answers == [f"MSA|AA|P{n}" for n in range(60)]


# ------------------------------------------------------------------------ size


def test_five_megabytes_are_refused_at_the_usual_door_and_taken_at_the_large_one(
    database: Engine,
) -> None:
    huge = result("OBX|1|TX|S^结论^L||" + "x" * 5 * MEGABYTE, control_id="R5")
    big = result("OBX|1|TX|S^结论^L||" + "x" * 70_000, control_id="R7")

    with running(database, listeners=[LARGE]) as listener:
        usual, large = Sender(listener.port), Sender(listener.ports["documents"])
        assert usual.send(big) == "MSA|AA|R7"
        usual.socket.sendall(enframe(huge))
        refused = usual.segments()
        assert usual.send(admission()) == "MSA|AA|C1"
        assert large.send(huge) == "MSA|AA|R5"
        usual.close()
        large.close()
        wait_for(lambda: "received" not in statuses(database), 60)

    assert "MSA|AR|R5" in refused
    assert any("消息超过允许的大小。(262144 bytes)" in segment for segment in refused)
    assert statuses(database) == ["processed", "rejected", "processed", "processed"]


def test_many_segments_are_refused_at_the_usual_door_and_taken_at_the_large_one(
    database: Engine,
) -> None:
    long = result(*["OBX|1|NM|GLU^g||5.0|mmol/L"] * 2500, control_id="R8")

    with running(database, listeners=[LARGE]) as listener:
        usual, large = Sender(listener.port), Sender(listener.ports["documents"])
        assert usual.send(long) == "MSA|AR|R8"
        usual.close()
        large.close()

    with Session(database) as session:
        (kept,) = session.scalars(select(InboundMessage))
        assert kept.reason == "too-many-segments: 2000 segments"
        # It is whole: whoever opens a larger door can replay it.
        assert (kept.body or "").encode("latin-1").count(b"OBX") == 2500


def test_pieces_noise_and_missing_ends_are_put_together(database: Engine) -> None:
    note = "OBX|1|TX|S^结论^L||" + "字" * 3000
    wire = b"\r\n\x00noise" + enframe(result(note, control_id="T1"))

    with running(database) as listener:
        sender = Sender(listener.port)
        sender.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(wire), 3):
            sender.socket.sendall(wire[start : start + 3])
        assert sender.answer() == "MSA|AA|T1"
        sender.socket.sendall(b"\x0b" + admission() + b"\x1c")
        assert sender.answer() == "MSA|AA|C1"
        sender.socket.sendall(enframe(admission(control_id="C2")) * 2)
        assert [sender.answer(), sender.answer()] == ["MSA|AA|C2"] * 2
        sender.close()
        processed(database, 3)


def test_a_wrong_charset_is_seen_through_or_asked_for_again(database: Engine) -> None:
    lying = message(
        "PID|1||7^^^HIS^MR||沈珅", kind="ADT^A04", control_id="L1", charset="UNICODE UTF-8"
    )
    hopeless = message("PID|1||8^^^HIS^MR||", kind="ADT^A04", control_id="L2") + b"ZZZ|\xff\xff\xff"

    with running(database) as listener:
        sender = Sender(listener.port)
        assert sender.send(lying.decode().encode("gb18030")) == "MSA|AA|L1"
        sender.socket.sendall(enframe(hopeless))
        refused = sender.segments()
        sender.close()
        wait_for(lambda: statuses(database) == ["processed", "rejected"])

    assert "MSA|AE|L2" in refused
    assert any(segment.startswith("ERR|||102|") for segment in refused)
    with Session(database) as session:
        assert session.scalars(select(Patient)).one().name == "沈珅"
        reasons = session.scalars(select(InboundMessage.reason).order_by(InboundMessage.id)).all()
        assert "charset-conflict" in (reasons[0] or "")


# ------------------------------------------------------------------------ answers


def test_how_long_a_sender_waited_is_kept(database: Engine) -> None:
    with running(database) as listener:
        sender = Sender(listener.port)
        assert sender.send(admission()) == "MSA|AA|C1"
        sender.close()

        def waited() -> list[int | None]:
            with Session(database) as session:
                return list(session.scalars(select(InboundMessage.answered_ms)))

        wait_for(lambda: None not in waited(), 30)
        assert all(0 <= (one or 0) < 60_000 for one in waited())


@pytest.mark.shared
def test_merges_are_answered_as_their_specification_says(
    database: Engine, shared_data: Path
) -> None:
    folder = shared_data / "clinical/hl7v2/zh-own"
    merges = [next(folder.glob(f"{name}_*.hl7")).read_bytes() for name in ("05", "06", "06", "07")]

    with running(database) as listener:
        sender = Sender(listener.port)
        answers = []
        for body in merges:
            sender.socket.sendall(enframe(body))
            answers.append("\n".join(s for s in sender.segments() if s[:3] in ("MSA", "ERR")))
        sender.close()

    assert answers[0] == "MSA|AA|D0005"
    for held in answers[1:3]:
        assert held.startswith("MSA|AE|D0006\nERR|||205|E|")
    assert answers[3].startswith("MSA|AR|D0007\nERR|||205|E|")
    assert statuses(database) == ["processed", "held", "rejected"]


@pytest.mark.shared
def test_a_batch_in_one_frame_is_taken_message_by_message(
    database: Engine, shared_data: Path
) -> None:
    batch = next((shared_data / "clinical/hl7v2/zh-own").glob("15_*.hl7")).read_bytes()

    with running(database) as listener:
        sender = Sender(listener.port)
        sender.socket.sendall(enframe(batch))
        answers = [s for s in sender.segments() if s.startswith("MSA")]
        sender.close()
        processed(database, 4)

    assert [answer[:6] for answer in answers] == ["MSA|AA"] * 4


# ------------------------------------------------------------------------ certificates


@dataclass(frozen=True)
class Authority:
    """Signs certificates of systems; `folder` holds them as PEM."""

    name: str
    folder: Path
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate(self) -> Path:
        return self.folder / f"{self.name}.pem"

    def sign(self, name: str, of: ec.EllipticCurvePrivateKey | None = None) -> Path:
        """Write key and certificate of a system (or the authority's own) into one file."""
        key = of or ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=of is not None, path_length=None), True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
            .sign(self.key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path = self.folder / f"{name}.pem"
        path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        return path


def authority(name: str, folder: Path) -> Authority:
    made = Authority(name, folder, ec.generate_private_key(ec.SECP256R1()))
    made.sign(name, of=made.key)
    return made


def call(port: int, ours: Authority, certificate: Path | None) -> Sender:
    """Connect by TLS, showing a certificate or none."""
    context = ssl.create_default_context(cafile=str(ours.certificate))
    if certificate is not None:
        context.load_cert_chain(certificate)
    plain = socket.create_connection(("127.0.0.1", port), timeout=60)
    try:
        return Sender(port, context.wrap_socket(plain, server_hostname="careloop.example"))
    except OSError:
        plain.close()
        raise


def refused(port: int, ours: Authority, certificate: Path | None) -> bool:
    """Return whether a caller gets no answer; TLS 1.3 says so only after the handshake."""
    try:
        caller = call(port, ours, certificate)
    except OSError:
        return True
    try:
        return caller.send(admission(control_id="X")) == ""
    except OSError:
        return True
    finally:
        caller.close()


@pytest.fixture
def tls(database: Engine, tmp_path: Path) -> Iterator[tuple[Running, Authority]]:
    ours = authority("authority.example", tmp_path)
    server = str(ours.sign("careloop.example"))
    door = {
        "name": "secure",
        "port": 0,
        "tls": {"certificate": server, "key": server, "client_ca": str(ours.certificate)},
    }
    sources = [{"name": "lab", "certificates": ["lab.example"]}]
    with running(database, listeners=[door], sources=sources) as listener:
        yield listener, ours


def test_the_right_certificate_is_heard(database: Engine, tls: tuple[Running, Authority]) -> None:
    listener, ours = tls

    caller = call(listener.ports["secure"], ours, ours.sign("lab.example"))

    assert caller.send(admission()) == "MSA|AA|C1"
    caller.close()
    processed(database, 1)


def test_a_certificate_of_the_same_authority_for_another_system_is_not_the_source(
    database: Engine, tls: tuple[Running, Authority]
) -> None:
    listener, ours = tls

    caller = call(listener.ports["secure"], ours, ours.sign("printer.example"))

    assert caller.send(admission()) == "MSA|AR|C1"
    caller.close()
    with Session(database) as session:
        assert session.scalars(select(InboundMessage.reason)).all() == ["unknown-sender"]


def test_no_certificate_a_strangers_and_no_tls_are_turned_away(
    database: Engine, tls: tuple[Running, Authority], tmp_path: Path
) -> None:
    listener, ours = tls
    other = tmp_path / "other"
    other.mkdir()
    stranger = authority("stranger.example", other).sign("lab.example")
    port = listener.ports["secure"]

    assert refused(port, ours, None)
    assert refused(port, ours, stranger)
    plain = Sender(port)
    assert plain.send(admission()) == ""
    plain.close()
    # Without TLS at all, a source that needs a certificate is nobody's.
    unsigned = Sender(listener.port)
    assert unsigned.send(admission()) == "MSA|AR|C1"
    unsigned.close()
    assert statuses(database) == ["rejected"]
    assert count(database, Patient) == 0
