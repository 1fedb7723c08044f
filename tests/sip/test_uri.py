import pytest

from webpbx.sip.grammar import ParseError
from webpbx.sip.uri import OpaqueUri, SipUri, TelUri, parse_uri


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("sip:100@pbx1", SipUri("pbx1", "100")),
        ("SIP:my_host", SipUri("my_host")),
        ("sips:a@b.example:5061", SipUri("b.example", "a", 5061, "sips")),
        ("sip:a;b=c@d", SipUri("d", "a;b=c")),
        ("sip:%75se%72@d", SipUri("d", "user")),
        ("sip:a%2541@d", SipUri("d", "a%41")),
        ("sip:a:pw@d", SipUri("d", "a", password="pw")),
        ("sip:[2001:db8::1]:5062", SipUri("[2001:db8::1]", port=5062)),
        ("sip:d;transport=TCP;lr", SipUri("d", parameters=(("transport", "TCP"), ("lr", None)))),
        ("sip:b@h?Replaces=1%3Bto-tag%3D2", SipUri("h", "b", headers=(("Replaces", "1;to-tag=2"),))),
        ("sip:*72#@d", SipUri("d", "*72#")),
        ("tel:+49-30-123456;phone-context=x", TelUri("+4930123456", (("phone-context", "x"),))),
        ("isbn:2983792873", OpaqueUri("isbn", "2983792873")),
    ],
)
def test_a_uri_is_read(text: str, uri: object) -> None:
    assert parse_uri(text) == uri
    assert parse_uri(str(uri)) == uri


@pytest.mark.parametrize(
    "text",
    [
        *("", "sip:", "sip", "sip:@", "sip:a@", "sip:a@b@c", "sip:a b@c", "sip:a@b;", "sip:a@b:0", "sip:a@b:x"),
        *(
            "sip:a@b:99999",
            "sip:%4@b",
            "sip:%gg@b",
            "sip:a@-b-",
            "sip:a@b?x",
            "<sip:a@b>",
            "sip:a@b c",
            "tel:",
            "tel:x",
        ),
        *("1a:b", "foo:\0", "sip:a@b;c=d e", "sip:a\0@b", "sip:a@[::1", "sip:a@b\r\nX: y"),
    ],
)
def test_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_uri(text)


def test_a_user_part_is_escaped_again_when_written() -> None:
    assert str(SipUri("d", "a@b c")) == "sip:a%40b%20c@d"


def test_a_parameter_without_value_is_told_from_an_absent_one() -> None:
    uri = parse_uri("sip:d;lr")
    assert isinstance(uri, SipUri)
    assert (uri.parameter("lr"), uri.parameter("maddr")) == ("", None)
