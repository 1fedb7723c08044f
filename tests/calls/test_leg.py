"""The leg's state machine and the ways in which a hang-up reaches a verb."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.phone import Office, an_office
from webpbx.calls.leg import MOVES, Guard, HungUp, Leg, LegState, Party, Redirected
from webpbx.model.cause import Cause
from webpbx.model.destination import ToEcho, ToExtension


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with an_office() as office:
        yield office


@pytest.fixture
def leg(office: Office) -> Leg:
    call = office.exchange.new_call("c", destination=ToEcho(), dialled="600", direction="inside", started_ms=1)
    office.exchange.over(call)
    return call.new_leg(office.phone("101"), Party("101"), direction="in", worker="0a", leg_id="l")


def test_an_ended_leg_never_moves_again_and_an_answered_one_only_ends() -> None:
    assert MOVES[LegState.ENDED] == frozenset()
    assert MOVES[LegState.ANSWERED] == {LegState.ENDED}
    assert set(MOVES) == set(LegState)


@pytest.mark.process
@settings(deadline=None)
@given(st.lists(st.sampled_from(["ringing", "answered", "ended", "early"]), max_size=12))
async def test_whatever_a_far_end_says_in_whatever_order_the_leg_moves_only_by_the_table(words: list[str]) -> None:
    async with an_office() as office:
        call = office.exchange.new_call("c", destination=ToEcho(), dialled="", direction="inside", started_ms=1)
        office.exchange.over(call)
        leg = call.new_leg(office.phone("101"), Party("101"), direction="out", worker="0a", leg_id="l")
        for word in words:
            before = leg.state
            match word:
                case "ringing":
                    moved = leg.ringing()
                case "answered":
                    moved = leg.answered()
                case "ended":
                    moved = leg.ended(Cause.BUSY)
                case _:
                    leg.early_media()
                    moved = False
            assert moved == (leg.state is not before)
            assert leg.state is before or leg.state in MOVES[before]
        assert (leg.ended_ms is None) == leg.up


async def test_a_hang_up_leaves_the_verb_that_waits(leg: Leg) -> None:
    asyncio.get_running_loop().call_soon(leg.ended, Cause.NORMAL)
    with pytest.raises(HungUp) as gone, Guard(leg):
        await asyncio.Event().wait()
    assert gone.value.cause is Cause.NORMAL
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)  # and nothing comes after it


async def test_a_hang_up_between_two_verbs_sticks(leg: Leg) -> None:
    with Guard(leg):
        await asyncio.sleep(0)
    leg.ended(Cause.NORMAL)
    for _ in range(2):
        with pytest.raises(HungUp), Guard(leg):
            pytest.fail("the verb must not begin")


async def test_a_hang_up_in_the_very_tick_in_which_the_verb_is_done_is_not_lost_and_not_late(leg: Leg) -> None:
    done = asyncio.get_running_loop().create_future()

    def both() -> None:
        done.set_result(None)  # the verb's own end is on its way to the task ...
        leg.ended(Cause.NORMAL)  # ... when the hang-up comes

    asyncio.get_running_loop().call_soon(both)
    with pytest.raises(HungUp), Guard(leg):
        await done
    await asyncio.sleep(0)


async def test_a_task_that_ends_its_own_leg_is_not_cancelled_by_it(leg: Leg) -> None:
    reached: list[str] = []

    async def verb() -> None:
        with Guard(leg):
            leg.ended(Cause.NORMAL)
            await asyncio.sleep(0)
            reached.append("end")

    with pytest.raises(HungUp):
        await verb()
    assert reached == ["end"]


async def test_only_the_innermost_guard_of_a_task_is_left_by_cancellation(leg: Leg) -> None:
    left: list[str] = []

    async def verb() -> None:
        with Guard(leg):
            try:
                with Guard(leg):
                    await asyncio.Event().wait()
            except HungUp:
                left.append("inner")
                raise

    asyncio.get_running_loop().call_soon(leg.ended, Cause.NORMAL)
    with pytest.raises(HungUp):
        await verb()
    assert left == ["inner"]
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_of_two_legs_that_go_in_one_tick_the_outer_guard_is_left(office: Office, leg: Leg) -> None:
    other = leg.call.new_leg(office.phone("102"), Party("102"), direction="out", worker="0a", leg_id="other")

    def both() -> None:
        leg.ended(Cause.NORMAL)
        other.ended(Cause.NORMAL)

    asyncio.get_running_loop().call_soon(both)
    with pytest.raises(HungUp) as gone, Guard(leg), Guard(other):
        await asyncio.Event().wait()
    assert gone.value.leg is leg
    await asyncio.sleep(0)


async def test_an_order_to_stop_wins_over_a_hang_up_in_the_same_tick(leg: Leg) -> None:
    async def wait() -> None:
        with Guard(leg):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    leg.ended(Cause.NORMAL)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_redirection_is_delivered_once(leg: Leg) -> None:
    asyncio.get_running_loop().call_soon(leg.redirect, ToExtension("102"))
    with pytest.raises(Redirected) as redirected, Guard(leg):
        await asyncio.Event().wait()
    assert redirected.value.destination == ToExtension("102")
    with Guard(leg):
        await asyncio.sleep(0)


async def test_a_redirection_between_two_verbs_reaches_the_next(leg: Leg) -> None:
    leg.redirect(ToEcho())
    with pytest.raises(Redirected), Guard(leg):
        pytest.fail("the verb must not begin")
    with Guard(leg):
        await asyncio.sleep(0)


async def test_a_hang_up_after_a_redirection_is_what_counts(leg: Leg) -> None:
    leg.redirect(ToEcho())
    leg.ended(Cause.NORMAL)
    with pytest.raises(HungUp), Guard(leg):
        pytest.fail("the verb must not begin")


async def test_an_answer_after_the_end_is_refused(leg: Leg) -> None:
    leg.ended(Cause.ANSWERED_ELSEWHERE)
    assert not leg.answered()
    assert not leg.ended(Cause.NORMAL)
    assert leg.cause is Cause.ANSWERED_ELSEWHERE


async def test_digits_that_nobody_takes_are_forgotten_beyond_64(leg: Leg) -> None:
    for number in range(70):
        leg.press(str(number % 10))
    assert leg.keys.qsize() == 64
