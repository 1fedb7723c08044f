"""An emergency call at the page: nothing the page asks for or shows may hold it up."""

from playwright.sync_api import expect

from tests.browser.conftest import OpenTab
from tests.browser.tab import Tab
from tests.pbx import Pbx
from webpbx.demo import directory


def emergency_is_answered(tab: Tab) -> None:
    expect(tab.page.get_by_text("Emergency", exact=True)).to_be_visible()
    tab.talks()


def test_an_emergency_call_ends_the_call_before_it(demo: Pbx, open_tab: OpenTab) -> None:
    tab = open_tab(1000)
    tab.open(demo.open_line.removeprefix("open "))
    tab.dial(directory.MUSIC)
    tab.talks()
    tab.button("New call").click()
    tab.page.keyboard.type("112")
    tab.page.keyboard.press("Enter")
    emergency_is_answered(tab)
    expect(tab.page.get_by_text("The call before was ended for the emergency call.")).to_be_visible()
    tab.shot("emergency-in-a-call")
    tab.hang_up()
    tab.call_is_over()


def test_an_emergency_call_goes_out_without_a_microphone(demo: Pbx, open_tab: OpenTab) -> None:
    tab = open_tab(None)
    tab.open(demo.open_line.removeprefix("open "))
    tab.dial("112")
    emergency_is_answered(tab)
    expect(tab.page.get_by_text("Listening only: you cannot be heard.")).to_be_visible()
    tab.shot("emergency-without-microphone")
    tab.hang_up()
    tab.call_is_over()
