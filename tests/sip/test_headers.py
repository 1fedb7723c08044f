import pytest

from webpbx.sip.grammar import ParseError, split_list
from webpbx.sip.headers import AuthValue, CSeq, NameAddr, Reason, Via, media_type, parse_delta, parse_q850


def test_commas_in_quotes_or_brackets_do_not_split() -> None:
    first, second = [NameAddr.parse(part) for part in split_list('"a" <sip:a@b>, "b, c" <sip:d@e;x=y,z>')]
    assert (first.display, str(first.uri)) == ("a", "sip:a@b")
    assert (second.display, str(second.uri)) == ("b, c", "sip:d@e;x=y%2Cz")


def test_parameters_after_a_bare_uri_belong_to_the_header() -> None:
    """§20.10"""
    address = NameAddr.parse("sip:a@b;tag=1;x")
    assert str(address.uri) == "sip:a@b"
    assert address.parameters == {"tag": "1", "x": None}
    assert NameAddr.parse("<sip:a@b;x>").parameters == {}


@pytest.mark.parametrize(
    ("text", "display"),
    [
        ('"J Rosenberg \\\\\\"" <sip:a@b>', 'J Rosenberg \\"'),
        ("A. Bell <sip:a@b>", "A. Bell"),
        ("Müller <sip:a@b>", "Müller"),
        ("caller<sip:a@b>", "caller"),
        ('"" <sip:a@b>', ""),
        ('"BEL\a NUL\\\0" <sip:a@b>', "BEL NUL"),
    ],
)
def test_a_display_name_is_read_without_what_cannot_be_printed(text: str, display: str) -> None:
    address = NameAddr.parse(text)
    assert address.display == display
    assert NameAddr.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "<",
            "<>",
            '"a <sip:a@b>',
            "a, b <sip:c@d>",
            "< sip:a@b >",
            "<sip:a@b> x",
            "sip:a@b?x=y",
            '"a"',
            "<sip:a@b",
        ),
        *("<sip:a@b>;", "<sip:a@b>;;a", "<sip:a@b>;a=", '<sip:a@b>;a="', "<sip:a@b>;a=b c", "<sip:a@b>;tag=1;tag=2"),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        NameAddr.parse(text)


def test_a_via_is_read_with_white_space_and_unknown_transport() -> None:
    via = Via.parse("SIP / 2.0 / UNKNOWN  h.example : 5070 ; branch = z9hG4bK1;rport")
    assert (via.transport, via.host, via.port, via.branch) == ("UNKNOWN", "h.example", 5070, "z9hG4bK1")
    assert via.is_unique
    assert str(via) == "SIP/2.0/UNKNOWN h.example:5070;branch=z9hG4bK1;rport"
    assert not Via.parse("SIP/2.0/UDP a;branch=z9hG4bK").is_unique


@pytest.mark.parametrize(
    "text", ["", "SIP/2.0/UDP", "SIP/2.0 a", "HTTP/1.1/UDP a", "SIP/2.0/UDP a b", "SIP/2.0/UDP a;;"]
)
def test_what_is_no_via_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        Via.parse(text)


def test_a_cseq_is_a_number_and_a_method() -> None:
    assert CSeq.parse("0009   INVITE") == CSeq(9, "INVITE")


def test_a_challenge_keeps_commas_in_quotes() -> None:
    value = AuthValue.parse('Digest realm="a, b", qop="auth,auth-int",nonce="x\\"y"')
    assert value == AuthValue("digest", {"realm": "a, b", "qop": "auth,auth-int", "nonce": 'x"y'})


@pytest.mark.parametrize("text", ["", "Digest a", "Digest a=b, a=c", 'Digest a="', "Dig,est a=b"])
def test_what_is_no_challenge_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        AuthValue.parse(text)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("Q.850;cause=17", 17),
        ('SIP;cause=200;text="a, b", q.850 ; cause=16', 16),
        ("SIP;cause=600", None),
        ("Q.850;cause=999", None),
        ('Q.850;cause="', None),
        (str(Reason(21, "no")), 21),
    ],
)
def test_a_q850_cause_is_found_or_not(text: str, cause: int | None) -> None:
    assert parse_q850(text) == cause


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120), (" 18000;duration=3600", 18000), ("5 (in a meeting)", 5), ("x", None), ("", None), ("9" * 50, None)],
)
def test_seconds_are_read_without_their_comment(text: str, seconds: int | None) -> None:
    assert parse_delta(text) == seconds


def test_a_media_type_is_lowered_and_bare() -> None:
    assert media_type("Application/SDP ; charset=utf-8") == "application/sdp"
    with pytest.raises(ParseError):
        media_type("sdp")
