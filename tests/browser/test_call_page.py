"""An administrator looks at a call: its page, what was said in SIP, by mouse and by keyboard."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.tab import DOUBLE_CLICK_MS, Tab
from tests.pbx import Pbx
from webpbx.demo import directory

OpenTab = Callable[..., Tab]


def made_call(demo: Pbx, tab: Tab) -> None:
    """Call the outside echo and hang up."""
    tab.open(demo.open_line.removeprefix("open "))
    tab.page.locator("#number").fill(directory.ECHO)
    tab.page.locator("form.dial-form button[type=submit]").click()
    tab.page.locator("section.talking").wait_for(timeout=15_000)
    tab.page.wait_for_timeout(DOUBLE_CLICK_MS)
    tab.page.locator("button.hang-up").click()
    tab.page.locator("section.ended").wait_for()


def open_call(tab: Tab) -> None:
    """Go by the short address to all calls, and on to the latest."""
    tab.page.evaluate("() => { location.hash = '#/calls'; }")
    tab.page.locator(".calls-row a").first.click()
    tab.page.locator(".rung").first.wait_for()


def steps(tab: Tab) -> list[str]:
    """Give the ladder as a screen reader says it, without times and the provider's address."""
    said = tab.page.locator(".rung .hidden").all_inner_texts()
    return [re.sub(r"^\+[\d.]+ s: ", "", line) for line in said]


def rung(tab: Tab, number: int) -> Locator:
    return tab.page.locator(".rung").nth(number)


def test_the_page_of_a_call_shows_its_sip_from_invite_to_bye(demo: Pbx, open_tab: OpenTab) -> None:
    tab = open_tab(1000)
    made_call(demo, tab)
    open_call(tab)
    expect(tab.page.get_by_text("Ended by hanging up.")).to_be_visible()
    expect(rung(tab, 0)).to_contain_text("INVITE")
    said = steps(tab)
    first, last = said[0], said[-1]
    assert re.fullmatch(r"webpbx to .+: INVITE \(SDP\)", first), said
    answered = next(line for line in said if "200 OK (SDP)" in line)
    assert answered.endswith(" to webpbx: 200 OK (SDP)"), said
    assert re.fullmatch(r"webpbx to .+: ACK", said[said.index(answered) + 1]), said
    assert any(re.fullmatch(r"webpbx to .+: BYE", line) for line in said), said
    assert last.endswith(" to webpbx: 200 OK"), said


def test_the_ladder_is_walked_and_opened_by_keys_alone(demo: Pbx, open_tab: OpenTab) -> None:
    tab = open_tab(1000)
    made_call(demo, tab)
    open_call(tab)
    rung(tab, 0).focus()
    tab.page.keyboard.press("ArrowDown")
    expect(rung(tab, 1)).to_be_focused()
    tab.page.keyboard.press("End")
    expect(rung(tab, tab.page.locator(".rung").count() - 1)).to_be_focused()
    tab.page.keyboard.press("Home")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator(".message pre")).to_contain_text(re.compile(r"^INVITE sip:.* SIP/2\.0\nVia: "))
    assert tab.page.locator(".rung[tabindex='0']").count() == 1
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator(".message")).to_have_count(0)


def test_the_text_is_downloaded_with_masked_numbers(demo: Pbx, open_tab: OpenTab) -> None:
    tab = open_tab(1000)
    made_call(demo, tab)
    open_call(tab)
    with tab.page.expect_download() as loading:
        tab.page.get_by_role("link", name="Download as text").click()
    text = loading.value.path().read_text()
    assert "INVITE (SDP)" in text
    assert loading.value.suggested_filename.startswith("call-")


def test_calls_are_searched_and_a_call_that_rings_meanwhile_can_be_answered(demo: Pbx, open_tab: OpenTab) -> None:
    tab = open_tab(1000)
    made_call(demo, tab)
    tab.page.get_by_role("button", name="Close").first.click()
    tab.go_on_duty()
    tab.page.get_by_role("button", name="Have someone call me").click()
    tab.page.evaluate("() => { location.hash = '#/calls'; }")
    search = tab.page.get_by_label("Number or name")
    search.fill("no such name")
    expect(tab.page.get_by_text("No call fits this search.")).to_be_visible()
    search.fill("")
    expect(tab.page.locator(".calls-row").first).to_be_visible()
    tab.answer()
    tab.talks()
    tab.hang_up()
    tab.page.evaluate("() => { location.hash = '#/'; }")
    expect(tab.page.locator("#number")).to_be_visible()


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_the_pages_fit_every_screen(demo: Pbx, open_tab: OpenTab, locale: str) -> None:
    tab = open_tab(1000, locale=locale)
    made_call(demo, tab)
    open_call(tab)
    rung(tab, 1).click()
    tab.pictures("call")
    tab.page.goto(f"{demo.url}/#/calls")
    tab.page.locator(".calls-row").first.wait_for()
    tab.pictures("calls")


