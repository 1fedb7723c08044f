"""HTTPS at an address that is not loopback, to a Chromium with default settings in a network of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.tab import Tab
from tests.certificate import make_certificate
from tests.netns import NetworkNamespace
from tests.pbx import Pbx
from webpbx.demo import directory


@pytest.fixture
def elsewhere() -> Iterator[NetworkNamespace]:
    with NetworkNamespace() as namespace:
        yield namespace


def test_a_browser_elsewhere_calls_over_https(
    elsewhere: NetworkNamespace, make_pbx: Callable[..., Pbx], open_tab: Callable[..., Tab], tmp_path: Path
) -> None:
    certificate, key = tmp_path / "pbx.pem", tmp_path / "pbx.key"
    make_certificate(certificate, key, elsewhere.near)
    pbx = make_pbx(address=elsewhere.near)
    pbx.more = ("--tls-cert", str(certificate), "--tls-key", str(key))
    pbx.serve(verb="demo")
    assert pbx.url == f"https://{elsewhere.near}:{pbx.http_port}"
    chromium = elsewhere.wrapper(tmp_path / "chromium", "/usr/bin/chromium")
    tab = open_tab(1000, executable=chromium, more=(), ignore_https_errors=True)
    tab.open(pbx.open_line.removeprefix("open "))
    tab.go_on_duty()
    assert tab.page.evaluate("() => window.isSecureContext")
    tab.dial(directory.ECHO)
    tab.talks()
    tab.hears(1000)
    tab.shot("in-a-call-over-https")
    tab.hang_up()
    tab.call_is_over()
