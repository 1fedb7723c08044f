"""The first whole path: people in real browsers call the outside world and one another, heard by their tones."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.tab import Tab
from tests.pbx import PASSWORD, Pbx
from webpbx.demo import directory

OpenTab = Callable[..., Tab]


def demo_tab(demo: Pbx, tab: Tab) -> Tab:
    tab.open(demo.open_line.removeprefix("open "))
    tab.go_on_duty()
    return tab


def test_the_outside_echo_carries_the_tone_out_and_back(demo: Pbx, open_tab: OpenTab) -> None:
    tab = demo_tab(demo, open_tab(1000))
    tab.dial(directory.ECHO)
    tab.talks()
    tab.hears(1000)
    tab.shot("in-a-call")
    tab.button("Mute").click()
    tab.does_not_hear(1000)
    tab.shot("muted")
    tab.button("Mute").click()
    tab.hears(1000)
    tab.hang_up()
    tab.call_is_over()
    tab.shot("over")


def test_a_double_click_on_call_calls_and_does_not_hang_up(demo: Pbx, open_tab: OpenTab) -> None:
    tab = demo_tab(demo, open_tab(1000))
    tab.page.get_by_role("combobox", name="Number or name").fill(directory.ECHO)
    box = tab.page.locator("button.call").bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.page.mouse.click(*middle)
    tab.page.wait_for_timeout(250)
    tab.page.mouse.click(*middle)
    tab.talks()
    tab.hears(1000)
    tab.hang_up()
    tab.call_is_over()


def test_someone_calls_on_request_and_is_heard_and_hears(demo: Pbx, open_tab: OpenTab) -> None:
    tab = demo_tab(demo, open_tab(1000))
    tab.button("Have someone call me").click()
    tab.answer()
    tab.talks()
    tab.hears(1000, seconds=40)  # the caller says something first, then sends back what it hears
    tab.hang_up()
    tab.call_is_over()


def test_outside_numbers_that_do_not_answer_say_why(demo: Pbx, open_tab: OpenTab) -> None:
    tab = demo_tab(demo, open_tab(1000))
    for number, why in (
        (directory.BUSY, "The line is busy."),
        (directory.DECLINES, "The call was declined."),
        ("199", "This number does not exist."),
        ("102", "Your colleague is not on duty."),
    ):
        tab.dial(number)
        tab.call_is_over(why)
        tab.shot(f"why-{number}")
        tab.button("Close").first.click()


def test_the_demo_opens_a_colleague_in_a_second_tab(demo: Pbx, open_tab: OpenTab) -> None:
    tab = demo_tab(demo, open_tab(1000))
    with tab.context.expect_page() as opened:
        tab.button("colleague").click()
    colleague = Tab(opened.value, screens=tab.screens)
    colleague.go_on_duty()
    tab.dial("102")
    colleague.answer()
    tab.talks()
    colleague.talks()
    tab.hears(1000)
    colleague.hears(1000)
    colleague.hang_up()
    tab.call_is_over()
    assert colleague.problems == []


def test_one_tab_calls_another_and_each_hears_the_other(anna: Tab, ben: Tab) -> None:
    anna.dial("102")
    ben.answer()
    anna.talks()
    ben.talks()
    anna.hears(440)
    ben.hears(1000)
    ben.shot("in-a-call")
    anna.hang_up()
    ben.call_is_over()
    anna.call_is_over()


def test_a_reload_in_a_call_brings_the_sound_back_and_the_far_end_stays(anna: Tab, ben: Tab) -> None:
    anna.dial("102")
    ben.answer()
    ben.hears(1000)
    anna.page.reload()
    anna.talks()
    anna.hears(440, seconds=10)
    ben.talks()
    ben.hears(1000)
    ben.hang_up()
    anna.call_is_over()


def test_a_declined_call_and_one_given_up_end_at_both_ends(anna: Tab, ben: Tab) -> None:
    anna.dial("102")
    ben.rings()
    ben.button("Decline").click()
    anna.call_is_over("The call was declined.")
    anna.button("Close").first.click()
    anna.dial("102")
    ben.rings()
    anna.hang_up()
    expect(ben.button("Answer")).to_have_count(0)


def test_a_wrong_password_is_told_in_a_sentence(company: Pbx, open_tab: OpenTab) -> None:
    tab = open_tab(1000)
    tab.sign_in(company.url, "anna", PASSWORD + "x")
    expect(tab.page.get_by_role("alert").first).to_contain_text("The user name or the password is wrong.")
    tab.shot("wrong-password")


def test_a_missing_microphone_is_told_in_a_sentence(company: Pbx, open_tab: OpenTab) -> None:
    tab = open_tab(None)
    tab.sign_in(company.url, "anna", PASSWORD)
    tab.button("Go on duty").first.click()
    allow = tab.button("Allow the microphone")
    told = tab.page.get_by_text("No microphone was found.").first
    expect(allow.or_(told).first).to_be_visible()
    if allow.is_visible():
        allow.click()
    expect(told).to_be_visible()
    tab.shot("no-microphone")
