import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from tests.sip.wire import answer_to, invite, other
from tests.store.clock import Clock
from webpbx.calls.facts import CallEnded, LegMoved, SipSessionBegan
from webpbx.model.call_record import CallRecord
from webpbx.model.tenant import Tenant
from webpbx.sip.trace import Recorder
from webpbx.sip.transport import Flow
from webpbx.store.store import Store
from webpbx.trace_log import TraceLog

FLOW = Flow("UDP", ("192.0.2.9", 5060), ("192.0.2.1", 5060))
OpenLog = Callable[..., TraceLog]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(clock: Clock) -> AsyncIterator[Store]:
    async with await Store.open(None, clock=clock) as store:
        await store.tenants.add(Tenant("acme", "Acme"))
        await store.tenants.add(Tenant("beta", "Beta"))
        yield store


@pytest.fixture
async def log(store: Store, clock: Clock) -> AsyncIterator[TraceLog]:
    log = TraceLog(store, Recorder(clock=lambda: 1000), days=7, clock=clock, settle=0.0)
    yield log
    await log.close()


def begins(log: TraceLog, call: str = "call") -> None:
    log.recorder(FLOW, invite(call_id="cid"), False)
    log.hear(SipSessionBegan("acme", call, "leg", "cid", "t1"))


def ends(log: TraceLog, call: str = "call") -> None:
    log.hear(CallEnded("acme", CallRecord(call, "acme", "in", 1)))


async def written(store: Store, count: int) -> list[bytes]:
    """Wait until the store has so many messages of the call, and give their first words."""
    while len((await store.tenant("acme").sip_traces.get("call")).messages) != count:  # noqa: ASYNC110 - polls a task
        await asyncio.sleep(0.005)
    return [message.data.partition(b" ")[0] for message in (await store.tenant("acme").sip_traces.get("call")).messages]


async def test_a_call_that_is_up_can_be_seen_before_anything_is_written(log: TraceLog) -> None:
    begins(log)
    assert len((await log.of_call("acme", "call")).messages) == 1
    assert (await log.of_call("beta", "call")).messages == ()


async def test_a_call_is_written_when_it_has_ended_with_what_was_said_just_after(store: Store, log: TraceLog) -> None:
    begins(log)
    ends(log)
    log.recorder(FLOW, other("BYE", call_id="cid"), True)
    assert await written(store, 2) == [b"INVITE", b"BYE"]
    while log.recorder.of_call("call") is not None:  # noqa: ASYNC110 - polls a task
        await asyncio.sleep(0.005)
    assert len((await log.of_call("acme", "call")).messages) == 2


async def test_an_answered_call_is_written_so_that_a_kill_leaves_its_beginning(store: Store, log: TraceLog) -> None:
    begins(log)
    log.recorder(FLOW, answer_to(invite(call_id="cid"), 200), True)
    log.hear(LegMoved("acme", "call", "leg", "answered", None))
    assert await written(store, 2) == [b"INVITE", b"SIP/2.0"]
    assert len((await log.of_call("acme", "call")).messages) == 2


async def test_the_next_life_of_the_switch_adds_its_part(store: Store, log: TraceLog, clock: Clock) -> None:
    begins(log)
    await log.close()
    later = TraceLog(store, Recorder(clock=lambda: 9000), days=7, clock=clock, settle=0.0)
    later.hear(SipSessionBegan("acme", "call", "leg", "cid", "t1"))
    later.recorder(FLOW, other("BYE", call_id="cid"), False)
    assert [m.data.partition(b" ")[0] for m in (await later.of_call("acme", "call")).messages] == [b"INVITE", b"BYE"]
    ends(later)
    assert await written(store, 2) == [b"INVITE", b"BYE"]
    await later.close()


async def test_closing_writes_what_is_known_of_calls_that_go_on(store: Store, log: TraceLog) -> None:
    begins(log)
    await log.close()
    assert await written(store, 1) == [b"INVITE"]


async def test_with_no_day_to_keep_it_nothing_is_heard(store: Store, clock: Clock) -> None:
    log = TraceLog(store, Recorder(clock=lambda: 1000), days=0, clock=clock)
    assert log.tap is None
    begins(log)
    assert (await log.of_call("acme", "call")).messages == ()
    await log.close()


async def test_what_was_kept_too_long_is_swept_at_the_start(store: Store, clock: Clock) -> None:
    first = TraceLog(store, Recorder(clock=lambda: 1000), days=7, clock=clock)
    begins(first)
    await first.close()
    assert await written(store, 1) == [b"INVITE"]
    clock.now += 7 * 86_400_000 + 1
    second = TraceLog(store, Recorder(clock=lambda: 1000), days=7, clock=clock)
    assert await written(store, 0) == []
    await second.close()


async def test_followers_hear_each_message_and_are_sent_away_at_the_end(log: TraceLog) -> None:
    heard: list[bytes] = []

    async def follow() -> None:
        heard.extend([message.data.partition(b" ")[0] async for message in log.follow()])

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(follow())
        await asyncio.sleep(0)
        begins(log)
        log.recorder(FLOW, other("BYE", call_id="cid"), False)
        log.end_following()
    assert heard == [b"INVITE", b"BYE"]
    assert log.recorder.listeners == []


async def test_a_follower_that_is_far_behind_misses_some_and_takes_no_memory(log: TraceLog) -> None:
    following = log.follow()
    waiting = asyncio.ensure_future(anext(following))
    await asyncio.sleep(0)
    for number in range(3000):
        log.recorder(FLOW, invite(call_id=f"c{number}"), False)
    await waiting
    log.end_following()
    rest = [message async for message in following]
    assert len(rest) <= 1000
