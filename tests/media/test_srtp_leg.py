import asyncio
import json
from pathlib import Path

import pytest

from tests.media.peers import ADDRESS, Bench, Browser, Trunk, conversation, eventually, port_of
from tests.media.secure_trunk import SUITES, SecureTrunk
from webpbx.media.client import Media
from webpbx.media.errors import MediaError

pytestmark = pytest.mark.process

W = "0a"
Worker = tuple[Bench, Media]


async def called(media: Media, leg: str, trunk: SecureTrunk, *, srtp: str = "offer", symmetric: bool = False) -> str:
    """Let the trunk call us: its offer, our answer."""
    await media.rtp_leg(W, leg, address=ADDRESS, codecs=("PCMA", "PCMU"), srtp=srtp)
    answer = await media.set_remote(W, leg, trunk.sdp(), answer=False, symmetric=symmetric)
    assert answer is not None
    trunk.trust(answer)
    return answer


@pytest.mark.parametrize("suite", SUITES)
async def test_an_offer_with_keys_is_answered_with_keys_and_the_sound_is_protected(worker: Worker, suite: str) -> None:
    _, media = worker
    trunk = await SecureTrunk("PCMA", 440, suite=suite).open()
    answer = await called(media, "t", trunk)
    assert f"m=audio {port_of(answer)} RTP/SAVP " in answer
    assert answer.count("a=crypto:1 ") == 1
    await media.loop_back(W, "t")
    trunk.talk(answer)
    await eventually(lambda: trunk.hears(440), "the echo is heard")
    assert trunk.refused == 0
    assert (await media.stats(W, "t")).srtp == suite
    await trunk.close()


@pytest.mark.parametrize(("srtp", "protocol"), [("offer", "RTP/AVP"), ("require", "RTP/SAVP")])
async def test_our_offer_has_keys_of_which_the_far_end_takes_one(worker: Worker, srtp: str, protocol: str) -> None:
    _, media = worker
    trunk = await SecureTrunk("PCMA", 440, suite="AES_CM_128_HMAC_SHA1_32").open()
    offer = await media.rtp_leg(W, "t", address=ADDRESS, codecs=("PCMA",), srtp=srtp)
    assert f" {protocol} 8" in offer
    await media.set_remote(W, "t", trunk.sdp(protocol=protocol), answer=True)
    trunk.trust(offer)
    await media.loop_back(W, "t")
    trunk.talk(offer)
    await eventually(lambda: trunk.hears(440), "the echo is heard")
    await trunk.close()


async def test_a_far_end_that_knows_no_keys_gets_plain_sound_where_that_is_allowed(worker: Worker) -> None:
    _, media = worker
    trunk = await Trunk("PCMA", 440).open()
    offer = await media.rtp_leg(W, "t", address=ADDRESS, codecs=("PCMA",), srtp="offer")
    await media.set_remote(W, "t", trunk.sdp(), answer=True)
    await media.loop_back(W, "t")
    trunk.talk(offer)
    await eventually(lambda: trunk.hears(440), "the echo is heard")
    assert (await media.stats(W, "t")).srtp is None
    await trunk.close()


async def test_what_cannot_be_agreed_is_refused_by_name(worker: Worker) -> None:
    _, media = worker
    secure, plain = await SecureTrunk("PCMA", 440).open(), await Trunk("PCMA", 440).open()
    await media.rtp_leg(W, "n", address=ADDRESS, codecs=("PCMA",))
    with pytest.raises(MediaError) as refused:
        await media.set_remote(W, "n", secure.sdp(), answer=False)
    assert refused.value.error_id == "incompatible"
    await media.rtp_leg(W, "r", address=ADDRESS, codecs=("PCMA",), srtp="require")
    with pytest.raises(MediaError) as refused:
        await media.set_remote(W, "r", plain.sdp(), answer=False)
    assert refused.value.error_id == "srtp_required"
    with pytest.raises(MediaError) as refused:
        await media.rtp_leg(W, "x", address=ADDRESS, codecs=("PCMA",), srtp="perhaps")
    assert refused.value.error_id == "bad_request"
    await secure.close()
    await plain.close()


async def test_plain_and_protected_legs_and_browsers_hear_each_other(worker: Worker) -> None:
    _, media = worker
    one, two, browser = await SecureTrunk("PCMA", 440).open(), await Trunk("PCMA", 800).open(), Browser(600)
    answer = await called(media, "1", one)
    offer = await media.rtp_leg(W, "2", address=ADDRESS, codecs=("PCMA",))
    await media.set_remote(W, "2", two.sdp(), answer=True)
    one.talk(answer)
    two.talk(offer)
    await media.connect(W, "1", "2")
    await eventually(lambda: one.hears(800) and two.hears(440), "protected and plain hear each other")
    to_browser = await media.browser_leg(W, "b", offer=await browser.offer(), codecs=("PCMA",))
    assert to_browser is not None
    await browser.answered(to_browser)
    await media.connect(W, "1", "b")
    await eventually(lambda: one.hears(600) and browser.hears(440), "protected and browser hear each other")
    for each in (one, two, browser):
        await each.close()


