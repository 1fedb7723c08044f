from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests.browser.tab import Tab
from tests.conftest import Company
from tests.pbx import PASSWORD, Pbx
from tests.tone import sine, write_wav

HERE = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
RATE = 48000

OpenBrowser = Callable[..., Browser]
OpenTab = Callable[..., Tab]


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        expect.set_options(timeout=10_000)
        yield playwright


@pytest.fixture
def open_browser(playwright: Playwright, tmp_path: Path) -> Iterator[OpenBrowser]:
    """Start browsers whose microphone says a tone, or that have no microphone (None)."""
    with ExitStack() as stack:

        def start(hertz: float | None, *, executable: Path | str = CHROMIUM, more: tuple[str, ...] = ()) -> Browser:
            if hertz is None:
                return launch(executable, more)
            voice = tmp_path / f"says-{hertz:.0f}.wav"
            if not voice.exists():
                write_wav(voice, sine(hertz, seconds=10, rate=RATE), rate=RATE)
            devices = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={voice}")
            return launch(executable, (*devices, *more))

        def launch(executable: Path | str, arguments: tuple[str, ...]) -> Browser:
            browser = playwright.chromium.launch(
                executable_path=executable, chromium_sandbox=False, args=list(arguments)
            )
            stack.callback(browser.close)
            return browser

        yield start


@pytest.fixture
def open_tab(open_browser: OpenBrowser, output: Path) -> Iterator[OpenTab]:
    """Open tabs, each in a browser with a voice of its own; after the test no page may have had an error."""
    tabs: list[Tab] = []

    def start(
        hertz: float | None, *, more: tuple[str, ...] = ("--allow-loopback-in-peer-connection",), **options: Any
    ) -> Tab:
        browser = open_browser(hertz, more=more, executable=options.pop("executable", CHROMIUM))
        context = browser.new_context(**{"permissions": ["microphone"], "locale": "en-GB", **options})
        context.add_init_script(path=HERE / "listening.js")
        tab = Tab(context.new_page(), screens=output)
        tabs.append(tab)
        return tab

    yield start
    problems = [problem for tab in tabs for problem in tab.problems]
    for tab in tabs:
        tab.context.close()
    assert not problems


@pytest.fixture
def company(pbx: Pbx, company_with_trunk: Company) -> Pbx:
    """Give a served company with Anna at 101 and Ben at 102, and a trunk to nobody."""
    pbx.take(company_with_trunk.data)
    pbx.serve()
    return pbx


@pytest.fixture
def anna(company: Pbx, open_tab: OpenTab) -> Tab:
    """Give Anna's tab, on duty, whose microphone says 1000 Hz."""
    return on_duty(open_tab(1000), company, "anna")


@pytest.fixture
def ben(company: Pbx, open_tab: OpenTab) -> Tab:
    """Give Ben's tab, on duty, whose microphone says 440 Hz."""
    return on_duty(open_tab(440), company, "ben")


def on_duty(tab: Tab, company: Pbx, login: str) -> Tab:
    tab.sign_in(company.url, login, PASSWORD)
    tab.go_on_duty()
    return tab
