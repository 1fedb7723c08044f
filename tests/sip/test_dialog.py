import pytest

from tests.sip.wire import invite, request
from webpbx.sip.dialog import DialogState, called_dialog, dialog_request, next_hop
from webpbx.sip.transport import Address, Flow


def state(*, contact: str, source: Address, routes: str = "") -> DialogState:
    extra = f"Record-Route: {routes}\r\n" if routes else ""
    asked = request(invite(extra=extra).replace(b"<sip:bob@192.0.2.1:5060>", f"<{contact}>".encode()))
    flow = Flow("UDP", ("192.0.2.9", 5060), source)
    return called_dialog(asked, flow, session_id="s", tag="t", peer_id=None)


@pytest.mark.parametrize(
    ("contact", "source", "routes", "hop"),
    [
        ("sip:b@45.1.1.1:5070", ("45.1.1.1", 5060), "", ("45.1.1.1", 5070)),
        ("sip:b@45.1.1.2", ("45.1.1.1", 5060), "", ("45.1.1.2", 5060)),
        ("sip:b@10.0.0.5:5070", ("45.1.1.1", 6060), "", ("45.1.1.1", 6060)),
        ("sip:b@10.0.0.5:5070", ("10.0.0.9", 6060), "", ("10.0.0.5", 5070)),
        ("sip:b@phone.example.com", ("45.1.1.1", 6060), "", ("45.1.1.1", 6060)),
        ("sip:b@0.0.0.0", ("45.1.1.1", 6060), "", ("45.1.1.1", 6060)),
        ("sip:b@[2001:db8::1]", ("45.1.1.1", 6060), "", ("45.1.1.1", 6060)),
        ("tel:+4930", ("45.1.1.1", 6060), "", ("45.1.1.1", 6060)),
        ("sip:b@45.1.1.2", ("45.1.1.1", 6060), "<sip:45.1.1.3:5080;lr>", ("45.1.1.3", 5080)),
    ],
)
def test_a_request_goes_to_an_address_it_can_reach(contact: str, source: Address, routes: str, hop: Address) -> None:
    assert next_hop(state(contact=contact, source=source, routes=routes)) == hop


def test_a_hostile_display_name_cannot_break_our_requests() -> None:
    asked = request(invite().replace(b"From: <", b'From: "a\\\0b" <'))
    flow = Flow("UDP", ("192.0.2.9", 5060), ("192.0.2.1", 5060))
    dialog = called_dialog(asked, flow, session_id="s", tag="t", peer_id=None)
    assert b'To: "ab" <sip:bob@example.org>;tag=b1' in bytes(dialog_request(dialog, "BYE", branch="z9hG4bKx", seq=1))
