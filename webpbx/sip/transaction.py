"""The four transaction machines (RFC 3261 §17, RFC 6026) sans-I/O."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Final, Protocol

from webpbx.sip.headers import CSeq
from webpbx.sip.message import Request, Response, Status, response_to
from webpbx.sip.timers import Timers, TimerValues
from webpbx.sip.transaction_moves import ANSWERED, CLIENT, INVITE_CLIENT, INVITE_SERVER, Move, Moves, State, move_of
from webpbx.sip.transport import Flow, fallback_flow, response_flow

log = logging.getLogger(__name__)

TRYING_DELAY: Final = 0.15
"""Seconds until an unanswered INVITE gets its 100; §17.2.1 allows 200 ms."""


_KEPT_BY_ACK = frozenset({"Route", "From", "Call-ID", "Max-Forwards"})


class Layer(Protocol):
    """What the machines need from those who hold them."""

    timers: Timers
    values: TimerValues
    send: Callable[[Flow, bytes], None]
    count_response: Callable[[int], None]

    def forget(self, transaction: "Transaction") -> None:
        """Let a terminated transaction go."""


class ClientUser(Protocol):
    """Who sent a request and hears what becomes of it."""

    def on_response(self, transaction: "ClientTransaction", response: Response, now: float) -> None:
        """Hear a response."""

    def on_failure(self, transaction: "ClientTransaction", status: int, now: float) -> None:
        """Hear that no answer will come: 408 for silence, 503 for a transport error (§8.1.3.1)."""


class Transaction(ABC):
    """Keep one request with its responses and repeat what UDP lost."""

    moves: ClassVar[Moves]
    first: ClassVar[State]

    def __init__(self, layer: Layer, key: tuple[object, ...], request: Request, flow: Flow) -> None:
        self.layer = layer
        self.key = key
        self.request = request
        self.flow = flow
        self.state = self.first
        self.deadlines: dict[str, float] = {}

    def _move(self, move: Move) -> bool:
        """Change state as the table says; False when the move is none in this state, and nothing is to be done."""
        state = self.moves.get((self.state, move))
        if state is None:
            return False
        log.debug("%s %s: %s, %s", type(self).__name__, self.key, move.value, state.value)
        self.state = state
        if state is State.TERMINATED:
            self.deadlines.clear()
            self.layer.forget(self)
        return True

    @abstractmethod
    def fire(self, letter: str, now: float) -> None:
        """Act on a timer that has run out."""

    def _drop(self, *letters: str) -> None:
        for letter in letters:
            self.deadlines.pop(letter, None)

    def _set(self, letter: str, at: float) -> None:
        self.layer.timers.set(self, letter, at)

    def _absorb(self, letter: str, now: float, seconds: float) -> None:
        """Stay for late repeats; a reliable transport has none."""
        if self.flow.is_reliable:
            self._move(Move.EXPIRED)
        else:
            self._set(letter, now + seconds)


class ClientTransaction(Transaction):
    """Send a request and hear its responses (§17.1)."""

    repeat: ClassVar[str]
    limit: ClassVar[str]

    def __init__(self, layer: Layer, key: tuple[object, ...], request: Request, flow: Flow, user: ClientUser) -> None:
        super().__init__(layer, key, request, flow)
        self.user = user
        self.data = bytes(request)
        self._interval = layer.values.t1

    @property
    def is_open(self) -> bool:
        """Tell whether no final response has come yet."""
        return self.state in {State.CALLING, State.TRYING, State.PROCEEDING}

    def start(self, now: float) -> None:
        """Send the request and begin waiting."""
        self._begin(now)
        self.layer.send(self.flow, self.data)

    def _begin(self, now: float) -> None:
        self._set(self.limit, now + self.layer.values.patience)
        if not self.flow.is_reliable:
            self._set(self.repeat, now + self._interval)

    @abstractmethod
    def receive(self, response: Response, now: float) -> None:
        """Take a response that matches this transaction."""

    def broken(self, now: float) -> None:
        """Take a transport error: the request fails with 503 at once (§8.1.3.1)."""
        was_open = self.is_open
        if self._move(Move.BROKEN) and was_open:
            self.user.on_failure(self, Status.SERVICE_UNAVAILABLE, now)

    def stop_repeating(self) -> None:
        """Send the request no more, and go on hearing what is answered to those sent."""
        self._drop(self.repeat)

    def abandon(self) -> None:
        """Stop repeating a request nobody waits for any more."""
        self._move(Move.TIMEOUT)

    def give_up(self, now: float) -> None:
        """Stop waiting for a final response; its user hears 408."""
        if self._move(Move.TIMEOUT):
            self.user.on_failure(self, Status.REQUEST_TIMEOUT, now)

    @abstractmethod
    def _next_interval(self) -> float:
        """Return the seconds until the next repeat."""

    def fire(self, letter: str, now: float) -> None:
        """Repeat, give up, or forget."""
        if letter == self.repeat:
            self.layer.send(self.flow, self.data)
            self._set(letter, now + self._next_interval())
        elif letter == self.limit:
            self.give_up(now)
        else:
            self._move(Move.EXPIRED)


class InviteClient(ClientTransaction):
    """Send an INVITE: timers A, B, D and M (§17.1.1, RFC 6026 §7.2)."""

    moves = INVITE_CLIENT
    first = State.CALLING
    repeat = "A"
    limit = "B"

    def _next_interval(self) -> float:
        self._interval *= 2
        return self._interval

    def receive(self, response: Response, now: float) -> None:
        """Take a response; a 3xx to 6xx is acknowledged here, again for each repeat."""
        before = self.state
        move = move_of(response)
        if not self._move(move):
            return
        self._drop("A", "B")
        if move is Move.FAILURE:
            self.layer.send(self.flow, bytes(self._ack(response)))
            if before is State.COMPLETED:
                return
            self._absorb("D", now, self.layer.values.patience)
        elif move is Move.SUCCESS and before is not State.ACCEPTED:
            self._set("M", now + self.layer.values.patience)
        self.user.on_response(self, response, now)

    def _ack(self, response: Response) -> Request:
        """Make the ACK of the same branch (§17.1.1.3)."""
        request = self.request
        headers = [("Via", request.headers[0][1])]
        headers += [(name, value) for name, value in request.headers if name in _KEPT_BY_ACK]
        headers.append(("To", response.get("To") or ""))
        headers.append(("CSeq", str(CSeq(request.cseq.number, "ACK"))))
        return Request("ACK", request.uri_text, headers)


class NonInviteClient(ClientTransaction):
    """Send any other request: timers E, F and K (§17.1.2)."""

    moves = CLIENT
    first = State.TRYING
    repeat = "E"
    limit = "F"

    def _next_interval(self) -> float:
        t2 = self.layer.values.t2
        self._interval = t2 if self.state is State.PROCEEDING else min(self._interval * 2, t2)
        return self._interval

    def receive(self, response: Response, now: float) -> None:
        """Take a response; after a 1xx the request is still repeated, each T2."""
        move = move_of(response)
        if not self._move(move):
            return
        if move is not Move.PROVISIONAL:
            self._drop("E", "F")
            self._absorb("K", now, self.layer.values.t4)
        self.user.on_response(self, response, now)


class ServerTransaction(Transaction):
    """Answer a request and its repeats (§17.2)."""

    def __init__(self, layer: Layer, key: tuple[object, ...], request: Request, flow: Flow) -> None:
        super().__init__(layer, key, request, flow)
        self.last = b""
        self._back = response_flow(request.via, flow)

    @property
    def is_open(self) -> bool:
        """Tell whether a final response is still owed."""
        return self.state in {State.TRYING, State.PROCEEDING}

    def respond(self, response: Response, now: float) -> None:
        """Send a response, if this state still allows one."""
        move = move_of(response)
        if self.is_open and self._move(move):
            self.last = bytes(response)
            self.repeat_last()
            self.layer.count_response(response.status)
            if move is not Move.PROVISIONAL:
                self._answered(move, now)

    def repeat_last(self) -> None:
        """Send the last response again."""
        if self.last:
            self.layer.send(self._back, self.last)

    def lost(self) -> None:
        """Answer over a new connection, since the request's is closed."""
        self._back = fallback_flow(self.request.via, self.flow)

    def repeated(self) -> None:
        """Take a repeat of the request."""
        self.repeat_last()

    @abstractmethod
    def _answered(self, move: Move, now: float) -> None:
        """Set the timers that follow a final response."""


