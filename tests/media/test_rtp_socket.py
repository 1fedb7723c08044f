import random
import socket

from tests.media.peers import ADDRESS
from webpbx.media.rtp_socket import connect_only, open_pair


def udp() -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind((ADDRESS, 0))
    return bound


def received(ours: socket.socket) -> list[bytes]:
    taken = []
    while True:
        try:
            taken.append(ours.recv(100))
        except BlockingIOError:
            return taken


def test_a_connected_socket_takes_from_its_far_end_alone_and_nothing_that_came_before() -> None:
    ours, rtcp = open_pair(ADDRESS, (20000, 60000), random.Random())
    with ours, rtcp, udp() as friend, udp() as stranger:
        target = ours.getsockname()
        stranger.sendto(b"before", target)
        assert connect_only(ours, friend.getsockname()) == friend.getsockname()
        stranger.sendto(b"after", target)
        friend.sendto(b"friend", target)
        assert received(ours) == [b"friend"]


def test_a_disconnected_socket_takes_from_anyone_at_its_old_port() -> None:
    ours, rtcp = open_pair(ADDRESS, (20000, 60000), random.Random())
    with ours, rtcp, udp() as friend, udp() as stranger:
        target = ours.getsockname()
        connect_only(ours, friend.getsockname())
        assert connect_only(ours, None) is None
        stranger.sendto(b"stranger", target)
        assert received(ours) == [b"stranger"]
        assert ours.getsockname() == target


def test_an_address_of_no_one_disconnects() -> None:
    ours, rtcp = open_pair(ADDRESS, (20000, 60000), random.Random())
    with ours, rtcp, udp() as stranger:
        assert connect_only(ours, ("0.0.0.0", 5000)) is None
        stranger.sendto(b"stranger", ours.getsockname())
        assert received(ours) == [b"stranger"]
