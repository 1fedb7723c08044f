"""A SIP telephone (baresip) beside real browser tabs: in wide band, with nothing turned into something else."""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.tab import Tab
from tests.browser.telephone import Telephone
from tests.pbx import PASSWORD, Pbx, until
from tests.peers.baresip import Baresip
from tests.peers.test_baresip_phone import add_telephone
from webpbx.store.database import FILE


@pytest.fixture
def telephone(tmp_path: Path, pbx: Pbx, anna: Tab) -> Iterator[Telephone]:
    """Give Ben's telephone, which speaks G.722 and is registered."""
    assert anna.page
    username, secret = add_telephone(pbx)
    baresip = Baresip(
        username,
        folder=tmp_path,
        hertz=440,
        account=f"<sip:{username}@127.0.0.1:{pbx.sip_port}>;auth_pass={secret};regint=60",
        codecs="G722/16000/1",
        rate=16_000,
        settings="module g722.so\n",
    )
    telephone = Telephone(baresip)
    until(lambda: devices(pbx)[0]["registered"], "the telephone is registered")
    yield telephone
    telephone.close()


def devices(pbx: Pbx) -> list[dict[str, Any]]:
    return list(pbx.command("device", "list"))


def codecs(pbx: Pbx) -> list[str] | None:
    """Return the codec of each leg of the two calls, once they are recorded as ended."""
    with contextlib.closing(sqlite3.connect(f"file:{pbx.data / FILE}?mode=ro", uri=True)) as raw:
        rows = raw.execute("SELECT legs FROM call_records WHERE ended_ms IS NOT NULL").fetchall()
    return [leg["codec"] for (legs,) in rows for leg in json.loads(legs)] if len(rows) == 2 else None


def test_a_telephone_and_a_tab_talk_in_g722(telephone: Telephone, pbx: Pbx, anna: Tab) -> None:
    telephone.calls("101", pbx.sip_port, anna)
    telephone.is_called("102", anna)
    assert until(lambda: codecs(pbx), "both calls are recorded") == ["G722"] * 4


def test_the_settings_of_the_page_list_the_user_s_telephones(
    telephone: Telephone, pbx: Pbx, open_tab: Callable[..., Tab]
) -> None:
    pbx.command("device", "add", "--user", "ben", "--name", "Kitchen")
    assert telephone.baresip.events is not None
    ben = open_tab(1200)
    ben.sign_in(pbx.url, "ben", PASSWORD)
    ben.page.locator(".menu summary").click()
    ben.button("Settings").click()
    rows = ben.page.get_by_role("listitem").filter(has=ben.page.locator(".telephone-registered, .telephone-away"))
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="Desk")).to_contain_text("Registered: it rings")
    expect(rows.filter(has_text="Kitchen")).to_contain_text("Not registered")
    ben.shot("telephones")
