"""Answers that keep no state, and what is counted (RFC 3261 §8.2.7)."""

import hmac
from collections import Counter
from collections.abc import Callable, Iterable
from hashlib import sha256

from webpbx.sip.grammar import ParseError, SipError
from webpbx.sip.message import Header, Request, response_to
from webpbx.sip.transport import Flow, request_of, response_flow


class Stateless:
    """Answer requests that are worth no transaction: a repeat gets the same answer again."""

    def __init__(self, *, key: bytes, send: Callable[[Flow, bytes], None]) -> None:
        self.counters: Counter[tuple[str, str]] = Counter()
        """(kind, what) → how often; kinds are request_in, response_in, request_out, response_out, dropped."""
        self._key = key
        self._send = send

    def tag(self, request: Request) -> str:
        """Make a To tag that is the same for every repeat."""
        text = f"{request.via.branch} {request.call_id} {request.cseq}"
        return hmac.new(self._key, text.encode("utf-8", "replace"), sha256).hexdigest()[:20]

    def reply(self, request: Request, flow: Flow, status: int, headers: Iterable[Header] = ()) -> None:
        """Answer a request."""
        response = response_to(request, status, tag=self.tag(request), headers=headers)
        self._send(response_flow(request.via, flow), bytes(response))
        self.count_response(status)

    def answer_malformed(self, error: ParseError, flow: Flow) -> None:
        """Answer a request that cannot be read, as far as it can be answered at all."""
        self.dropped("malformed")
        head: bytes | None = error.details.get("head")
        request: Request | None = error.details.get("request") if head is None else request_of(head)
        if request is None:
            return
        try:
            back = response_flow(request.via, flow)
        except ParseError:
            back = flow
        try:
            data = bytes(response_to(request, error.status, error.text.capitalize()))
        except SipError:
            return
        self._send(back, data)
        self.count_response(error.status)

    def dropped(self, reason: str) -> None:
        """Count a message that was not served."""
        self.counters["dropped", reason] += 1

    def count_response(self, status: int) -> None:
        """Count a response of ours."""
        self.counters["response_out", f"{status // 100}xx"] += 1
