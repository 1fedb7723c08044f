"""Every screen of the company's settings at every width, in both themes and languages, kept to be looked at."""

from collections.abc import Callable

import pytest

from tests.browser.tab import Tab
from tests.pbx import Pbx
from webpbx.demo import directory

ROWS = {
    "start": "",
    "users": "/users",
    "user": "/users/anna",
    "user-new": "/users/new",
    "extensions": "/extensions",
    "numbers": "/numbers",
    "number": "/numbers/%2B493023125100",
    "trunks": "/trunks",
    "trunk": "/trunks/outside",
    "trunk-new": "/trunks/new",
    "routes": "/routes",
    "calls": "/calls",
    "route": "/routes/germany",
}


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_rooms_fit_and_are_kept(demo: Pbx, open_tab: Callable[..., Tab], locale: str) -> None:
    tab = open_tab(1000, locale=locale, reduced_motion="reduce")
    page = tab.page
    tab.open(demo.open_line.removeprefix("open "))
    page.locator("#number").wait_for()
    for name, path in ROWS.items():
        page.goto(f"{demo.url}#/admin{path}")
        page.locator("main.room h1").wait_for()
        tab.pictures(name)
    page.goto(f"{demo.url}#/admin/trunks/outside")
    page.locator(".rare summary").click()
    page.locator(".trunk-panel button").click()
    page.locator(".asked-answers p").wait_for()
    tab.pictures("trunk-all")
    page.goto(f"{demo.url}#/admin/users/new")
    page.locator("form.row-form button[type=submit]").click()
    page.locator(".wrong").first.wait_for()
    tab.pictures("user-wrong")
    page.goto(f"{demo.url}#/admin/users/anna")
    page.locator(".row-form .danger").click()
    page.locator("dialog[open]").wait_for()
    tab.pictures("question")
    page.keyboard.press("Escape")
    page.goto(f"{demo.url}#/")
    page.locator("#number").fill(directory.ECHO)
    page.locator("form.dial-form button[type=submit]").click()
    page.locator("section.talking").wait_for(timeout=15_000)
    page.goto(f"{demo.url}#/admin/users")
    page.locator(".call-bar .hang-up").wait_for()
    tab.pictures("call")
    page.locator(".call-bar .hang-up").click()
    page.locator(".call-bar").wait_for(state="detached")
