"""A company run by its web settings, in real browsers, by mouse and by keyboard alone."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.tab import Tab
from tests.browser.telephone import Telephone
from tests.free_ports import free_block
from tests.pbx import PASSWORD, Pbx, add_company
from tests.peers.baresip import Baresip
from tests.peers.sipp import Sipp
from webpbx.demo import directory
from webpbx.demo.account import own_account

OpenTab = Callable[..., Tab]
OUTSIDE = "030 12345678"


@pytest.fixture
def admin(demo: Pbx, open_tab: OpenTab) -> Tab:
    """Give the demo's newcomer, who runs the company."""
    tab = open_tab(1000)
    tab.open(demo.open_line.removeprefix("open "))
    expect(tab.page.locator("#number")).to_be_visible()
    return tab


def into_settings(tab: Tab) -> None:
    tab.page.get_by_role("banner").locator("summary").click()
    tab.page.get_by_role("link", name="Company settings").click()
    expect(tab.page.get_by_role("heading", name=re.compile("the way to the first call"))).to_be_focused()


def room(tab: Tab, name: str) -> None:
    tab.page.get_by_role("navigation", name="Settings").get_by_role("link", name=name, exact=True).click()
    expect(tab.page.get_by_role("heading", level=1, name=name, exact=True)).to_be_focused()


def test_an_admin_adds_somebody_who_then_signs_in_and_is_called(admin: Tab, demo: Pbx, open_tab: OpenTab) -> None:
    page = admin.page
    into_settings(admin)
    room(admin, "People")
    page.get_by_role("link", name="Add a person").click()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.get_by_label("Name", exact=True).fill("Fritz Färber")
    page.get_by_label("Extension").fill("102")
    page.get_by_label("User name").fill("fritz")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Add person").click()
    expect(page.get_by_text("This number already means something here")).to_be_visible()
    expect(page.get_by_label("Extension")).to_be_focused()
    expect(page.get_by_label("Extension")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Extension").fill("106")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Fritz Färber can sign in now.")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("Fritz Färber.*106"))).to_be_visible()
    admin.problems.clear()  # the browser itself writes of the refused request

    fritz = open_tab(440)
    fritz.sign_in(demo.url, "fritz", PASSWORD)
    fritz.go_on_duty()
    page.goto(f"{demo.url}#/")
    admin.dial("106")
    fritz.answer()
    admin.talks()
    admin.hears(440)
    into_settings(admin)
    bar = page.get_by_role("region", name="In a call")
    expect(bar).to_contain_text("Fritz Färber")
    admin.hears(440)
    bar.get_by_role("button", name="Hang up").click()
    fritz.call_is_over()


def test_a_trunk_known_by_its_address_is_connected_by_form_and_carries_a_call(
    pbx: Pbx, open_tab: OpenTab, tmp_path: Path
) -> None:
    port = free_block(1)
    add_company(pbx)
    words = ("--tenant", "acme", "--login", "chef", "--name", "Clara Chef", "--extension", "103", "--role", "admin")
    pbx.command("user", "add", *words, secret=PASSWORD)
    pbx.serve()
    tab = open_tab(1000)
    tab.sign_in(pbx.url, "chef", PASSWORD)
    page = tab.page
    expect(page.locator("#number")).to_be_visible()
    into_settings(tab)
    expect(page.get_by_text("1 of 4 steps done")).to_be_visible()

    tab.shot("nothing-yet")
    room(tab, "Outside calls")
    expect(page.get_by_text("This needs a trunk")).to_be_visible()
    tab.shot("no-trunk-yet")
    page.get_by_role("link", name="To the trunks").click()
    expect(page.get_by_text("No trunk yet.")).to_be_visible()
    tab.shot("no-trunks")

    page.get_by_role("link", name="Connect a trunk").click()
    page.get_by_role("button", name="Connect trunk").click()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    expect(page.get_by_text("This is needed.")).to_have_count(4)
    page.get_by_label("Name", exact=True).fill("Ortsnetz")
    page.get_by_label(re.compile("By our fixed internet address")).check()
    page.get_by_label("Server").fill(f"127.0.0.1:{port}")
    page.get_by_label(re.compile("The provider.s addresses")).fill("127.0.0.1")
    page.get_by_text("More settings").click()
    page.get_by_label("Domain").fill("127.0.0.1")
    page.get_by_label("Ask every … seconds").fill("0")
    page.get_by_role("button", name="Connect trunk").click()
    expect(page.get_by_role("row", name=re.compile("Ortsnetz.*Reachable"))).to_be_visible()

    room(tab, "Outside calls")
    page.get_by_role("link", name="Allow outside calls").click()
    page.get_by_label("Name", exact=True).fill("Germany")
    expect(page.get_by_role("listitem").filter(has_text="Germany")).to_be_visible()
    page.get_by_role("button", name="Allow these calls").click()
    expect(page.get_by_role("row", name=re.compile("Germany.*Ortsnetz"))).to_be_visible()

    sipp = Sipp("answer", folder=tmp_path, remote=f"127.0.0.1:{pbx.sip_port}", port=port)
    page.goto(f"{pbx.url}#/")
    tab.dial(OUTSIDE)
    tab.talks()
    tab.hang_up()
    tab.call_is_over()
    counts = sipp.wait()
    assert (counts.successful, counts.failed) == (1, 0), counts


