"""What is said in SIP, kept for whoever asks later why a call went as it did: bytes as they were, read when shown.

Only messages of calls that somebody claims are kept. Of requests that nobody claims the latest are remembered until
they are refused or served, so that a refusal can be explained too.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from webpbx.sip.glance import OurEnd, call_id_of, our_end
from webpbx.sip.transport import Address, Flow

ATTEMPTS: Final = 200
"""Requests outside any call that are remembered, those of one address at most a tenth."""
_ATTEMPTS_OF_ONE: Final = ATTEMPTS // 10
_ATTEMPT_MESSAGES: Final = 12
_ATTEMPT_BYTES: Final = 16_384  # of one attempt
_CALL_BYTES: Final = 1 << 20  # of one call: a far end that talks much must not silence the other calls
_NO_ATTEMPT: Final = (b"ACK ", b"BYE ", b"CANCEL ", b"OPTIONS ", b"PRACK ", b"INFO ", b"UPDATE ")
_RESPONSE: Final = b"SIP/2.0 "
_REFUSED_FROM: Final = 300
_FINAL_FROM: Final = 200


@dataclass(slots=True)
class TracedMessage:
    """One message as it was heard or sent; `at_ms` is UTC milliseconds. Nothing changes but the count of repeats."""

    at_ms: int
    sent: bool
    transport: str
    remote: Address
    call_id: str
    data: bytes
    repeats: int = 0
    """How often the very same bytes came or went again."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What is known of one call, in order; `legs` says for each Call-ID which leg it belongs to."""

    messages: tuple[TracedMessage, ...]
    legs: dict[str, str] = field(default_factory=dict)
    left_out: int = 0
    """Messages that were counted and not kept."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request outside any call, and what came of it."""

    messages: tuple[TracedMessage, ...]
    status: int


class _Trace:
    """The messages of one of our calls: its beginning, and its latest ones where there are too many."""

    def __init__(self, most: int) -> None:
        self.legs: dict[str, str] = {}
        self.ends: set[tuple[str, str]] = set()
        self.left_out = 0
        self.size = 0
        self._most_first = most - most // 4
        self._first: list[TracedMessage] = []
        self._latest: deque[TracedMessage] = deque()
        self._most_latest = most // 4
        self._known: dict[tuple[bool, Address, bytes], TracedMessage] = {}

    @property
    def messages(self) -> tuple[TracedMessage, ...]:
        return (*self._first, *self._latest)

    def repeated(self, message: TracedMessage) -> bool:
        """Count a message that is known already."""
        known = self._known.get((message.sent, message.remote, message.data))
        if known is not None:
            known.repeats += 1
        return known is not None

    def add(self, message: TracedMessage) -> int:
        """Keep a message; give by how many bytes the trace has grown."""
        before = self.size
        if len(self._first) < self._most_first:
            self._first.append(message)
        else:
            self._latest.append(message)
            if len(self._latest) > self._most_latest:
                self._drop(self._latest.popleft())
        self._known[message.sent, message.remote, message.data] = message
        self.size += len(message.data)
        return self.size - before

    def _drop(self, message: TracedMessage) -> None:
        del self._known[message.sent, message.remote, message.data]
        self.size -= len(message.data)
        self.left_out += 1


@dataclass(slots=True)
class _Claims:
    """What of a Call-ID is whose: more than one call's when one comes back to us through a proxy that keeps it."""

    of_tag: dict[str, _Trace] = field(default_factory=dict)
    of_branch: dict[str, _Trace] = field(default_factory=dict)

    def find(self, end: OurEnd) -> _Trace | None:
        return self.of_tag.get(end.tag) or (None if end.calls else self.of_branch.get(end.branch))

    def only(self) -> _Trace | None:
        """Give the trace that what fits nowhere belongs to, where there is but one."""
        return next(iter(self.of_tag.values())) if len(self.of_tag) == 1 else None


_Try = tuple[str, bool]
"""A Call-ID, and whether it is of a request of ours."""


@dataclass(slots=True)
class _Attempt:
    host: str
    tag: str
    messages: list[TracedMessage] = field(default_factory=list)
    size: int = 0
    status: int = 0


Listener = Callable[[TracedMessage], None]


