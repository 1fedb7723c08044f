"""A request outside any call, OPTIONS above all, and what it was answered."""

import asyncio
from collections.abc import Callable

from webpbx.sip.headers import CSeq
from webpbx.sip.message import Header, Request, Response, Status
from webpbx.sip.transaction import ClientTransaction, ClientUser
from webpbx.sip.transport import Flow, contact_for, host_port, via_for

Done = Callable[[int, Response | None], None]
NO_WAY = 0
"""In place of a status: a closed port, a refused connection, no route; nobody has answered."""


class Query(ClientUser):
    """Wait for the final answer to one request; `done` hears its status, 408 for silence, 503 for a closed port."""

    def __init__(self, done: Done) -> None:
        self._done = done

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """Pass a final response on."""
        _ = (transaction, now)
        if not response.is_provisional:
            self._done(response.status, response)

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        """Pass a failure on."""
        _ = (transaction, now)
        self._done(status, None)


async def ask(send: Callable[[Query], None], *, timeout: float) -> int:  # noqa: ASYNC109 - silence is an answer here
    """Send a request and return the status it was answered: 408 for silence, NO_WAY for a closed port."""
    outcome: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def done(status: int, response: Response | None) -> None:
        if not outcome.done():
            outcome.set_result(status if response is not None or status == Status.REQUEST_TIMEOUT else NO_WAY)

    send(Query(done))
    try:
        async with asyncio.timeout(timeout):  # wait_for would lose a cancellation that comes with the answer
            return await outcome
    except TimeoutError:
        return Status.REQUEST_TIMEOUT


def options_request(flow: Flow, *, branch: str, tag: str, call_id: str, user_agent: str) -> Request:
    """Make the OPTIONS that asks whether a peer is there (§11)."""
    here, there = host_port(flow.local), host_port(flow.remote)
    headers: list[Header] = [
        ("Via", via_for(flow, branch)),
        ("Max-Forwards", "70"),
        ("From", f"<sip:{here}>;tag={tag}"),
        ("To", f"<sip:{there}>"),
        ("Call-ID", call_id),
        ("CSeq", str(CSeq(1, "OPTIONS"))),
        ("Contact", contact_for(flow)),
        ("Accept", "application/sdp"),
        ("User-Agent", user_agent),
    ]
    return Request("OPTIONS", f"sip:{there}", headers)
