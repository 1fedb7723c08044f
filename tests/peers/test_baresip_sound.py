"""A leg of the media worker against baresip: its own codecs, its own SRTP and its own idea of holding a call."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.media.peers import ADDRESS, Bench, Trunk, eventually, running
from tests.peers.baresip import Baresip
from tests.sip.houses import HERE, House
from tests.tone import Wave, seconds_of_tone
from webpbx.media.client import Media
from webpbx.media.sounds import load_sound
from webpbx.media.tone_digits import ToneListener
from webpbx.sip.headers import NameAddr
from webpbx.sip.network import Answered, Ended, Reoffered, Session
from webpbx.sip.uri import SipUri

pytestmark = pytest.mark.peer

W = "0a"
MODULES = "module g722.so\nmodule opus.so\nmodule srtp.so\nausrc_srate 8000\nausrc_channels 1\n"
SECURED = {"srtp": "RTP/AVP", "srtp-mand": "RTP/SAVP"}  # baresip's words, and what they mean in its offers


@dataclass
class Room:
    """baresip, a media worker with a leg for it and one for a G.711 peer that says 600 Hz, and the SIP between them."""

    phone: Baresip
    peer: Trunk
    media: Media
    bench: Bench
    house: House

    async def taken(self, *, srtp: str = "none") -> tuple[Session, str]:
        """Let the telephone call and answer it; return the session and its offer."""
        await self.phone.dial(f"sip:200@{HERE}:{self.house.network.addresses['UDP'][1]}")
        session = await self.house.calls.get()
        assert session.remote_sdp is not None
        offer = session.remote_sdp.decode()
        await self.media.rtp_leg(W, "p", address=ADDRESS, codecs=("opus", "G722", "PCMA"), srtp=srtp)
        answer = await self.media.set_remote(W, "p", offer, answer=False)
        assert answer is not None
        await session.ring()
        await session.answer(answer.encode())
        await self.phone.told("CALL_ESTABLISHED")
        await self.media.connect(W, "p", "o")
        return session, offer

    async def called(self, *, srtp: str) -> Session:
        """Call the telephone."""
        offer = await self.media.rtp_leg(W, "p", address=ADDRESS, codecs=("G722", "PCMA"), srtp=srtp)
        session = await self.house.network.invite(
            target=SipUri(HERE, "100", port=self.phone.port),
            proxies=[(HERE, self.phone.port)],
            from_=NameAddr(SipUri(HERE, "200")),
            to=NameAddr(SipUri(HERE, "100")),
            sdp=offer.encode(),
        )
        await self.phone.told("CALL_INCOMING")
        await self.phone.answer()
        while not isinstance(event := await session.next_event(), Answered):
            assert not isinstance(event, Ended)
        assert event.sdp is not None
        await self.media.set_remote(W, "p", event.sdp.decode(), answer=True)
        await self.media.connect(W, "p", "o")
        return session

    async def talk(self, *, channels: int = 1) -> None:
        """Wait until both sides hear each other."""

        def hears_600(wave: Wave, rate: int) -> bool:
            return seconds_of_tone(wave[::channels][-rate:], 600, rate=rate) > 0.5

        await eventually(lambda: self.peer.hears(1000), "the peer hears baresip")
        await self.phone.hears(hears_600, "the peer's tone")


@asynccontextmanager
async def room(folder: Path, *, codecs: str, encryption: str = "") -> AsyncIterator[Room]:
    house = House()
    await house.open(("UDP",))
    account = f"<sip:100@{HERE}>;regint=0" + (f";mediaenc={encryption}" if encryption else "")
    phone = Baresip("100", folder=folder, account=account, settings=MODULES, codecs=codecs)
    try:
        async with running(folder) as (bench, media), phone:
            peer = await Trunk("PCMA", 600).open()
            offer = await media.rtp_leg(W, "o", address=ADDRESS, codecs=("PCMA",))
            await media.set_remote(W, "o", peer.sdp(), answer=True)
            peer.talk(offer)
            try:
                yield Room(phone, peer, media, bench, house)
            finally:
                await peer.close()
    finally:
        await house.network.close()


@pytest.mark.parametrize(("codec", "chosen"), [("G722/16000/1", "G722"), ("opus/48000/2", "opus"), ("PCMA", "PCMA")])
async def test_the_codec_of_a_telephone_and_g711_hear_each_other(tmp_path: Path, codec: str, chosen: str) -> None:
    async with room(tmp_path, codecs=codec) as place:
        session, _ = await place.taken()
        await place.talk(channels=2 if chosen == "opus" else 1)
        assert (await place.media.stats(W, "p")).codec == chosen
        await session.hang_up()


@pytest.mark.parametrize("encryption", SECURED)
async def test_a_telephone_that_offers_srtp_is_answered_so(tmp_path: Path, encryption: str) -> None:
    async with room(tmp_path, codecs="G722/16000/1", encryption=encryption) as place:
        session, offer = await place.taken(srtp="offer")
        assert f" {SECURED[encryption]} 9" in offer
        await place.talk()
        assert (await place.media.stats(W, "p")).srtp in {"AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"}
        await session.hang_up()


@pytest.mark.parametrize(
    ("encryption", "srtp", "protected"),
    [("srtp", "offer", True), ("srtp-mand", "require", True), ("", "offer", False), ("srtp", "none", False)],
)
async def test_a_telephone_takes_our_offer_with_keys_as_it_can(
    tmp_path: Path, encryption: str, srtp: str, *, protected: bool
) -> None:
    async with room(tmp_path, codecs="PCMA", encryption=encryption) as place:
        session = await place.called(srtp=srtp)
        await place.talk()
        assert ((await place.media.stats(W, "p")).srtp is not None) == protected
        await session.hang_up()


@pytest.mark.parametrize(("name", "key"), [*((digit, digit) for digit in "0123456789"), ("star", "*"), ("route", "#")])
@pytest.mark.parametrize("codec", ["PCMA", "G722", "opus"])
def test_keys_as_another_maker_says_them_are_heard(name: str, key: str, codec: str) -> None:
    sound = load_sound(Path(f"/usr/share/baresip/sound{name}.wav"), codec)
    listener = ToneListener()
    found = [digit for seq, payload in enumerate(sound.payloads) for digit in listener.take(payload, codec, seq, 0.0)]
    last = listener.expire(1.0)
    assert [digit.digit for digit in (*found, *([last] if last else []))] == [key]


@pytest.mark.parametrize("encryption", ["", "srtp-mand"])
async def test_a_telephone_holds_and_takes_up_its_call(tmp_path: Path, encryption: str) -> None:
    async with room(tmp_path, codecs="PCMA", encryption=encryption) as place:
        session, _ = await place.taken(srtp="offer")
        await place.talk()
        for command, direction in ((place.phone.hold, "a=recvonly"), (place.phone.resume, "a=sendrecv")):
            await command()
            while not isinstance(event := await session.next_event(), Reoffered):
                assert not isinstance(event, Ended)
            assert event.sdp is not None
            answer = await place.media.set_remote(W, "p", event.sdp.decode(), answer=False)
            assert answer is not None
            assert direction in answer
            await session.accept_reoffer(answer.encode())
            await asyncio.sleep(0.3)
            place.peer.packets.clear()
        await place.talk()
        await session.hang_up()