class InviteServer(ServerTransaction):
    """Answer an INVITE: the 100, timers G, H, I and L (§17.2.1, RFC 6026 §7.1)."""

    moves = INVITE_SERVER
    first = State.PROCEEDING

    def start(self, now: float) -> None:
        """Begin: a 100 goes out unless something better does first."""
        self._set("100", now + TRYING_DELAY)

    def repeated(self) -> None:
        """Take a repeated INVITE: the last response again, a 2xx too; nothing once the ACK is here."""
        if not self.last and self.state is State.PROCEEDING:
            self._try()
        elif self.state is not State.CONFIRMED:
            self.repeat_last()

    def _try(self) -> None:
        self.last = bytes(response_to(self.request, Status.TRYING))
        self.repeat_last()

    def _answered(self, move: Move, now: float) -> None:
        self._drop("100")
        if move is Move.SUCCESS:
            self._set("L", now + self.layer.values.patience)
            return
        self._interval = self.layer.values.t1
        self._set("H", now + self.layer.values.patience)
        if not self.flow.is_reliable:
            self._set("G", now + self._interval)

    def acknowledged(self, now: float) -> None:
        """Take the ACK to a 3xx to 6xx."""
        if self._move(Move.ACK):
            self._drop("G", "H")
            self._absorb("I", now, self.layer.values.t4)

    def fire(self, letter: str, now: float) -> None:
        """Send the 100, repeat the refusal, or forget."""
        if letter == "100":
            if not self.last:
                self._try()
        elif letter == "G":
            self.repeat_last()
            self._interval = min(self._interval * 2, self.layer.values.t2)
            self._set("G", now + self._interval)
        else:
            self._move(Move.TIMEOUT if letter == "H" else Move.EXPIRED)


class NonInviteServer(ServerTransaction):
    """Answer any other request: timer J (§17.2.2)."""

    moves = ANSWERED
    first = State.TRYING

    def _answered(self, move: Move, now: float) -> None:
        _ = move
        self._absorb("J", now, self.layer.values.patience)

    def overtaken(self) -> None:
        """Forget the answered request early: so many have followed that its repeat is none any more."""
        self._move(Move.EXPIRED)

    def fire(self, letter: str, now: float) -> None:
        """Forget the answered request."""
        _ = (letter, now)
        self._move(Move.EXPIRED)
