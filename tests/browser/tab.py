"""A user at the page, in a real browser: presses what a person would press, hears by tone."""

import re
import time
from pathlib import Path

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.tone import Tone

WIDTHS = (360, 768, 1280)
SILENCE = Tone(0.0, 0.0)
DOUBLE_CLICK_MS = 600
"""So soon after Call, a click on Hang up is taken for the second half of a double one."""


class Tab:
    """One tab, in English."""

    def __init__(self, page: Page, *, screens: Path) -> None:
        self.page = page
        self.problems: list[str] = []
        self.screens = screens
        self._shots = len(list(screens.glob("*.png")))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", self._on_console)

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    def _on_console(self, said: ConsoleMessage) -> None:
        # Chromium writes each refused request there too; a page that asks who is signed in hears 401 first.
        if said.type == "error" and "status of 401" not in said.text:
            self.problems.append(said.text)

    def button(self, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role("button", name=name)

    def shot(self, name: str) -> None:
        """Keep a picture of the screen as it is."""
        self._shots += 1
        self.page.screenshot(path=self.screens / f"{self._shots:02}-{name}.png", full_page=True)

    def pictures(self, name: str) -> None:
        """Keep a picture at each width and in both themes; nothing may be wider than the screen."""
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 800})
            for scheme in ("light", "dark"):
                self.page.emulate_media(color_scheme=scheme)
                self.shot(f"{name}-{width}-{scheme}")
                wide = self.page.evaluate("() => document.documentElement.scrollWidth")
                assert wide <= width, f"{name} is {wide} wide on a screen of {width}"

    def sign_in(self, url: str, login: str, password: str) -> None:
        self.page.goto(url)
        self.page.get_by_label("User name").fill(login)
        self.page.get_by_label("Password").fill(password)
        self.shot("sign-in")
        self.button("Sign in").click()

    def open(self, link: str) -> None:
        """Open an address that signs in by itself."""
        self.page.goto(link)

    def go_on_duty(self) -> None:
        """Do the steps the page asks for."""
        self.button("Go on duty").first.click()
        on_duty = self.page.get_by_text("On duty", exact=True)
        steps = self.button(re.compile("^(Allow the microphone|Not now)$"))
        for _ in range(3):
            expect(on_duty.or_(steps).first).to_be_visible()
            if on_duty.first.is_visible():
                break
            self.shot("going-on-duty")
            steps.first.click()
        expect(on_duty.first).to_be_visible()
        self.shot("on-duty")

    def dial(self, number: str) -> None:
        self.page.get_by_role("combobox", name="Number or name").fill(number)
        self.shot("dialling")
        self.page.get_by_role("region", name="Make a call").get_by_role("button", name="Call", exact=True).click()

    def answer(self) -> None:
        self.rings()
        self.shot("ringing")
        self.button("Answer").click()

    def rings(self) -> None:
        """Wait for the incoming card."""
        expect(self.button("Answer")).to_be_visible(timeout=15_000)

    def talks(self) -> None:
        """Wait for an answered call."""
        expect(self.page.get_by_text("In a call", exact=True)).to_be_visible(timeout=15_000)

    def hang_up(self) -> None:
        self.page.wait_for_timeout(DOUBLE_CLICK_MS)
        self.button("Hang up").click()

    def call_is_over(self, why: str | None = None) -> None:
        """Wait until no call is shown, and the page says why."""
        expect(self.button("Hang up")).to_have_count(0, timeout=15_000)
        if why is not None:
            expect(self.page.get_by_role("region", name="Call ended")).to_contain_text(why)

    def hears(self, hertz: float, *, seconds: float = 5.0) -> None:
        """Wait until a tone is what arrives."""
        deadline, heard = time.monotonic() + seconds, SILENCE
        while not heard.clear:
            assert time.monotonic() < deadline, f"{hertz} Hz was not heard within {seconds} s, last: {heard}"
            heard = self.listen(hertz)

    def does_not_hear(self, hertz: float) -> None:
        """Listen for a second and a half: a tone must not be there."""
        time.sleep(0.5)  # what was under way when it was turned off
        for _ in range(2):
            heard = self.listen(hertz)
            assert heard.share * heard.rms < 0.005, f"{hertz} Hz was heard: {heard}"

    def listen(self, hertz: float) -> Tone:
        heard = self.page.evaluate("(hertz) => window.listenForTone(hertz)", hertz)
        return Tone(heard["share"], heard["rms"]) if heard else SILENCE