def test_a_telephone_is_added_by_form_and_seen_as_it_registers(admin: Tab, tmp_path: Path) -> None:
    page = admin.page
    into_settings(admin)
    room(admin, "Telephones")
    page.get_by_role("link", name="Add a telephone").click()
    page.get_by_label("Name", exact=True).fill("Workshop")
    page.get_by_label("Person", exact=True).select_option(label="Ben Berger")
    page.get_by_text("More settings").click()
    page.get_by_label("Older telephone").check()  # this baresip knows MD5 alone
    page.get_by_role("button", name="Add telephone").click()
    once = page.get_by_role("dialog", name="Enter this at the telephone")
    expect(once).to_contain_text("The secret is shown only now")
    server, username, secret, _realm = once.get_by_role("definition").all_inner_texts()
    admin.shot("once")
    once.get_by_role("button", name="Close").click()
    row = page.get_by_role("row", name=re.compile("Workshop"))
    expect(row).to_contain_text(re.compile("Not registered.*Ben Berger"))
    account = f"<sip:{username}@{server}>;auth_pass={secret};regint=60"
    telephone = Telephone(Baresip(username, folder=tmp_path, hertz=440, port=free_block(1), account=account))
    try:
        expect(row).to_contain_text("Registered", timeout=20_000)
        expect(row).to_contain_text("from 127.0.0.1:")
        admin.shot("registered")
        page.get_by_role("link", name="Workshop").click()
        page.get_by_label("In use").uncheck()
        page.get_by_role("button", name="Save").click()
        expect(row).to_contain_text("Off")
    finally:
        telephone.close()


def test_a_wrong_secret_of_a_trunk_is_seen_as_it_comes_up_and_mended(admin: Tab, demo: Pbx) -> None:
    page = admin.page
    into_settings(admin)
    room(admin, "Trunks")
    row = page.get_by_role("row", name=re.compile("Outside world"))
    expect(row).to_contain_text("Registered")
    page.get_by_role("link", name="Outside world (demo)").click()
    page.get_by_role("button", name="Ask the provider now").click()
    expect(page.get_by_text(re.compile(r"is there and answers \(200\)"))).to_be_visible()
    expect(page.get_by_label("Secret", exact=True)).to_have_value("")
    page.get_by_label("Secret", exact=True).fill("wonderland")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Outside world (demo) is saved.")).to_be_visible()
    expect(page.get_by_role("link", name="Outside world (demo)")).to_be_focused()
    expect(row).to_contain_text("401: wrong secret", timeout=20_000)
    admin.shot("wrong-secret")
    page.get_by_role("link", name="Outside world (demo)").click()
    secret = own_account(demo.data).secret
    page.get_by_label("Secret", exact=True).fill(secret)
    page.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("Registered", timeout=20_000)


def test_a_number_is_sent_elsewhere_removed_and_brought_back(admin: Tab) -> None:
    page = admin.page
    number = "+49 30 23125 143"
    into_settings(admin)
    room(admin, "Numbers")
    page.get_by_role("link", name=number).click()
    page.get_by_label("Callers go to").select_option(label="Carla Celik · 103")
    page.get_by_role("button", name="Save").click()
    row = page.get_by_role("row", name=re.compile(re.escape(number)))
    expect(row).to_contain_text("Carla Celik · 103")
    room(admin, "People")
    page.get_by_role("link", name="Carla Celik").click()
    page.get_by_role("button", name="Remove").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("1 number needs Carla Celik.")
    expect(question.get_by_role("button")).to_have_text(["Close"])
    question.get_by_role("link", name=directory.COMPANY_ECHO).click()
    page.get_by_role("button", name="Remove").click()
    expect(question).to_contain_text("Whoever calls")
    question.get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(row).to_contain_text("Carla Celik · 103")


