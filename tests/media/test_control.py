import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.media.peers import ADDRESS, Browser, eventually, free_range
from tests.media.test_sdp import CHROMIUM
from webpbx.media.__main__ import port_range
from webpbx.media.client import Media, MediaEvent
from webpbx.media.context import Timing
from webpbx.media.control import ControlServer, listen
from webpbx.media.loop import Loop
from webpbx.media.worker import Worker

QUICK = Timing(half_open=0.2, consent=0.3, consent_grace=0.6, media_lost=0.2, comfort=0.1, report=0.1, orphaned=0.3)


class Inside:
    """A worker in this process, with short times."""

    def __init__(self, folder: Path) -> None:
        self.loop = Loop()
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.control = ControlServer(self.loop, listen(folder / "worker.sock"), orphaned=QUICK.orphaned)
        self.worker = Worker(
            self.loop,
            name="0a",
            addresses=[(ADDRESS, ADDRESS)],
            media_port=0,
            trunk_ports=port_range(free_range()),
            emit=lambda *event: self.events.append(event),
            timing=QUICK,
        )

    def until(self, condition: Callable[[], Any]) -> None:
        """Turn the loop until something is so."""
        end = time.monotonic() + 20
        while not condition() and time.monotonic() < end:
            self.loop.turn()
        assert condition()


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Inside]:
    inside = Inside(tmp_path)
    yield inside
    inside.worker.close()
    inside.control.close()
    inside.loop.close()


def test_legs_are_closed_when_no_switch_comes_for_long(inside: Inside) -> None:
    inside.control.worker = inside.worker
    inside.worker.rtp_leg(leg="t", address=ADDRESS, codecs=["PCMA"])
    inside.until(lambda: not inside.worker.legs)


@pytest.mark.process
def test_a_browser_that_never_comes_is_gone(inside: Inside) -> None:
    inside.worker.browser_leg(leg="b", codecs=["opus"], offer=CHROMIUM)
    inside.until(lambda: not inside.worker.legs)
    assert inside.events == [("b", "gone", {"reason": "half_open"})]
    assert inside.worker._registry.by_ufrag == {}


@pytest.mark.process
def test_a_leg_that_waits_for_its_browser_is_not_half_open(inside: Inside) -> None:
    inside.worker.browser_leg(leg="w", codecs=["opus"])
    inside.worker.browser_leg(leg="b", codecs=["opus"], offer=CHROMIUM)
    inside.until(lambda: len(inside.worker.legs) == 1)
    assert list(inside.worker.legs) == ["w"]


def test_a_new_offer_takes_the_place_of_one_that_is_half_open(inside: Inside) -> None:
    inside.worker.browser_leg(leg="b", codecs=["opus"], offer=CHROMIUM)
    inside.worker.browser_leg(leg="b", codecs=["opus"], offer=CHROMIUM.replace("4611731400430051336", "5"))
    assert len(inside.worker._registry.by_ufrag) == 1
    inside.worker.close_leg(leg="b")
    assert inside.worker._registry.by_ufrag == {}


@pytest.mark.process
async def test_events_that_waited_for_long_come_in_their_order_however_many(inside: Inside, tmp_path: Path) -> None:
    inside.control.worker = inside.worker
    for number in range(12_000):
        inside.control.emit("t", "digit", {"digit": "1", "duration_ms": number})
    thread = threading.Thread(target=inside.loop.run)
    thread.start()
    events: list[MediaEvent] = []
    media = Media([tmp_path / "worker.sock"], epoch=1, on_event=events.append, on_lost=lambda _name, _legs: None)
    try:
        await media.start()
        await eventually(lambda: len(events) >= 10_000, "the newest ten thousand come")
        assert [event.data["duration_ms"] for event in events] == list(range(2_000, 12_000))
    finally:
        await media.close()
        inside.loop.stop()
        thread.join()


@pytest.mark.process
async def test_a_browser_without_consent_hears_nothing_more_and_is_gone_in_the_end(inside: Inside) -> None:
    answers: list[str | None] = []
    browser = Browser(700)
    offer = await browser.offer()
    inside.loop.call_later(
        0, lambda: answers.append(inside.worker.browser_leg(leg="b", codecs=["opus"], offer=offer)["sdp"])
    )
    thread = threading.Thread(target=inside.loop.run)
    thread.start()
    try:
        await eventually(lambda: answers, "the answer")
        await browser.answered(answers[0] or "")
        await eventually(lambda: ("b", "connected", {"generation": 0}) in inside.events, "the browser is there")
        ice = browser.connection.getSenders()[0].transport.transport
        for protocol in ice._connection._protocols:
            protocol.transport.abort()
        await eventually(lambda: ("b", "gone", {"reason": "consent_lost"}) in inside.events, "the leg is gone")
        await eventually(lambda: not inside.worker.legs, "it is closed")
    finally:
        inside.loop.stop()
        thread.join()
        await browser.close()
