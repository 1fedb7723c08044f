"""The page and the server name the same things."""

import re

from webpbx.web.assets import Assets, static_folder
from webpbx.web.sockets.commands import COMMANDS

SOCKET = (static_folder() / "phone" / "socket.js").read_text()


def _names(side: str) -> set[str]:
    found = re.search(rf"{side}: Object\.freeze\(\[([^\]]*)\]\)", SOCKET)
    assert found is not None
    return set(re.findall(r'"([a-z_]+)"', found[1]))


def test_the_page_sends_the_events_that_the_server_takes() -> None:
    assert _names("client") == set(COMMANDS)


def test_the_page_hears_the_events_that_the_server_sends() -> None:
    assert _names("server") == {"snapshot", "call", "presence", "notice"}


def test_the_page_s_shell_is_complete_and_paints_with_few_modules() -> None:
    assets = Assets(static_folder())
    shell = assets.shell(nonce="N")
    assert "{{" not in shell
    assert len(re.findall(r"<script\b(?![^>]*\bsrc=)", shell)) == shell.count('nonce="N"') == 1
    assert "phone/main.js" in assets.preloaded
    assert len(assets.preloaded) < 40