class Recorder:
    """Hears every message of a stack (`UserAgent.tap`) and keeps those of the calls that are claimed.

    Bounded: `most_messages` a call, of which the beginning and the latest are kept, and `most_bytes` over all calls.
    """

    def __init__(self, *, clock: Callable[[], int], most_messages: int = 200, most_bytes: int = 64 << 20) -> None:
        """`clock` gives UTC milliseconds."""
        self.listeners: list[Listener] = []
        self._clock = clock
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._bytes = 0
        self._traces: dict[str, _Trace] = {}
        self._of_call_id: dict[str, _Claims] = {}
        self._attempts: OrderedDict[_Try, _Attempt] = OrderedDict()
        self._of_host: Counter[str] = Counter()

    def __call__(self, flow: Flow, data: bytes, sent: bool) -> None:  # noqa: FBT001 - called for each message
        """Hear a message."""
        call_id = call_id_of(data)
        if call_id is None:
            return
        end = our_end(data, sent=sent)
        claims = self._of_call_id.get(call_id)
        trace = claims.find(end) if claims is not None else None
        if trace is None and (call_id, end.calls) not in self._attempts and not _begins(data):
            trace = claims.only() if claims is not None else None
            if trace is None:
                return
        message = TracedMessage(self._clock(), sent, flow.transport, flow.remote, call_id, data)
        if trace is not None:
            self._keep(trace, message)
        else:
            self._try(message, end)
        for listener in self.listeners:
            listener(message)

    # -- calls -------------------------------------------------------------------------------------------------

    def claim(self, call_id: str, tag: str, *, call: str, leg: str) -> None:
        """Keep what has the Call-ID and our tag from now on, and what came just before, as part of one of our calls.

        What is another call's stays that call's.
        """
        claims = self._of_call_id.setdefault(call_id, _Claims())
        trace = self._traces.get(call) or _Trace(self._most_messages)
        if claims.of_tag.setdefault(tag, trace) is not trace:
            return
        self._traces[call] = trace
        trace.legs[call_id] = leg
        trace.ends.add((call_id, tag))
        ours = self._attempts.get((call_id, True))
        key = call_id, ours is not None and ours.tag == tag
        attempt = self._attempts.get(key)
        if attempt is not None:
            self._forget_attempt(key)
            for message in attempt.messages:
                claims.of_branch[our_end(message.data, sent=message.sent).branch] = trace
                self._keep(trace, message)

    def of_call(self, call: str) -> Recording | None:
        """Give what is kept of a call, None when it is not known."""
        trace = self._traces.get(call)
        return Recording(trace.messages, dict(trace.legs), trace.left_out) if trace is not None else None

    def forget(self, call: str) -> None:
        """Let go of a call."""
        trace = self._traces.pop(call, None)
        if trace is not None:
            self._bytes -= trace.size
            for call_id, tag in trace.ends:
                self._disclaim(call_id, tag, trace)

    def _disclaim(self, call_id: str, tag: str, trace: _Trace) -> None:
        claims = self._of_call_id[call_id]
        del claims.of_tag[tag]
        claims.of_branch = {branch: whose for branch, whose in claims.of_branch.items() if whose is not trace}
        if not claims.of_tag:
            del self._of_call_id[call_id]

    @property
    def size(self) -> int:
        """How many bytes are kept of calls."""
        return self._bytes

    def _keep(self, trace: _Trace, message: TracedMessage) -> None:
        if trace.repeated(message):
            return
        size = len(message.data)
        if self._bytes + size > self._most_bytes or trace.size + size > _CALL_BYTES:
            trace.left_out += 1
        else:
            self._bytes += trace.add(message)

    # -- attempts ----------------------------------------------------------------------------------------------

    def attempts(self) -> Iterator[Attempt]:
        """Give the latest requests that were refused, by us or of ours, the oldest first."""
        for attempt in self._attempts.values():
            if attempt.status >= _REFUSED_FROM:
                yield Attempt(tuple(attempt.messages), attempt.status)

    def _try(self, message: TracedMessage, end: OurEnd) -> None:
        key = message.call_id, end.calls
        attempt = self._attempts.get(key)
        if attempt is None:
            attempt = self._new_attempt(key, message.remote[0], end.tag)
        status = _status(message.data)
        if len(attempt.messages) < _ATTEMPT_MESSAGES and attempt.size + len(message.data) <= _ATTEMPT_BYTES:
            attempt.messages.append(message)
            attempt.size += len(message.data)
        if status >= _FINAL_FROM:
            attempt.status = status
        if _FINAL_FROM <= status < _REFUSED_FROM:
            self._forget_attempt(key)

    def _new_attempt(self, key: _Try, host: str, tag: str) -> _Attempt:
        if self._of_host[host] >= _ATTEMPTS_OF_ONE:
            self._forget_attempt(next(name for name, attempt in self._attempts.items() if attempt.host == host))
        elif len(self._attempts) >= ATTEMPTS:
            self._forget_attempt(next(iter(self._attempts)))
        self._of_host[host] += 1
        attempt = self._attempts[key] = _Attempt(host, tag)
        return attempt

    def _forget_attempt(self, key: _Try) -> None:
        attempt = self._attempts.pop(key)
        self._of_host[attempt.host] -= 1
        if not self._of_host[attempt.host]:
            del self._of_host[attempt.host]


def _begins(data: bytes) -> bool:
    """Tell whether a message of an unknown Call-ID may be the first of something worth remembering."""
    return not data.startswith(_RESPONSE) and not data.startswith(_NO_ATTEMPT)


def _status(data: bytes) -> int:
    """Give a response's status at a glance, 0 for a request and for what bears none."""
    digits = data[8:11]
    return int(digits) if data.startswith(_RESPONSE) and digits.isdigit() else 0
