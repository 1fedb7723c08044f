"""Telephones that change their address while they are in a call."""

from tests.endpoints.site import ended, event_of
from tests.endpoints.switchboard import Switchboard, Telephone
from tests.sip.wire import other, request
from webpbx.calls.leg import LegState
from webpbx.model.cause import Cause
from webpbx.sip.registrar import Binding
from webpbx.sip.session_events import Answered
from webpbx.sip.session_face import Session


async def in_a_call(board: Switchboard, telephone: Telephone) -> Session:
    session = await telephone.dial("600")
    await event_of(session, Answered)
    await board.office.until(lambda: all(leg.state is LegState.ANSWERED for leg in board.office.exchange.legs.values()))
    return session


def binding_of(board: Switchboard) -> Binding:
    (binding,) = board.phones.registrar.bindings("k7f3-101", board.network.now())
    return binding


def register(board: Switchboard, place: Telephone, *, call_id: str, cseq: int) -> None:
    """Register Anna's telephone by UDP from where another one stands."""
    flow = board.network.flow("UDP", place.network.address)
    contact = f"Contact: <sip:k7f3-101@127.0.0.1:{place.network.address[1]}>\r\n"
    data = other("REGISTER", call_id=call_id, cseq=cseq, extra=contact).replace(b"To: <sip:100@", b"To: <sip:k7f3-101@")
    assert board.phones.registrar.register(request(data), flow, "k7f3-101", board.network.now()).is_success


async def hang_up(board: Switchboard) -> None:
    (leg,) = board.office.exchange.legs.values()
    leg.ended(Cause.NORMAL)
    await board.office.quiet()


async def test_a_call_goes_to_the_address_its_telephone_registers_from_anew(board: Switchboard) -> None:
    telephone, elsewhere = await board.telephone("anna"), await board.telephone("anna", registered=False)
    await in_a_call(board, telephone)
    known = binding_of(board)
    register(board, elsewhere, call_id=known.call_id, cseq=known.cseq + 1)
    await hang_up(board)
    await board.office.until(lambda: ("request_in", "BYE") in elsewhere.network.counters)
    assert ("request_in", "BYE") not in telephone.network.counters


async def test_a_call_stays_where_it_is_when_the_account_registers_at_a_second_place(board: Switchboard) -> None:
    telephone, second = await board.telephone("anna"), await board.telephone("anna", registered=False)
    session = await in_a_call(board, telephone)
    register(board, second, call_id="another", cseq=1)
    await hang_up(board)
    assert (await ended(session)).by == "remote"
