"""A telephone or provider holds its call and takes it up again (RFC 3264 §8.4), with and without SRTP."""

import asyncio

import pytest

from tests.media.peers import ADDRESS, Bench, Trunk, eventually
from tests.media.secure_trunk import SecureTrunk
from webpbx.media.client import Media

pytestmark = pytest.mark.process

W = "0a"
Worker = tuple[Bench, Media]
HOLDS = {"sendonly": "recvonly", "inactive": "inactive", "0.0.0.0": "inactive"}  # and how each is answered


async def phone_on(media: Media, *, secure: bool, symmetric: bool) -> tuple[Trunk, str]:
    phone = await (SecureTrunk("PCMA", 440) if secure else Trunk("PCMA", 440)).open()
    await media.rtp_leg(W, "p", address=ADDRESS, codecs=("PCMA",), srtp="offer")
    answer = await media.set_remote(W, "p", phone.sdp(), answer=False, symmetric=symmetric)
    assert answer is not None
    if isinstance(phone, SecureTrunk):
        phone.trust(answer)
    phone.talk(answer)
    return phone, answer


def held(phone: Trunk, how: str) -> str:
    if how == "0.0.0.0":
        return phone.sdp(version=2).replace(f"c=IN IP4 {ADDRESS}", "c=IN IP4 0.0.0.0")
    return phone.sdp(version=2, direction=how)


@pytest.mark.parametrize("symmetric", [False, True], ids=["reached", "behind NAT"])
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "SRTP"])
@pytest.mark.parametrize("how", HOLDS)
async def test_a_held_call_is_silent_and_sound_comes_back_both_ways(
    worker: Worker, how: str, *, secure: bool, symmetric: bool
) -> None:
    bench, media = worker
    phone, first = await phone_on(media, secure=secure, symmetric=symmetric)
    other = await Trunk("PCMA", 800).open()
    offer = await media.rtp_leg(W, "o", address=ADDRESS, codecs=("PCMA",))
    await media.set_remote(W, "o", other.sdp(), answer=True)
    other.talk(offer)
    await media.connect(W, "p", "o")
    await eventually(lambda: phone.hears(800) and other.hears(440), "both hear each other")

    answer = await media.set_remote(W, "p", held(phone, how), answer=False, symmetric=symmetric)
    assert answer is not None
    assert f"a={HOLDS[how]}\r\n" in answer
    assert crypto(answer) == crypto(first)
    await asyncio.sleep(0.1)
    phone.packets.clear()
    await asyncio.sleep(0.4)
    assert phone.packets == []
    if how == "sendonly":
        await eventually(lambda: other.hears(440), "what the phone plays meanwhile is heard")

    phone.packets.clear()
    other.packets.clear()
    answer = await media.set_remote(W, "p", phone.sdp(version=3), answer=False, symmetric=symmetric)
    assert answer is not None
    assert "a=sendrecv\r\n" in answer
    await eventually(lambda: phone.hears(800) and other.hears(440), "both hear each other again")
    assert "media_lost" not in bench.kinds("p")
    await phone.close()
    await other.close()


def crypto(sdp: str) -> str:
    return next((line for line in sdp.splitlines() if line.startswith("a=crypto:")), "")


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "SRTP"])
async def test_a_nat_may_give_a_held_telephone_another_port(worker: Worker, *, secure: bool) -> None:
    _, media = worker
    phone, _ = await phone_on(media, secure=secure, symmetric=True)
    await media.loop_back(W, "p")
    await eventually(lambda: phone.hears(440), "the echo is heard")
    await media.set_remote(W, "p", held(phone, "inactive"), answer=False, symmetric=True)
    announced = phone.port
    await phone.move()
    await asyncio.sleep(1.2)  # the time in which the announced place may still be learnt is over
    phone.packets.clear()
    await media.set_remote(W, "p", phone.sdp(version=3, port=announced), answer=False, symmetric=True)
    await eventually(lambda: phone.hears(440), "the echo is heard at the other port")
    await phone.close()


async def test_who_holds_a_call_in_silence_is_not_taken_for_lost(worker: Worker) -> None:
    bench, media = worker
    phone, _ = await phone_on(media, secure=False, symmetric=False)
    await eventually(lambda: "connected" in bench.kinds("p"), "the phone is heard")
    await media.set_remote(W, "p", held(phone, "sendonly"), answer=False)
    await phone.pause()
    await asyncio.sleep(3.2)
    assert "media_lost" not in bench.kinds("p")
    await phone.close()
