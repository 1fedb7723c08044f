"""Hang up at every moment of every application: nothing may be left, whatever had just begun."""

import asyncio
from collections.abc import Callable

import pytest

from tests.phone import Office, Phone, an_office
from tests.silent_media import SilentMedia
from webpbx.model.cause import Cause

MOMENTS = range(40)


def answer_all(office: Office) -> None:
    for phone in office.all_phones:
        if phone.leg is not None and phone.invited.is_set():
            phone.leg.answered()


def _call(office: Office, number: str) -> Phone:
    caller = office.phone("101")
    office.phone("102")
    office.phone("102").answers_at_once = number == "102"
    office.lines["main"].refusal = (Cause.TRUNK_DOWN, 503)
    caller.dial(number)
    return caller


def _caller(office: Office) -> Phone:
    return office.all_phones[len(office.lines)]


async def _ticks(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def caller_goes(office: Office) -> None:
    _caller(office).hang_up()


def called_goes(office: Office) -> None:
    for phone in office.all_phones:
        if phone.leg is not None and phone is not _caller(office):
            phone.hang_up()


def both_go(office: Office) -> None:
    called_goes(office)
    caller_goes(office)


def worker_dies(office: Office) -> None:
    assert isinstance(office.media, SilentMedia)
    office.media.legs.clear()
    office.exchange.worker_lost("0a")


@pytest.mark.parametrize("number", ["600", "101", "102", "999999", "030901820", "112"])
@pytest.mark.parametrize("blow", [caller_goes, called_goes, both_go, worker_dies])
async def test_nothing_is_left_of_a_call_whenever_somebody_goes(number: str, blow: Callable[[Office], None]) -> None:
    for moment in MOMENTS:
        async with an_office() as office:
            _call(office, number)
            await _ticks(moment)
            answer_all(office)
            blow(office)
            await _ticks(3)
            _caller(office).hang_up()
            await office.quiet()
            for phone in office.all_phones:
                assert len(phone.ends) <= 1
                assert phone.leg is None or len(phone.ends) == 1


@pytest.mark.parametrize("number", ["600", "102", "030901820", "999999"])
async def test_an_exchange_that_closes_ends_every_call_by_that_name(number: str) -> None:
    for moment in MOMENTS:
        async with an_office() as office:
            caller = _call(office, number)
            await _ticks(moment)
            await office.exchange.close()
            await office.quiet()
            assert caller.leg is not None
            assert caller.leg.cause in (Cause.SHUTTING_DOWN, Cause.UNKNOWN_NUMBER)
