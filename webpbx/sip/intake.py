"""Bytes as they come in: who is heard at all, where a message ends, and what cannot be read (RFC 3261 §18.3)."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from webpbx.sip.admission import Buckets
from webpbx.sip.grammar import Limits, ParseError, SipError
from webpbx.sip.message import Response, Status
from webpbx.sip.serving import Serving
from webpbx.sip.stateless import Stateless
from webpbx.sip.streams import Streams
from webpbx.sip.transport import PONG, Flow, read_message

log = logging.getLogger(__name__)

_NO_SIGN_OF_LIFE: Final = frozenset({Status.REQUEST_TIMEOUT, Status.SERVICE_UNAVAILABLE})

Tap = Callable[[Flow, bytes, bool], None]
"""Overhears each message: the flow, the bytes, and whether they are sent."""


@dataclass(slots=True, kw_only=True)
class Intake:
    """Read what peers send; nothing is raised, what cannot be served is counted by reason."""

    limits: Limits
    trusted: Callable[[str], bool]
    """Tells by the source address alone that a source has a bucket of its own."""
    buckets: Buckets
    stateless: Stateless
    streams: Streams
    serving: Serving
    tap: Tap | None = None

    def receive(self, flow: Flow, data: bytes, now: float) -> None:
        """Take bytes from a peer."""
        if flow.is_reliable:
            self._read_stream(flow, data, now)
        elif self._admit(flow, now):
            self._read(flow, data, now)

    def is_trusted(self, flow: Flow) -> bool:
        """Tell whether a source has a bucket of its own before it has said anything."""
        return self.trusted(flow.remote[0])

    def _admit(self, flow: Flow, now: float) -> bool:
        admitted = self.buckets.admit(flow.remote[0], now, trusted=self.is_trusted(flow))
        if not admitted:
            self.stateless.dropped("rate")
        return admitted

    def _read_stream(self, flow: Flow, data: bytes, now: float) -> None:
        """Serve the messages that are whole; a stream whose framing is lost is closed (§18.3)."""
        if (stream := self.streams.of(flow)) is None:
            return
        stream.feed(data)
        try:
            while (message := stream.take(now)) is not None:
                if not self._admit(flow, now):
                    if not self.streams.is_kept(stream, now):
                        self.streams.close(stream)
                elif message:
                    self._read(flow, message, now)
                else:
                    self.stateless.dropped("keep-alive")
                    self.serving.core.send(flow, PONG)
        except ParseError as error:
            self.stateless.answer_malformed(error, flow)
            self.streams.close(stream)

    def _read(self, flow: Flow, data: bytes, now: float) -> None:
        if self.tap is not None:
            self.tap(flow, data, False)
        try:
            message = read_message(data, flow, self.limits)
            if message is None:
                self.stateless.dropped("keep-alive")
            elif isinstance(message, Response):
                self._on_response(message, now)
            else:
                self.serving.serve(message, flow, now)
        except ParseError as error:
            self.stateless.answer_malformed(error, flow)
        except SipError:
            self.stateless.dropped("unanswerable")
        except Exception as error:  # noqa: BLE001 - no datagram may stop the receiver
            self.stateless.dropped("error")
            log.error("a SIP message from %s could not be served: %r", flow.remote[0], error)  # noqa: TRY400 - peers must not fill the log with traces

    def _on_response(self, response: Response, now: float) -> None:
        self.stateless.counters["response_in", f"{response.status // 100}xx"] += 1
        if len(response.vias) != 1:
            self.stateless.dropped("vias")
            return
        transaction = self.serving.core.transactions.of_response(response)
        if transaction is not None:
            if response.status not in _NO_SIGN_OF_LIFE:
                self.serving.core.unblock(transaction.flow)
            transaction.receive(response, now)
            return
        usage = self.serving.dialogs.of_response(response)
        if usage is not None and response.is_success and response.cseq.method == "INVITE":
            usage.acknowledge(response.cseq.number)
        else:
            self.stateless.dropped("stray response")
