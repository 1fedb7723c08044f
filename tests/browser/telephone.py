"""baresip beside a browser: a SIP telephone that whistles 440 Hz."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from tests.browser.tab import Tab
from tests.peers.baresip import Baresip
from tests.tone import seconds_of_tone

T = TypeVar("T")


class Telephone:
    """A baresip for tests that do not await: its loop runs in a thread."""

    def __init__(self, baresip: Baresip) -> None:
        self.baresip = baresip
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="baresip")
        self._thread.start()
        self.do(self.baresip.__aenter__())

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def told(self, kind: str) -> None:
        self.do(self.baresip.told(kind))

    def hears(self, hertz: float) -> None:
        self.do(
            self.baresip.hears(lambda wave, rate: seconds_of_tone(wave, hertz, rate=rate) > 1, f"{hertz} Hz for 1 s")
        )

    def calls(self, number: str, port: int, tab: Tab) -> None:
        """Call a tab that whistles 1000 Hz, be heard there, and be hung up on."""
        self.do(self.baresip.dial(f"sip:{number}@127.0.0.1:{port}"))
        tab.answer()
        self.told("CALL_ESTABLISHED")
        self._and_tab_hear_each_other(tab)
        tab.hang_up()
        self.told("CALL_CLOSED")
        tab.call_is_over()

    def is_called(self, number: str, tab: Tab) -> None:
        """Take a tab's call, be heard there, and hang up."""
        tab.dial(number)
        self.told("CALL_INCOMING")
        self.do(self.baresip.answer())
        tab.talks()
        self._and_tab_hear_each_other(tab)
        self.do(self.baresip.hang_up())
        tab.call_is_over()

    def _and_tab_hear_each_other(self, tab: Tab) -> None:
        tab.hears(440)
        self.hears(1000)

    def close(self) -> None:
        try:
            self.do(self.baresip.__aexit__())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
