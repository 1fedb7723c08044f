"""What was said in SIP, call by call: heard from the stack, kept in the store for a time, told to whoever asks."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from typing import Final, Self

from webpbx.calls.facts import CallEnded, Fact, LegMoved, SipSessionBegan
from webpbx.calls.leg import LegState
from webpbx.model.settings import ServeSettings
from webpbx.sip.trace import Attempt, Recorder, Recording, TracedMessage
from webpbx.store.sip_traces import joined
from webpbx.store.store import Store

logger = logging.getLogger(__name__)

SETTLE: Final = 3.0
"""Seconds after an answer or an end, until which what belongs to it has mostly been said."""
SWEEP_EVERY: Final = 86_400.0
_DAY_MS: Final = 86_400_000
_WAITING: Final = 1_000  # messages that a follower may be behind


class TraceLog:
    """The subscriber of facts that says whose call a SIP session is, and keeps what was said in it.

    A call is written when it is answered, so that a kill leaves its beginning, and again when it has ended.
    """

    def __init__(
        self, store: Store, recorder: Recorder, *, days: int, clock: Callable[[], int], settle: float = SETTLE
    ) -> None:
        self.recorder = recorder
        self._store = store
        self._days = days
        self._clock = clock
        self._settle = settle
        self._companies: dict[str, str] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._writing: set[asyncio.Task[None]] = set()
        self._followers: set[asyncio.Queue[TracedMessage | None]] = set()
        self._sweeper = asyncio.create_task(self._sweep(), name="sweep of SIP messages")

    @classmethod
    def as_set(cls, settings: ServeSettings, store: Store, *, clock: Callable[[], int]) -> Self:
        """Make it with the limits that the installation was started with; `clock` gives UTC milliseconds."""
        recorder = Recorder(
            clock=clock, most_messages=settings.sip_trace_messages, most_bytes=settings.sip_trace_memory << 20
        )
        return cls(store, recorder, days=settings.sip_trace_days, clock=clock)

    def hear(self, fact: Fact) -> None:
        """Take from what has happened which SIP session belongs to which call, and when to write."""
        match fact:
            case SipSessionBegan(tenant_id=tenant_id, call_id=call_id) if fact.sip_call_id and self._days:
                self._companies[call_id] = tenant_id
                self.recorder.claim(fact.sip_call_id, fact.sip_tag, call=call_id, leg=fact.leg_id)
            case LegMoved(call_id=call_id, state=state) if call_id in self._companies:
                if state == str(LegState.ANSWERED):
                    self._write_later(call_id)
            case CallEnded() if fact.record.id in self._companies:
                self._write_later(fact.record.id, over=True)

    @property
    def tap(self) -> Recorder | None:
        """Give what the stack is to tell each message, None where nothing is to be kept."""
        return self.recorder if self._days else None

    async def of_call(self, tenant_id: str, call_id: str) -> Recording:
        """Give what is known of a company's call, of one that is up too; empty where there is nothing."""
        living = self.recorder.of_call(call_id) if self._companies.get(call_id) == tenant_id else None
        begun = living.messages[0].at_ms if living is not None and living.messages else None
        kept = await self._store.tenant(tenant_id).sip_traces.get(call_id, but_begun_ms=begun)
        return joined([kept, living]) if living is not None else kept

    def attempts(self) -> Iterator[Attempt]:
        """Give the latest requests that led to no call since they were refused, of all companies."""
        return self.recorder.attempts()

    # -- following ---------------------------------------------------------------------------------------------

    async def follow(self) -> AsyncGenerator[TracedMessage, None]:
        """Give each message as it comes and goes; a follower that is far behind misses some."""
        with self._following() as waiting:
            while (message := await waiting.get()) is not None:
                yield message

    def end_following(self) -> None:
        """Send every follower away: the switch is about to close."""
        for waiting in self._followers:
            while waiting.full():
                waiting.get_nowait()
            waiting.put_nowait(None)

    @contextmanager
    def _following(self) -> Iterator["asyncio.Queue[TracedMessage | None]"]:
        waiting: asyncio.Queue[TracedMessage | None] = asyncio.Queue(_WAITING)

        def hear(message: TracedMessage) -> None:
            if not waiting.full():
                waiting.put_nowait(message)

        self._followers.add(waiting)
        self.recorder.listeners.append(hear)
        try:
            yield waiting
        finally:
            self.recorder.listeners.remove(hear)
            self._followers.discard(waiting)

    # -- keeping -----------------------------------------------------------------------------------------------

    def _write_later(self, call_id: str, *, over: bool = False) -> None:
        """Write a call soon: the answer to its BYE, an ACK or a repeat is still to come."""
        if over or call_id not in self._timers:
            self._stop_timer(call_id)
            loop = asyncio.get_running_loop()
            self._timers[call_id] = loop.call_later(self._settle, lambda: self._write(call_id, over=over))

    def _write(self, call_id: str, *, over: bool) -> None:
        self._stop_timer(call_id)
        task = asyncio.get_running_loop().create_task(self._put(call_id, over=over), name=f"SIP of call {call_id}")
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _put(self, call_id: str, *, over: bool) -> None:
        recording = self.recorder.of_call(call_id)
        if recording is not None:
            traces = self._store.tenant(self._companies[call_id]).sip_traces
            try:
                await traces.put(call_id, recording, written_ms=self._clock())
            except Exception:
                logger.exception("the SIP messages of call %s could not be written", call_id)
        if over:
            self.recorder.forget(call_id)
            self._companies.pop(call_id, None)

    def _stop_timer(self, call_id: str) -> None:
        timer = self._timers.pop(call_id, None)
        if timer is not None:
            timer.cancel()

    async def _sweep(self) -> None:
        while True:
            try:
                await self._store.sweep_sip_traces(keep_ms=self._days * _DAY_MS)
            except Exception:
                logger.exception("old SIP messages could not be deleted")
            await asyncio.sleep(SWEEP_EVERY)

    async def close(self) -> None:
        """Write what is known of each call, and end."""
        self.end_following()
        self._sweeper.cancel()
        for call_id in tuple(self._companies):
            self._write(call_id, over=True)
        await asyncio.gather(self._sweeper, *self._writing, return_exceptions=True)