def said(call_id: str, far_end: str, label: str, at_ms: int, *, sent: bool, sdp: bool = False) -> dict[str, object]:
    status = int(label[:3]) if label[:3].isdigit() else None
    return {
        "sip_call_id": call_id,
        "far_end": far_end,
        "label": label,
        "at_ms": at_ms,
        "sent": sent,
        "sdp": sdp,
        "leg_id": call_id,
        "status": status,
        "method": "INVITE",
        "cseq": 1,
        "transport": "UDP",
        "why": "",
        "repeats": 2 if at_ms == 1500 else 0,
        "bytes": 9,
        "text": f"{label} <b>as text</b>\n",
    }


CALLER, TELEPHONE, SECOND, THIRD = "203.0.113.77:5060", "192.0.2.140:5062", "[2001:db8::7]:5061", "192.0.2.9:5060"
MANY_ENDS = [
    said("in", CALLER, "INVITE", 1000, sent=False, sdp=True),
    said("in", CALLER, "100 Trying", 1004, sent=True),
    said("a", TELEPHONE, "INVITE", 1010, sent=True, sdp=True),
    said("b", SECOND, "INVITE", 1500, sent=True, sdp=True),
    said("c", THIRD, "INVITE", 1510, sent=True, sdp=True),
    said("a", TELEPHONE, "180 Ringing", 1600, sent=False),
    said("c", THIRD, "480 Temporarily Unavailable", 1610, sent=False),
    said("in", CALLER, "183 Session Progress", 1700, sent=True, sdp=True),
    said("b", SECOND, "200 OK", 2500, sent=False, sdp=True),
    said("in", CALLER, "200 OK", 2510, sent=True, sdp=True),
    said("a", TELEPHONE, "CANCEL", 2520, sent=True),
    said("in", CALLER, "BYE", 9000, sent=False),
]
"""A caller over a trunk, three telephones that ring."""


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_a_ladder_of_five_columns_fits_a_telephone_and_shows_markup_as_text(
    demo: Pbx, open_tab: OpenTab, locale: str
) -> None:
    tab = open_tab(1000, locale=locale)
    made_call(demo, tab)
    facts = tab.page.evaluate(
        "async () => { const all = await (await fetch('/api/v1/calls/all')).json();"
        " return await (await fetch('/api/v1/calls/' + all.calls[0].id)).json(); }"
    )
    legs = [facts["legs"][0] | {"id": name, "name": who, "party": who} for name, who in NAMES.items()]
    tab.page.route("**/api/v1/calls/*/sip", lambda route: route.fulfill(json={"messages": MANY_ENDS, "left_out": 3}))
    tab.page.route("**/api/v1/calls/*", lambda route: route.fulfill(json=facts | {"legs": legs}))
    tab.page.evaluate("(id) => { location.hash = '#/calls/' + id; }", facts["id"])
    tab.page.locator(".rung").first.wait_for()
    assert (
        steps(tab)[3]
        == "webpbx " + ("an" if locale == "de-DE" else "to") + " Bert Bauer: INVITE (SDP) \N{MULTIPLICATION SIGN}3"
    )
    rung(tab, 0).click()
    expect(tab.page.locator(".message pre")).to_have_text("INVITE <b>as text</b>")
    rung(tab, 0).click()
    tab.pictures("many")


NAMES = {"in": "+4915112345678", "a": "Anna Adler", "b": "Bert Bauer", "c": "<i>Küche</i>"}


def test_a_user_who_is_no_administrator_has_no_way_there(company: Pbx, ben: Tab) -> None:
    ben.page.goto(f"{company.url}/#/calls")
    expect(ben.page.locator("#number")).to_be_visible()
    expect(ben.page.locator(".calls")).to_have_count(0)