def test_two_who_change_the_same_person_do_not_write_over_each_other(admin: Tab, demo: Pbx) -> None:
    page = admin.page
    page.goto(f"{demo.url}#/admin/users/ben")
    page.get_by_label("Name", exact=True).fill("Ben Brand")
    other = page.context.new_page()
    other.goto(f"{demo.url}#/admin/users/ben")
    other.get_by_label("Name", exact=True).fill("Ben Blum")
    other.get_by_role("button", name="Save").click()
    expect(other.get_by_text("Ben Blum is saved.")).to_be_visible()
    other.close()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert").filter(has_text="Somebody else has changed this meanwhile.")).to_be_visible()
    page.get_by_role("button", name="Show how it is now").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Ben Blum")
    admin.problems.clear()  # the browser itself writes of the refused request


def test_a_plain_user_neither_sees_nor_reaches_the_settings(company: Pbx, open_tab: OpenTab) -> None:
    tab = open_tab(1000)
    tab.sign_in(company.url, "anna", PASSWORD)
    page = tab.page
    expect(page.locator("#number")).to_be_visible()
    page.get_by_role("banner").locator("summary").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    expect(page.get_by_text("Company settings")).to_have_count(0)
    page.goto(f"{company.url}#/admin/users")
    page.reload()
    expect(page.locator("#number")).to_be_visible()
    expect(page.get_by_role("navigation", name="Settings")).to_have_count(0)
    status = page.evaluate("async () => (await fetch('/api/v1/settings')).status")
    assert status == 403
    tab.problems.clear()  # the browser itself writes of the refused request


def test_everything_is_done_by_keyboard_alone(admin: Tab, demo: Pbx) -> None:
    page = admin.page
    press = page.keyboard.press
    page.goto(f"{demo.url}#/admin/users")
    expect(page.get_by_role("heading", level=1, name="People")).to_be_focused()
    press("Tab")
    press("Enter")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("Gerda Groß")
    press("Tab")
    page.keyboard.type("107")
    press("Escape")
    expect(page.get_by_role("dialog")).to_contain_text("Leave without saving?")
    press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_label("Extension")).to_be_focused()
    press("Tab")
    page.keyboard.type("gerda")
    press("Tab")
    page.keyboard.type(PASSWORD)
    press("Tab")
    press("ArrowDown")
    expect(page.get_by_label(re.compile("run the company"))).to_be_checked()
    press("Enter")
    expect(page.get_by_text("Gerda Groß can sign in now.")).to_be_visible()
    tab_to(page, "Gerda Groß")
    press("Enter")
    expect(page.get_by_role("heading", level=1, name="Gerda Groß")).to_be_focused()
    press("Escape")
    expect(page.get_by_role("link", name="Gerda Groß")).to_be_focused()
    press("Enter")
    tab_to(page, "Remove")
    press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("can no longer sign in")
    press("Tab")
    press("Enter")
    expect(page.get_by_text("Gerda Groß is removed.")).to_be_visible()
    expect(page.get_by_role("link", name="Gerda Groß")).to_have_count(0)


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is so called has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.textContent.trim()") == name:
            return
    raise AssertionError(f"Tab does not lead to {name!r}")


def test_every_control_has_a_name_and_every_help_belongs_to_one(admin: Tab, demo: Pbx) -> None:
    for path in ("", "/users", "/users/new", "/numbers/new", "/trunks/new", "/routes/new", "/trunks/outside"):
        admin.page.goto(f"{demo.url}#/admin{path}")
        expect(admin.page.locator("main h1")).to_be_visible()
        for rare in admin.page.locator(".rare summary").all():
            rare.click()
        assert faults(admin.page) == [], path
        unnamed = re.compile(r"- (textbox|combobox|radio|checkbox|switch|button|link)( \[|:|$)", re.MULTILINE)
        tree = admin.page.locator("main").aria_snapshot()
        assert unnamed.search(tree) is None, f"{path}: {tree}"


def faults(page: Page) -> list[str]:
    """Find controls without a name, descriptions that are not there, and ids that are there twice."""
    found: list[str] = page.evaluate(
        """() => {
          const all = (what) => [...document.querySelectorAll(what)];
          const nameless = all("main :is(input, select, textarea, button, a)")
            .filter((one) => !(one.labels?.length || one.textContent.trim())).map((one) => one.outerHTML);
          const lost = all("main [aria-describedby]").flatMap((one) => one.getAttribute("aria-describedby").split(" "))
            .filter((id) => !document.getElementById(id));
          const ids = all("[id]").map((one) => one.id);
          return [...nameless, ...lost, ...ids.filter((id, place) => ids.indexOf(id) !== place)];
        }"""
    )
    return found