async def test_a_call_goes_on_when_the_far_end_changes_its_key_and_ours_changes_with_it(worker: Worker) -> None:
    _, media = worker
    trunk = await SecureTrunk("PCMA", 440).open()
    answer = await called(media, "t", trunk)
    await media.loop_back(W, "t")
    trunk.talk(answer)
    await eventually(lambda: trunk.hears(440), "the echo is heard")
    same = await media.set_remote(W, "t", trunk.sdp(), answer=False)
    assert same == answer
    trunk.renew()
    renewed = await media.set_remote(W, "t", trunk.sdp(version=2), answer=False)
    assert renewed is not None
    assert crypto_of(renewed) != crypto_of(answer)
    trunk.trust(renewed)
    trunk.packets.clear()
    await eventually(lambda: trunk.hears(440), "the echo is heard under the new keys")
    await trunk.close()


async def test_another_switch_finds_the_keys_in_the_worker(worker: Worker) -> None:
    bench, media = worker
    trunk = await SecureTrunk("PCMA", 440).open()
    answer = await called(media, "t", trunk)
    await media.loop_back(W, "t")
    trunk.talk(answer)
    await eventually(lambda: trunk.hears(440), "the echo is heard")
    other = bench.client(epoch=2)
    await other.start()
    await eventually(other.choose, "the other switch has the worker")
    assert await other.set_remote(W, "t", trunk.sdp(), answer=False) == answer
    assert crypto_of(answer) in await other.rtp_leg(W, "t", address=ADDRESS, codecs=("PCMA",), srtp="offer")
    trunk.packets.clear()
    await eventually(lambda: trunk.hears(440), "the echo is heard")
    assert trunk.refused == 0
    await trunk.close()
    await other.close()


async def test_neither_forged_nor_replayed_packets_are_heard_or_teach_a_source(worker: Worker) -> None:
    _, media = worker
    trunk, stranger = await SecureTrunk("PCMA", 440).open(), await Trunk("PCMA", 600).open()
    answer = await called(media, "t", trunk, symmetric=True)
    stranger.talk(answer)
    await asyncio.sleep(0.3)
    assert (await media.stats(W, "t")).packets_in == 0
    await media.loop_back(W, "t")
    trunk.talk(answer)
    await eventually(lambda: trunk.hears(440), "the echo is heard")
    assert stranger.packets == []
    await trunk.pause()
    await asyncio.sleep(0.1)
    before = (await media.stats(W, "t")).packets_in
    for packet in trunk.sent:
        trunk.replay(packet)
    await asyncio.sleep(0.2)
    assert (await media.stats(W, "t")).packets_in == before
    await trunk.close()
    await stranger.close()


async def test_reports_of_a_protected_leg_are_protected_and_its_keys_are_nowhere_to_be_seen(
    worker: Worker, tmp_path: Path
) -> None:
    bench, media = worker
    received: list[bytes] = []

    class Reports(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            del addr
            received.append(data)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Reports, local_addr=(ADDRESS, 0))
    trunk = await SecureTrunk("PCMA", 440).open()
    await media.rtp_leg(W, "t", address=ADDRESS, codecs=("PCMA",), srtp="offer")
    port = transport.get_extra_info("sockname")[1]
    answer = await media.set_remote(W, "t", trunk.sdp() + f"a=rtcp:{port}\r\n", answer=False)
    assert answer is not None
    trunk.trust(answer)
    trunk.talk(answer)
    await eventually(lambda: "connected" in bench.kinds("t"), "the trunk is heard")
    stats = await media.stats(W, "t")
    (status,) = await conversation(tmp_path / "worker-0a.sock", {"id": 1, "verb": "status"})
    shown = json.dumps(status) + repr(stats) + repr(bench.events)
    assert crypto_of(answer) not in shown
    assert crypto_of(trunk.sdp()) not in shown
    await media.close_leg(W, "t")
    await eventually(lambda: received, "a report of the end")
    assert trunk.opens_report(received[-1])
    await trunk.close()
    transport.close()


def crypto_of(sdp: str) -> str:
    """Read the first key."""
    line = next(line for line in sdp.splitlines() if line.startswith("a=crypto:"))
    return line.partition("inline:")[2].partition("|")[0]
