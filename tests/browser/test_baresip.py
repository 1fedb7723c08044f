"""baresip as a provider's subscriber behind a trunk known by its address: calls a browser, is called by one."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.browser.conftest import on_duty
from tests.browser.tab import Tab
from tests.conftest import Company
from tests.pbx import Pbx
from tests.peers.baresip import Baresip
from tests.tone import seconds_of_tone

T = TypeVar("T")
OUTSIDE = "+493012345678"


class Telephone:
    """A baresip for tests that do not await: its loop runs in a thread."""

    def __init__(self, folder: Path, port: int, *, account: str = "") -> None:
        self.baresip = Baresip(OUTSIDE, folder=folder, hertz=440, port=port, account=account)
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

    def close(self) -> None:
        try:
            self.do(self.baresip.__aexit__())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


@pytest.fixture
def telephone(tmp_path: Path, company_with_trunk: Company) -> Iterator[Telephone]:
    telephone = Telephone(tmp_path, company_with_trunk.port)
    yield telephone
    telephone.close()


@pytest.fixture
def anna(pbx: Pbx, company_with_trunk: Company, open_tab: Callable[..., Tab]) -> Tab:
    pbx.take(company_with_trunk.data)
    pbx.serve()
    return on_duty(open_tab(1000), pbx, "anna")


def test_baresip_calls_a_browser_user(telephone: Telephone, pbx: Pbx, anna: Tab) -> None:
    telephone.do(telephone.baresip.dial(f"sip:+4930555101@127.0.0.1:{pbx.sip_port}"))
    anna.answer()
    telephone.told("CALL_ESTABLISHED")
    anna.hears(440)
    telephone.hears(1000)
    anna.hang_up()
    telephone.told("CALL_CLOSED")
    anna.call_is_over()


def test_a_browser_user_calls_baresip(telephone: Telephone, anna: Tab) -> None:
    anna.dial(OUTSIDE)
    telephone.told("CALL_INCOMING")
    telephone.do(telephone.baresip.answer())
    anna.talks()
    anna.hears(440)
    telephone.hears(1000)
    telephone.do(telephone.baresip.hang_up())
    anna.call_is_over()
