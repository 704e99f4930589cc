"""Who may send how fast, and who stays while the house is full."""

import socket
import threading
from collections.abc import Iterator

import pytest

from app.integrations.hl7.pace import Pace
from app.integrations.hl7.places import Place, Places


def test_a_burst_passes_and_what_follows_waits_its_turn() -> None:
    pace = Pace(per_second=10, burst=5)

    waits = [pace.wait_of("a", now=100.0) for _ in range(8)]

    assert waits[:5] == [0.0] * 5
    assert waits[5:] == pytest.approx([0.1, 0.2, 0.3])


def test_peers_do_not_wait_for_each_other_and_rest_fills_the_bucket() -> None:
    pace = Pace(per_second=10, burst=1)
    pace.wait_of("a", now=100.0)

    assert pace.wait_of("b", now=100.0) == 0.0
    assert pace.wait_of("a", now=100.0) == pytest.approx(0.1)
    assert pace.wait_of("a", now=200.0) == 0.0


def test_a_million_peers_take_no_room() -> None:
    pace = Pace(per_second=10, burst=1)
    for number in range(5000):
        pace.wait_of(str(number), now=float(number))

    assert len(pace._full_at) < 1100


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    opened: list[socket.socket] = []
    yield opened
    for one in opened:
        one.close()


def enter(
    places: Places, sockets: list[socket.socket], peer: str, now: float, patience: float = 0
) -> Place | None:
    ours, theirs = socket.socketpair()
    sockets += [ours, theirs]
    return places.take(ours, peer, now, patience)


def entered(places: Places, sockets: list[socket.socket], peer: str, now: float) -> Place:
    place = enter(places, sockets, peer, now)
    assert place is not None
    return place


def deliver(places: Places, place: Place, now: float) -> None:
    assert places.begin(place)
    places.end(place, now)


def test_who_never_delivered_gives_way_before_who_did(sockets: list[socket.socket]) -> None:
    places = Places(2)
    proven, silent = (entered(places, sockets, "a", now) for now in (1.0, 2.0))
    deliver(places, proven, 3.0)

    newcomer = entered(places, sockets, "b", 4.0)

    assert silent.is_lost
    assert not proven.is_lost
    assert silent.connection.recv(1) == b""
    assert not places.begin(silent)
    assert places.begin(newcomer)


def test_a_peer_that_holds_many_silent_places_gives_way_first(
    sockets: list[socket.socket],
) -> None:
    places = Places(4)
    lone = entered(places, sockets, "lone", 1.0)
    flood = [entered(places, sockets, "flood", 2.0 + n) for n in range(3)]

    entered(places, sockets, "new", 9.0)

    assert not lone.is_lost
    assert [place.is_lost for place in flood] == [True, False, False]


def test_of_those_who_delivered_the_one_that_did_longest_ago_gives_way(
    sockets: list[socket.socket],
) -> None:
    places = Places(2)
    first, second = (entered(places, sockets, "a", now) for now in (1.0, 2.0))
    deliver(places, second, 3.0)
    deliver(places, first, 4.0)

    entered(places, sockets, "a", 5.0)

    assert (first.is_lost, second.is_lost) == (False, True)


def test_nobody_is_sent_away_while_being_answered(sockets: list[socket.socket]) -> None:
    places = Places(1)
    busy = entered(places, sockets, "a", 1.0)
    assert places.begin(busy)

    assert enter(places, sockets, "b", 2.0) is None
    assert not busy.is_lost


def test_a_newcomer_waits_until_an_answer_is_given(sockets: list[socket.socket]) -> None:
    places = Places(1)
    busy = entered(places, sockets, "a", 1.0)
    assert places.begin(busy)
    threading.Timer(0.05, places.end, (busy, 2.0)).start()

    assert enter(places, sockets, "b", 2.0, patience=30) is not None
    assert busy.is_lost


def test_a_place_that_is_left_is_free(sockets: list[socket.socket]) -> None:
    places = Places(1)
    first = entered(places, sockets, "a", 1.0)
    places.leave(first)

    entered(places, sockets, "b", 2.0)

    assert not first.is_lost
