"""Connections as the core sees them: their messages, their patience, how many an address may have (RFC 3261 §18)."""

from collections import Counter
from collections.abc import Callable

from webpbx.sip.settings import SipSettings
from webpbx.sip.timers import Timers
from webpbx.sip.transport import Flow, Framer


class Stream:
    """Keep one connection's framing and deadlines."""

    def __init__(self, streams: "Streams", flow: Flow, *, accepted: bool, now: float) -> None:
        self.flow = flow
        self.accepted = accepted
        self.is_strange = False
        self.kept_until = 0.0
        self.heard_at = now
        self.deadlines: dict[str, float] = {}
        self.is_closing = False
        self._framer = Framer(streams.settings.limits)
        self._streams = streams

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        self._framer.feed(data)

    def take(self, now: float) -> bytes | None:
        """Return the next message, b"" for a ping, None when there is none yet; a message has its time from here on."""
        message = None if self.is_closing else self._framer.take()
        if message is not None:
            self.heard_at = now
            self.deadlines.pop("message", None)
        elif "message" not in self.deadlines and not self._framer.is_between:
            self._streams.timers.set(self, "message", now + self._streams.settings.stream_message)
        return message

    def fire(self, letter: str, now: float) -> None:
        """Close a connection that dawdles over a message, or is silent and of no use."""
        idle = self._streams.settings.stream_idle
        if letter == "message":
            self._streams.close(self)
        elif now < self.heard_at + idle:
            self._streams.timers.set(self, "idle", self.heard_at + idle)
        elif self._streams.is_kept(self, now):
            self._streams.timers.set(self, "idle", now + idle)
        else:
            self._streams.close(self)


class Streams:
    """Hold every open connection. `close` orders one to be closed, `in_use` tells whether a call needs its flow."""

    def __init__(
        self,
        *,
        settings: SipSettings,
        timers: Timers,
        close: Callable[[Flow], None],
        in_use: Callable[[Flow], bool],
    ) -> None:
        self.settings = settings
        self.timers = timers
        self._close = close
        self._in_use = in_use
        self._streams: dict[Flow, Stream] = {}
        self._strangers: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._streams)

    def of(self, flow: Flow) -> Stream | None:
        """Return the open connection of a flow."""
        return self._streams.get(flow)

    def accept(self, flow: Flow, now: float, *, trusted: bool) -> bool:
        """Take a connection a peer opened; False when its address, no peer's, has too many that are not registered."""
        host = flow.remote[0]
        full = len(self._streams) >= self.settings.max_streams
        many = not trusted and self._strangers.get(host, 0) >= self.settings.streams_per_address
        if full or many or flow in self._streams:
            return False
        stream = self._streams[flow] = Stream(self, flow, accepted=True, now=now)
        stream.is_strange = not trusted
        if stream.is_strange:
            self._strangers[host] += 1
        self.timers.set(stream, "idle", now + self.settings.stream_idle)
        return True

    def opened(self, flow: Flow, now: float) -> None:
        """Take a connection we opened; it stays until the far end closes it."""
        self._streams[flow] = Stream(self, flow, accepted=False, now=now)

    def closed(self, flow: Flow) -> bool:
        """Let go of a connection; False when it was none."""
        stream = self._streams.pop(flow, None)
        if stream is None:
            return False
        stream.deadlines.clear()
        self._acquaint(stream)
        return True

    def _acquaint(self, stream: Stream) -> None:
        """Count a connection no longer among those of its address."""
        if stream.is_strange:
            stream.is_strange = False
            host = stream.flow.remote[0]
            self._strangers[host] -= 1
            if not self._strangers[host]:
                del self._strangers[host]

    def close(self, stream: Stream) -> None:
        """Have a connection closed; nothing more is read from it."""
        if not stream.is_closing:
            stream.is_closing = True
            stream.deadlines.clear()
            self._close(stream.flow)

    def keep(self, flow: Flow, until: float) -> None:
        """Let a registered connection stay; it counts no more among its address's."""
        stream = self._streams.get(flow)
        if stream is not None:
            self._acquaint(stream)
            stream.kept_until = max(stream.kept_until, until)

    def is_kept(self, stream: Stream, now: float) -> bool:
        """Tell whether a silent connection is to stay: ours, a registered one, one that a call lives on."""
        return not stream.accepted or stream.kept_until > now or self._in_use(stream.flow)
