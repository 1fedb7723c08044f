"""SIPp as a user's telephone: it registers, calls with its password, is called, and is told who else answered."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Company
from tests.free_ports import free_block
from tests.pbx import PASSWORD, Pbx
from tests.peers.sipp import EVER, Counts, Sipp
from tests.peers.test_baresip_phone import add_telephone
from tests.socket_phone import SocketPhone

ECHO = "*43"


@dataclass
class Desk:
    """Ben's telephone, which is a SIPp at `port`."""

    pbx: Pbx
    folder: Path
    username: str
    secret: str
    port: int

    def run(self, scenario: str, *, number: str = "", calls: int = 1, **words: str) -> Sipp:
        told = {"user": self.username, "secret": self.secret, **words}
        remote = f"127.0.0.1:{self.pbx.sip_port}"
        return Sipp(scenario, folder=self.folder, remote=remote, number=number, port=self.port, calls=calls, words=told)

    async def does(self, scenario: str, *, number: str = "", calls: int = 1, **words: Any) -> Counts:
        return await asyncio.to_thread(self.run(scenario, number=number, calls=calls, **words).wait)

    async def registers(self, *, status: str = "200", **words: Any) -> None:
        counts = await self.does("phone_registers", status=status, **words)
        assert (counts.successful, counts.failed) == (1, 0), counts.unexpected

    def other(self) -> "Desk":
        """Give Ben one more telephone."""
        return Desk(self.pbx, self.folder, *add_telephone(self.pbx), free_block(1))


@pytest.fixture
async def ben(pbx: Pbx, tmp_path: Path, company_with_trunk: Company) -> AsyncIterator[Desk]:
    """Serve a company whose Ben has a telephone; after the test no leg or call may be left."""
    pbx.take(company_with_trunk.data)
    pbx.serve()
    yield Desk(pbx, tmp_path, *add_telephone(pbx), free_block(1))
    await pbx.is_empty()


async def test_a_telephone_registers_and_its_calls_are_answered(ben: Desk) -> None:
    await ben.registers()
    assert (await ben.pbx.status())["telephones"][ben.username] == [f"127.0.0.1:{ben.port} UDP"]
    counts = await ben.does("phone_calls", number=ECHO, calls=10)
    assert (counts.successful, counts.failed) == (10, 0), counts.unexpected


async def test_five_wrong_passwords_shut_the_right_one_out_for_this_name_alone(ben: Desk) -> None:
    for _ in range(5):
        await ben.registers(status="401", secret="looking-glass")
    await ben.registers(status="401")
    await ben.other().registers()
    said = ben.pbx.said()
    assert f"has failed 5 times to prove that it is '{ben.username}'" in said
    assert ben.secret not in said
    assert "looking-glass" not in said


async def test_a_tab_calls_a_telephone_and_the_other_one_hears_that_it_was_answered(ben: Desk) -> None:
    kitchen = ben.other()
    await ben.registers()
    await kitchen.registers()
    desk = ben.run("answer", calls=EVER)
    other = kitchen.run("ring_until_cancelled")
    async with SocketPhone(ben.pbx.url, "anna", PASSWORD) as anna:
        leg = await anna.dial("102")
        await anna.until(leg, "answered")
        counts = await asyncio.to_thread(other.wait)
        assert (counts.successful, counts.failed) == (1, 0), counts.unexpected
        await anna.hang_up(leg)
        assert (await anna.until(leg, "ended"))["cause"] == "normal"
        await desk.has_done(1)
    counts = await asyncio.to_thread(desk.stop)
    assert counts.failed == 0, counts.unexpected
