"""MLLP: however the bytes come, the same messages come out."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.integrations.hl7.framing import Frame, FrameReader, enframe

LIMIT = 1000
bodies = st.binary(max_size=60).map(lambda b: b"MSH" + b.translate(None, b"\x0b\x1c"))


def read(*chunks: bytes, limit: int = LIMIT) -> list[Frame]:
    reader = FrameReader(limit)
    return [frame for chunk in chunks for frame in reader.feed(chunk)]


@given(st.lists(bodies, max_size=5), st.data())
def test_any_split_gives_the_same_messages(messages: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(enframe(m) for m in messages)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
    edges = [0, *cuts, len(stream)]

    chunks = [stream[a:b] for a, b in pairwise(edges)]

    assert [frame.body for frame in read(*chunks)] == messages


@given(st.binary(max_size=4000))
def test_one_byte_at_a_time_reads_like_all_at_once(stream: bytes) -> None:
    single = [stream[n : n + 1] for n in range(len(stream))]

    assert read(*single, limit=64) == read(stream, limit=64)


def test_several_messages_of_one_packet_come_in_order() -> None:
    assert [f.body for f in read(enframe(b"MSH|1") + enframe(b"MSH|2"))] == [b"MSH|1", b"MSH|2"]


def test_noise_before_a_message_is_skipped() -> None:
    assert [f.body for f in read(b"\r\n\x00noise" + enframe(b"MSH|1"))] == [b"MSH|1"]


def test_a_missing_cr_is_made_up_for_by_silence() -> None:
    reader = FrameReader(LIMIT)

    assert reader.feed(b"\x0bMSH|1\x1c") == []
    assert reader.is_awaiting_cr
    assert [f.body for f in reader.flush()] == [b"MSH|1"]
    assert not reader.is_awaiting_cr
    assert [f.body for f in reader.feed(b"\r" + enframe(b"MSH|2"))] == [b"MSH|2"]


def test_silence_in_the_middle_of_a_message_ends_nothing() -> None:
    reader = FrameReader(LIMIT)
    reader.feed(b"\x0bMSH|1")

    assert reader.flush() == []
    assert [f.body for f in reader.feed(b"2\x1c\r")] == [b"MSH|12"]


def test_a_file_separator_inside_the_text_does_not_cut_the_message() -> None:
    assert [f.body for f in read(b"\x0bMSH|a\x1cb\x1c\r")] == [b"MSH|a\x1cb"]


def test_the_last_of_two_file_separators_ends_the_message() -> None:
    assert [f.body for f in read(b"\x0bMSH|a\x1c\x1c\r")] == [b"MSH|a\x1c"]


def test_a_sender_that_broke_off_and_began_anew_is_heard_from_the_new_beginning() -> None:
    assert [f.body for f in read(b"\x0bMSH|torn" + enframe(b"MSH|whole"))] == [b"MSH|whole"]


def test_a_message_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() -> None:
    assert read(enframe(b"M" * LIMIT)) == [Frame(b"M" * LIMIT)]
    assert [f.is_oversize for f in read(enframe(b"M" * (LIMIT + 1)))] == [True]


def test_an_endless_message_holds_little_memory_and_the_next_one_is_read() -> None:
    reader = FrameReader(100_000)
    reader.feed(b"\x0bMSH|header")
    for _ in range(100):
        reader.feed(b"x" * 50_000)
        assert len(reader._buffer) < 200_000

    frames = reader.feed(b"\x1c\r" + enframe(b"MSH|next"))

    assert [f.is_oversize for f in frames] == [True, False]
    assert frames[0].body.startswith(b"MSH|header")
    assert frames[1].body == b"MSH|next"
