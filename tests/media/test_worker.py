import asyncio

import pytest

from tests.media.peers import ADDRESS, Bench, Browser, Trunk, eventually
from webpbx.media.client import Media

pytestmark = pytest.mark.process

W = "0a"
Worker = tuple[Bench, Media]


async def browser_on(media: Media, leg: str, hertz: float, codecs: tuple[str, ...]) -> Browser:
    browser = Browser(hertz)
    answer = await media.browser_leg(W, leg, offer=await browser.offer(), codecs=codecs)
    assert answer is not None
    await browser.answered(answer)
    return browser


async def trunk_on(
    media: Media, leg: str, hertz: float, codec: str, codecs: tuple[str, ...] = ("PCMA", "PCMU")
) -> Trunk:
    trunk = await Trunk(codec, hertz).open()
    offer = await media.rtp_leg(W, leg, address=ADDRESS, codecs=codecs)
    assert await media.set_remote(W, leg, trunk.sdp(), answer=True) is None
    trunk.talk(offer)
    return trunk


async def test_a_browser_and_a_trunk_hear_each_other(worker: Worker) -> None:
    bench, media = worker
    browser = await browser_on(media, "b", 700, ("PCMA",))
    trunk = await trunk_on(media, "t", 440, "PCMA")
    await media.connect(W, "b", "t")
    await eventually(lambda: browser.hears(440), "the browser hears the trunk")
    await eventually(lambda: trunk.hears(700), "the trunk hears the browser")
    assert "connected" in bench.kinds("b")
    assert "connected" in bench.kinds("t")
    await browser.close()
    await trunk.close()


async def test_laws_that_differ_are_translated(worker: Worker) -> None:
    _, media = worker
    browser = await browser_on(media, "b", 700, ("PCMU",))
    trunk = await trunk_on(media, "t", 440, "PCMA")
    await media.connect(W, "b", "t")
    await eventually(lambda: browser.hears(440), "the browser hears the trunk")
    await eventually(lambda: trunk.hears(700), "the trunk hears the browser")
    await browser.close()
    await trunk.close()


async def test_opus_and_g711_are_transcoded(worker: Worker) -> None:
    _, media = worker
    browser = await browser_on(media, "b", 700, ("opus",))
    trunk = await trunk_on(media, "t", 440, "PCMA")
    await media.connect(W, "b", "t")
    await eventually(lambda: browser.hears(440), "the browser hears the trunk")
    await eventually(lambda: trunk.hears(700), "the trunk hears the browser")
    await browser.close()
    await trunk.close()


async def test_two_browsers_pass_opus_through(worker: Worker) -> None:
    _, media = worker
    one = await browser_on(media, "1", 700, ("opus",))
    two = await browser_on(media, "2", 440, ("opus",))
    await media.connect(W, "1", "2")
    await eventually(lambda: one.hears(440), "the first hears the second")
    await eventually(lambda: two.hears(700), "the second hears the first")
    await one.close()
    await two.close()


async def test_an_echo_comes_back(worker: Worker) -> None:
    _, media = worker
    browser = await browser_on(media, "b", 700, ("opus",))
    await media.loop_back(W, "b")
    await eventually(lambda: browser.hears(700), "the browser hears itself")
    await browser.close()


async def test_a_tone_is_heard_instead_of_the_peer_until_it_is_stopped(worker: Worker) -> None:
    bench, media = worker
    trunk = await trunk_on(media, "t", 440, "PCMA")
    other = await trunk_on(media, "o", 800, "PCMA")
    await media.connect(W, "t", "o")
    await eventually(lambda: trunk.hears(800), "the peer is heard")
    await media.tone(W, "t", player="p", tone="ringback")
    await eventually(lambda: trunk.hears(425), "ringback is heard")
    await media.stop(W, "t")
    await eventually(lambda: trunk.hears(800), "the peer is heard again")
    await asyncio.sleep(0)
    assert [event.data for event in bench.events if event.kind == "play_finished"] == [
        {"player": "p", "reason": "stopped"}
    ]
    await trunk.close()
    await other.close()
