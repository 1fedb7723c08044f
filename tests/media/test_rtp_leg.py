import asyncio
import socket
import struct
from itertools import pairwise

import pytest

from tests.media.peers import ADDRESS, Bench, Trunk, eventually, port_of, trunk_leg
from webpbx.media.client import Media

pytestmark = pytest.mark.process

W = "0a"
Worker = tuple[Bench, Media]


async def symmetric_leg(media: Media) -> tuple[Trunk, str]:
    """Give a leg "t" to a trunk that says a port it does not send from; it hears itself."""
    trunk = await Trunk("PCMA", 440).open()
    offer = await media.rtp_leg(W, "t", address=ADDRESS, codecs=("PCMA",))
    await media.set_remote(W, "t", trunk.sdp(port=9), answer=True, symmetric=True)
    await media.loop_back(W, "t")
    return trunk, offer


async def test_packets_from_elsewhere_than_the_description_says_are_not_heard(worker: Worker) -> None:
    bench, media = worker
    trunk, offer = await trunk_leg(media)
    stranger = await Trunk("PCMA", 600).open()
    stranger.talk(offer)
    await asyncio.sleep(0.3)
    assert (await media.stats(W, "t")).packets_in == 0
    assert stranger.packets == []
    trunk.talk(offer)
    await eventually(lambda: "connected" in bench.kinds("t"), "the trunk itself is heard")
    await trunk.close()
    await stranger.close()


async def test_a_symmetric_leg_learns_one_source_and_keeps_to_it(worker: Worker) -> None:
    _, media = worker
    trunk, offer = await symmetric_leg(media)
    await asyncio.sleep(0.2)
    assert trunk.packets == []
    trunk.talk(offer)
    await eventually(lambda: trunk.hears(440), "the learnt source hears")
    stranger = await Trunk("PCMA", 600).open()
    stranger.talk(offer)
    await asyncio.sleep(0.3)
    assert stranger.packets == []
    assert trunk.hears(440)
    await trunk.close()
    await stranger.close()


async def test_sprayed_single_packets_do_not_win_a_symmetric_leg(worker: Worker) -> None:
    _, media = worker
    trunk, offer = await symmetric_leg(media)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sprayer:
        for number in range(50):
            header = struct.pack("!BBHII", 0x80, 8, number * 7919 & 0xFFFF, number, number)
            sprayer.sendto(header + b"\x55" * 160, (ADDRESS, port_of(offer)))
    trunk.talk(offer)
    await eventually(lambda: trunk.hears(440), "the real source hears")
    await trunk.close()


async def test_odd_datagrams_on_a_trunk_socket_do_no_harm(worker: Worker) -> None:
    _, media = worker
    trunk, offer = await trunk_leg(media)
    await media.loop_back(W, "t")
    trunk.talk(offer)
    await eventually(lambda: trunk.hears(440), "the echo is heard")
    target = (ADDRESS, port_of(offer))
    header = struct.pack("!BBHII", 0xBF, 8, 1, 1, 0x1234)
    for data in (
        b"",
        b"\x80",
        bytes(12),
        header,
        header + b"\x00" * 30,
        b"\x80\xc9\xff\xff" + bytes(20),
        b"\xff" * 1500,
    ):
        trunk._transport.sendto(data, target)
        trunk._transport.sendto(data, (target[0], target[1] + 1))
    await asyncio.sleep(0.6)
    assert trunk.hears(440)
    await trunk.close()


