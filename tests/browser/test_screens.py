"""Every screen at every width, in both themes and languages, kept to be looked at."""

from collections.abc import Callable

import pytest

from tests.browser.tab import Tab
from tests.pbx import Pbx
from webpbx.demo import directory

WIDTHS = (360, 768, 1280)


def picture(tab: Tab, name: str) -> None:
    for width in WIDTHS:
        tab.page.set_viewport_size({"width": width, "height": 800})
        for scheme in ("light", "dark"):
            tab.page.emulate_media(color_scheme=scheme)
            tab.shot(f"{name}-{width}-{scheme}")
            wide = tab.page.evaluate("() => document.documentElement.scrollWidth")
            assert wide <= width, f"{name} is {wide} wide on a screen of {width}"


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_screens_fit_and_are_kept(demo: Pbx, open_tab: Callable[..., Tab], locale: str) -> None:
    tab = open_tab(1000, locale=locale)
    page = tab.page
    page.goto(demo.url)
    page.locator("#login").wait_for()
    picture(tab, "sign-in")
    page.goto("about:blank")
    tab.open(demo.open_line.removeprefix("open "))
    page.locator("#number").wait_for()
    picture(tab, "desk")
    page.locator("#number").fill(directory.ECHO)
    page.locator("form.dial-form button[type=submit]").click()
    page.locator("section.talking").wait_for(timeout=15_000)
    picture(tab, "in-a-call")
    page.locator("button.hang-up").click()
    page.locator("section.ended").wait_for()
    picture(tab, "ended")
