import pytest

from tests.sip.wire import invite, request
from webpbx.sip.auth import ALGORITHMS, Authenticator, Credentials, Verdict, answer, ha1
from webpbx.sip.message import Request, Response, response_to

ANNA = Credentials("anna", "geheim")
HOST = "192.0.2.1"


def challenged(*lines: str, status: int = 401) -> Response:
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    return response_to(request(invite()), status, headers=[(name, line) for line in lines])


def said(*lines: str, credentials: Credentials = ANNA, status: int = 401) -> str | None:
    found = answer(challenged(*lines, status=status), request(invite()), credentials, cnonce="0a4f113b")
    return None if found is None else f"{found.header[0]}: {found.header[1]}"


def test_the_digest_of_rfc_7616_comes_out() -> None:
    """RFC 7616 §3.9.1, with the method and URI of HTTP"""
    mufasa = Credentials("Mufasa", "Circle of Life")
    get = Request("GET", "/dir/index.html", request(invite()).headers)
    values = 'realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"'
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    expected = {
        "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        "MD5": "8ca523f5e9506fed4657c9700eebdbec",
    }
    for algorithm, digest in expected.items():
        found = answer(challenged(f"Digest {values}, algorithm={algorithm}"), get, mufasa, cnonce=cnonce)
        assert found is not None
        assert f'response="{digest}"' in found.header[1]


def test_the_first_challenge_we_support_is_answered() -> None:
    line = said(
        "Bearer abc",
        'Digest realm="pbx", nonce="n", algorithm=SHA-512-256',
        'Digest realm="pbx", nonce="n", qop="auth-int"',
        'Digest realm="pbx", nonce="n2", qop="auth,auth-int", algorithm=MD5',
        'Digest realm="pbx", nonce="n3", algorithm=SHA-256',
    )
    assert line is not None
    assert 'nonce="n2"' in line
    assert "qop=auth, nc=00000001" in line


def test_an_old_trunk_without_qop_is_answered_without() -> None:
    line = said('Digest realm="a, b", nonce="n", opaque="o"', status=407)
    assert line is not None
    assert line.startswith('Proxy-Authorization: Digest username="anna", realm="a, b"')
    assert "qop" not in line
    assert "cnonce" not in line
    assert 'opaque="o"' in line


@pytest.mark.parametrize("line", ["Digest", "Digest realm=x", 'Digest realm="pbx"', "", 'Digest nonce="', "Basic eA=="])
def test_a_challenge_that_cannot_be_read_is_passed_over(line: str) -> None:
    assert said(line) is None


def test_credentials_are_for_their_pinned_realm_only() -> None:
    line = 'Digest realm="pbx", nonce="n"'
    assert said(line, credentials=Credentials("anna", "geheim", realm="pbx")) is not None
    assert said(line, credentials=Credentials("anna", "geheim", realm="else")) is None


def test_a_secret_is_in_no_repr() -> None:
    assert "geheim" not in repr(ANNA)


class Server:
    """A server's side with a clock."""

    def __init__(self) -> None:
        tokens = iter(range(10_000))
        self.authenticator = Authenticator(key=b"k", token=lambda: str(next(tokens)))

    def lookup(self, username: str, algorithm: str) -> str | None:
        return ha1(ANNA, realm="pbx", algorithm=algorithm) if username == "anna" else None

    def judge(
        self, header: tuple[str, str] | None, now: float, method: str = "INVITE", *, source: str = HOST
    ) -> tuple[Verdict, str]:
        message = request(invite())
        if header is not None:
            message.headers.append(header)
        return self.authenticator.judge(message, method, source=source, realm="pbx", lookup=self.lookup, now=now)

    def answered(self, now: float, algorithm: str, credentials: Credentials = ANNA) -> tuple[str, str]:
        lines = [
            value for _, value in self.authenticator.challenge("pbx", now, source=HOST) if value.endswith(algorithm)
        ]
        found = answer(challenged(*lines), request(invite()), credentials, cnonce="c")
        assert found is not None
        return found.header


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_right_secret_is_good_once(algorithm: str) -> None:
    server = Server()
    header = server.answered(0.0, algorithm)
    assert server.judge(header, 1.0) == (Verdict.GOOD, "anna")
    assert server.judge(header, 2.0) == (Verdict.STALE, "anna")


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ('username="anna"', 'username="eve"', Verdict.WRONG),
        ('response="', 'response="0', Verdict.WRONG),
        ("nc=00000001", "nc=00000002", Verdict.WRONG),
        ("nc=00000001", "nc=zz", Verdict.WRONG),
        ("qop=auth", "qop=auth-int", Verdict.WRONG),
        ('realm="pbx"', 'realm="other"', Verdict.MISSING),
        ("Digest", "Basic", Verdict.MISSING),
        ("algorithm=MD5", "algorithm=SHA-256", Verdict.WRONG),
    ],
)
def test_anything_changed_is_wrong(old: str, new: str, verdict: Verdict) -> None:
    server = Server()
    name, value = server.answered(0.0, "MD5")
    assert old in value
    assert server.judge((name, value.replace(old, new, 1)), 1.0)[0] is verdict


def test_a_digest_for_another_request_uri_or_method_is_wrong() -> None:
    server = Server()
    name, value = server.answered(0.0, "MD5")
    assert server.judge((name, value.replace('uri="sip:100@', 'uri="sip:900@')), 1.0)[0] is Verdict.WRONG
    assert server.judge((name, value), 1.0, method="BYE")[0] is Verdict.WRONG


def test_a_nonce_of_someone_else_or_an_old_one_is_stale() -> None:
    server = Server()
    header = server.answered(0.0, "MD5")
    assert server.judge(header, 61.9)[0] is Verdict.STALE
    name, value = Server().answered(0.0, "MD5")
    stranger = Server()
    stranger.authenticator = Authenticator(key=b"other", token=lambda: "t")
    assert stranger.judge((name, value), 1.0)[0] is Verdict.STALE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('response="', 'response="0'),
        ("qop=auth", "qop=auth-int"),
        ('username="anna"', 'username="eve"'),
        ("cnonce", "x"),
    ],
)
def test_nothing_is_wrong_of_what_bears_no_nonce_of_ours_for_its_source(old: str, new: str) -> None:
    server = Server()
    name, value = server.answered(0.0, "MD5")
    said = name, value.replace(old, new, 1)
    assert server.judge(said, 1.0, source="192.0.2.66")[0] is Verdict.STALE  # given to another
    assert server.judge(said, 61.9)[0] is Verdict.STALE
    assert server.judge((name, said[1].replace('nonce="', 'nonce="1', 1)), 1.0)[0] is Verdict.STALE
    assert server.judge((name, said[1].replace('nonce="', 'none="', 1)), 1.0)[0] is Verdict.STALE
    assert server.judge(said, 1.0)[0] is Verdict.WRONG


def test_no_credentials_are_missing() -> None:
    assert Server().judge(None, 0.0) == (Verdict.MISSING, "")


def test_a_server_may_offer_md5_alone_to_telephones_that_know_no_more() -> None:
    authenticator = Authenticator(key=b"k", token=lambda: "t", algorithms=("MD5",))
    assert [value.rpartition("=")[2] for _, value in authenticator.challenge("r", 0.0, source=HOST)] == ["MD5"]