async def test_reports_go_to_the_port_above(worker: Worker) -> None:
    _, media = worker
    loop = asyncio.get_running_loop()
    received: list[bytes] = []

    class Reports(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            del addr
            received.append(data)

    transport, _ = await loop.create_datagram_endpoint(Reports, local_addr=(ADDRESS, 0))
    trunk = await Trunk("PCMA", 440).open()
    offer = await media.rtp_leg(W, "t", address=ADDRESS, codecs=("PCMA",))
    port = transport.get_extra_info("sockname")[1]
    await media.set_remote(W, "t", trunk.sdp() + f"a=rtcp:{port}\r\n", answer=True)
    await media.loop_back(W, "t")
    trunk.talk(offer)
    report = await eventually(
        lambda: next((data for data in received if data[1] == 200), None), "a sender report", 12.0
    )
    assert struct.unpack_from("!I", report, 28)[0] == 0x1234
    await media.close_leg(W, "t")
    await eventually(lambda: received[-1][-7] == 203, "BYE ends the leg")
    await trunk.close()
    transport.close()


async def test_a_trunk_may_be_on_ipv6(worker: Worker) -> None:
    _, media = worker
    trunk = await Trunk("PCMU", 440, host="::1").open()
    offer = await media.rtp_leg(W, "t", address="::1", codecs=("PCMU",))
    assert "c=IN IP6 ::1" in offer
    await media.set_remote(W, "t", trunk.sdp(), answer=True)
    await media.loop_back(W, "t")
    trunk.talk(offer)
    await eventually(lambda: trunk.hears(440), "the echo is heard")
    await trunk.close()


async def test_a_far_end_that_moves_is_heard_and_hears_at_its_new_place_alone(worker: Worker) -> None:
    _, media = worker
    old, new = await Trunk("PCMA", 440).open(), await Trunk("PCMA", 600).open()
    offer = await media.rtp_leg(W, "t", address=ADDRESS, codecs=("PCMA",))
    await media.set_remote(W, "t", old.sdp(), answer=True)
    await media.loop_back(W, "t")
    old.talk(offer)
    await eventually(lambda: old.hears(440), "the old place hears itself")
    await media.set_remote(W, "t", new.sdp(version=2), answer=False)
    new.talk(offer)
    await eventually(lambda: new.hears(600), "the new place hears itself")
    before = len(old.packets)
    await asyncio.sleep(0.2)
    assert len(old.packets) == before
    await old.close()
    await new.close()


async def test_a_leg_that_becomes_symmetric_learns_its_source_anew(worker: Worker) -> None:
    _, media = worker
    old, new = await Trunk("PCMA", 440).open(), await Trunk("PCMA", 600).open()
    offer = await media.rtp_leg(W, "t", address=ADDRESS, codecs=("PCMA",))
    await media.set_remote(W, "t", old.sdp(), answer=True)
    await media.loop_back(W, "t")
    old.talk(offer)
    await eventually(lambda: old.hears(440), "the announced place hears itself")
    await old.close()
    await media.set_remote(W, "t", new.sdp(port=9, version=2), answer=False, symmetric=True)
    new.talk(offer)
    await eventually(lambda: new.hears(600), "the learnt place hears itself")
    await new.close()


async def test_comfort_noise_and_unknown_payload_types_are_left_out_without_a_gap_or_an_alarm(worker: Worker) -> None:
    bench, media = worker
    trunk, offer = await trunk_leg(media)
    await media.loop_back(W, "t")
    trunk.remote = (ADDRESS, port_of(offer))
    for payload_type in (8, 13, 8, 77, 8, 96, 8):
        trunk.send(b"\x55" * (160 if payload_type == 8 else 1), payload_type=payload_type)
        await asyncio.sleep(0.02)
    await eventually(lambda: len(trunk.packets) >= 4, "the sound comes back")
    numbers = [struct.unpack_from("!H", packet, 2)[0] for packet in trunk.packets[:4]]
    assert [number - numbers[0] for number in numbers] == [0, 1, 2, 3]
    for _ in range(30):  # silence, as a telephone tells of it
        trunk.send(b"\x40", payload_type=13)
        await asyncio.sleep(0.1)
    assert "media_lost" not in bench.kinds("t")
    assert (await media.stats(W, "t")).lost_in == 0
    await trunk.close()


@pytest.mark.parametrize("milliseconds", [10, 30, 40])
async def test_packets_of_other_lengths_are_passed_on_as_they_are(worker: Worker, milliseconds: int) -> None:
    _, media = worker
    one, two = await Trunk("PCMA", 440).open(), await Trunk("PCMU", 440).open()
    for leg, trunk in (("1", one), ("2", two)):
        offer = await media.rtp_leg(W, leg, address=ADDRESS, codecs=("PCMA", "PCMU"))
        answer = trunk.sdp() + f"a=ptime:{milliseconds}\r\n"
        await media.set_remote(W, leg, answer, answer=True)
        trunk.remote = (ADDRESS, port_of(offer))
    await media.connect(W, "1", "2")
    for count in range(10):
        one.send(b"\xd5" * 8 * milliseconds, timestamp=count * 8 * milliseconds)
    await eventually(lambda: len(two.packets) >= 10, "the packets arrive")
    got = two.packets[:10]
    assert {len(packet) - 12 for packet in got} == {8 * milliseconds}
    stamps = [struct.unpack_from("!I", packet, 4)[0] for packet in got]
    assert {(b - a) & 0xFFFFFFFF for a, b in pairwise(stamps)} == {8 * milliseconds}
    await one.close()
    await two.close()


async def test_a_far_end_that_begins_a_new_stream_is_heard_on_under_our_own_numbers(worker: Worker) -> None:
    _, media = worker
    trunk, offer = await trunk_leg(media)
    await media.loop_back(W, "t")
    trunk.remote = (ADDRESS, port_of(offer))
    for ssrc, seq, first in ((0x1234, 5, 0), (0x9999, 65530, 0xFFFFFFFF - 5 * 160)):
        trunk._ssrc, trunk._seq = ssrc, seq
        for count in range(12):
            trunk.send(b"\x55" * 160, timestamp=(first + count * 160) & 0xFFFFFFFF)
            await asyncio.sleep(0.01)
    await eventually(lambda: len(trunk.packets) >= 24, "everything comes back")
    headers = [struct.unpack_from("!BBHII", packet) for packet in trunk.packets[:24]]
    assert len({header[4] for header in headers}) == 1
    assert all((b[2] - a[2]) & 0xFFFF == 1 for a, b in pairwise(headers))
    assert [index for index, header in enumerate(headers) if header[1] & 0x80] == [0, 12]
    assert (await media.stats(W, "t")).lost_in == 0
    await trunk.close()
