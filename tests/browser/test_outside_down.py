"""What the page says while no trunk can be reached, in a real browser: users learn that it is so, not why."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenTab
from tests.conftest import Company
from tests.pbx import PASSWORD, Pbx
from tests.peers.sipp import EVER, Sipp

DOWN = "Calls to the outside do not work at the moment."
pytestmark = pytest.mark.browser


def test_the_page_says_that_calls_outside_fail_until_the_provider_answers_again(
    pbx: Pbx, company_with_trunk: Company, open_tab: OpenTab, tmp_path: Path
) -> None:
    pbx.take(company_with_trunk.data)
    pbx.command("trunk", "change", "--tenant", "acme", "--id", "main", "--qualify-interval", "5")
    pbx.serve()
    tab = open_tab(1000)
    tab.sign_in(pbx.url, "anna", PASSWORD)
    banner = tab.page.get_by_text(DOWN)
    expect(banner).to_be_visible(timeout=15_000)
    expect(tab.page.get_by_text("127.0.0.1")).to_have_count(0)
    tab.shot("outside-down")
    remote = f"127.0.0.1:{pbx.sip_port}"
    provider = Sipp("answer", folder=tmp_path, remote=remote, port=company_with_trunk.port, calls=EVER)
    expect(banner).to_have_count(0, timeout=15_000)
    provider.stop()
