"""Every screen at every width, in both themes and languages, kept to be looked at."""

from collections.abc import Callable

import pytest

from tests.browser.tab import Tab
from tests.pbx import Pbx
from webpbx.demo import directory


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_screens_fit_and_are_kept(demo: Pbx, open_tab: Callable[..., Tab], locale: str) -> None:
    tab = open_tab(1000, locale=locale)
    page = tab.page
    page.goto(demo.url)
    page.locator("#login").wait_for()
    tab.pictures("sign-in")
    page.goto("about:blank")
    tab.open(demo.open_line.removeprefix("open "))
    page.locator("#number").wait_for()
    tab.pictures("desk")
    page.locator("#number").fill(directory.ECHO)
    page.locator("form.dial-form button[type=submit]").click()
    page.locator("section.talking").wait_for(timeout=15_000)
    tab.pictures("in-a-call")
    page.locator("button.hang-up").click()
    page.locator("section.ended").wait_for()
    tab.pictures("ended")
