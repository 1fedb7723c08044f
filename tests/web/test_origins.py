import pytest
from aiohttp.test_utils import make_mocked_request

from webpbx.web.errors import OriginRefused
from webpbx.web.origins import Origins, address_key, is_loopback_name, is_loopback_peer


@pytest.mark.parametrize(
    ("tls", "host", "origin"),
    [
        (False, "127.0.0.1:8080", "http://127.0.0.1:8080"),
        (False, "localhost:8080", "http://localhost:8080"),
        (False, "[::1]:8080", "http://[::1]:8080"),
        (False, "pbx.localhost", "http://pbx.localhost"),
        (True, "pbx.example:8443", "https://pbx.example:8443"),
    ],
)
def test_our_own_page_is_let_through(*, tls: bool, host: str, origin: str) -> None:
    Origins(tls=tls).check(make_mocked_request("POST", "/", headers={"Host": host, "Origin": origin}))


@pytest.mark.parametrize(
    ("tls", "host", "origin"),
    [
        (False, "127.0.0.1:8080", None),
        (False, "127.0.0.1:8080", "null"),
        (False, "127.0.0.1:8080", ""),
        (False, "127.0.0.1:8080", "http://127.0.0.1:8081"),
        (False, "127.0.0.1:8080", "https://127.0.0.1:8080"),
        (False, "rebound.example:8080", "http://rebound.example:8080"),
        (False, "localhost.evil.example", "http://localhost.evil.example"),
        (True, "pbx.example", "http://pbx.example"),
        (True, "pbx.example", "https://pbx.example.evil.example"),
        (True, "pbx.example", "https://evil.example"),
    ],
)
def test_other_sites_pages_and_unnamed_ones_are_refused(*, tls: bool, host: str, origin: str | None) -> None:
    headers = {"Host": host} | ({"Origin": origin} if origin is not None else {})
    with pytest.raises(OriginRefused):
        Origins(tls=tls).check(make_mocked_request("POST", "/", headers=headers))


def test_a_listed_origin_is_let_through_under_any_host() -> None:
    request = make_mocked_request("POST", "/", headers={"Host": "inner:80", "Origin": "https://pbx.example"})
    Origins(tls=False, listed=["https://pbx.example"]).check(request)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::2]", "[", "", "a:b:c"])
def test_a_foreign_name_is_no_loopback_name(host: str) -> None:
    assert not is_loopback_name(host)


class _Transport:
    def __init__(self, peer: str) -> None:
        self._peer = peer

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (self._peer, 1234) if name == "peername" else default


@pytest.mark.parametrize(
    ("peer", "own"), [("127.0.0.1", True), ("::1", True), ("192.0.2.1", False), ("2001:db8::1", False)]
)
def test_a_peer_on_this_machine_is_told_from_others(peer: str, *, own: bool) -> None:
    assert is_loopback_peer(make_mocked_request("GET", "/", transport=_Transport(peer))) is own


def test_who_asks_through_a_proxy_is_not_on_this_machine() -> None:
    request = make_mocked_request(
        "GET", "/", headers={"X-Forwarded-For": "192.0.2.1"}, transport=_Transport("127.0.0.1")
    )
    assert not is_loopback_peer(request)


@pytest.mark.process
@pytest.mark.parametrize(
    ("peer", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
    ],
)
def test_one_address_is_one_key_however_it_is_written(peer: str, key: str) -> None:
    assert address_key(make_mocked_request("GET", "/", transport=_Transport(peer))) == key
