"""`webpbx sip trace` at a shell: by the running switch, and on the database alone."""

import asyncio
import contextlib
import io
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.sip.wire import answer_to, invite, other
from webpbx.calls.facts import SipSessionBegan
from webpbx.cli import main
from webpbx.model.call_record import CallRecord
from webpbx.model.cause import Cause
from webpbx.model.tenant import Tenant
from webpbx.sip.trace import Recorder, Recording, TracedMessage
from webpbx.sip.transport import Flow
from webpbx.store.passwords import Passwords
from webpbx.store.store import Store
from webpbx.trace_log import TraceLog
from webpbx.trace_query import add_routes
from webpbx.web.control import control_app

FAR = ("192.0.2.1", 5060)
FLOW = Flow("UDP", ("192.0.2.9", 5060), FAR)
CAME = invite(call_id="cid").replace(b"sip:bob@", b"sip:+4915112345678@")


async def shell(data: Path, *words: str) -> tuple[int, str, str]:
    """Say a command to the program, loaded already."""
    out, err = io.StringIO(), io.StringIO()

    def say() -> int:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            return main([*words, "--data", str(data)])

    return await asyncio.to_thread(say), out.getvalue(), err.getvalue()


def record(call_id: str, started_ms: int, caller: str = "+4915112345678") -> CallRecord:
    return CallRecord(
        call_id,
        "acme",
        "in",
        started_ms,
        started_ms + 500,
        started_ms + 12_500,
        caller_number=caller,
        dialled="+493023125101",
        outcome="answered",
        cause=Cause.NORMAL,
    )


async def furnish(store: Store) -> None:
    await store.tenants.add(Tenant("acme", "Acme"))
    acme = store.tenant("acme")
    await acme.call_records.put(record("first", 1_700_000_000_000))
    await acme.call_records.put(record("second", 1_700_000_100_000, caller="+4930111"))
    message = TracedMessage(1_700_000_000_000, False, "UDP", FAR, "cid", CAME)
    await acme.sip_traces.put("first", Recording((message,), {"cid": "leg"}), written_ms=1_700_000_000_000)


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A data folder with two calls and no switch."""
    async with await Store.open(tmp_path / "data") as store:
        await furnish(store)
    return tmp_path / "data"


@pytest.fixture
async def switch(tmp_path: Path) -> AsyncIterator[TraceLog]:
    """The control socket of a running switch at `tmp_path`; its store is elsewhere, so that one can tell."""
    async with await Store.open(None, clock=lambda: 1_700_000_000_000) as store:
        await furnish(store)
        log = TraceLog(store, Recorder(clock=lambda: 1_700_000_050_000), days=7, clock=lambda: 1_700_000_000_000)
        passwords = Passwords(memory_kib=256, rounds=1, lanes=1)

        async def on_changed(_: str) -> None:
            """Nobody minds."""

        app = control_app(store, passwords, on_changed=on_changed, status=dict)
        add_routes(app, store, log)
        runner = web.AppRunner(app)
        await runner.setup()
        (tmp_path / "run").mkdir()
        await web.UnixSite(runner, str(tmp_path / "run" / "switch.sock")).start()
        yield log
        await runner.cleanup()
        await log.close()
        await passwords.close()


async def test_a_call_is_drawn_from_the_database_when_no_switch_runs(folder: Path) -> None:
    code, out, _ = await shell(folder, "sip", "trace", "first")
    assert code == 0
    assert out.startswith("Call first  2023-11-14 ")
    assert "+49…78 -> +49…01  answered (normal), talked 12 s" in out
    assert "INVITE (SDP)" in out
    assert "5112345678" not in out


async def test_numbers_are_shown_in_full_when_asked_for(folder: Path) -> None:
    _, out, _ = await shell(folder, "sip", "trace", "first", "--numbers")
    assert "+4915112345678 -> +493023125101" in out
    assert "<sip:+4915112345678@example.org>" in out


async def test_the_last_calls_come_the_newest_last_and_one_is_the_default(folder: Path) -> None:
    _, out, _ = await shell(folder, "sip", "trace", "--last", "5")
    assert out.index("Call first") < out.index("Call second")
    _, out, _ = await shell(folder, "sip", "trace")
    assert "Call second" in out
    assert "Call first" not in out
    assert "No SIP message is kept of it." in out


async def test_calls_are_found_by_a_number(folder: Path) -> None:
    _, out, _ = await shell(folder, "sip", "trace", "--number", "0151 123", "--json")
    [call] = json.loads(out)
    assert (call["call_id"], call["tenant_id"], call["messages"][0]["label"]) == ("first", "acme", "INVITE")
    assert "5112345678" not in out
    _, out, _ = await shell(folder, "sip", "trace", "--number", "999999")
    assert out == "There are none.\n"


@pytest.mark.parametrize("words", [("nobody",), ("--follow",)])
async def test_what_cannot_be_is_told_in_a_sentence(folder: Path, words: tuple[str, ...]) -> None:
    code, out, err = await shell(folder, "sip", "trace", *words)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "webpbx s" in err


async def test_a_running_switch_knows_the_calls_that_are_up(switch: TraceLog, tmp_path: Path) -> None:
    await switch._store.tenant("acme").call_records.put(CallRecord("up", "acme", "in", 1_700_000_200_000))
    switch.recorder(FLOW, CAME, False)
    switch.hear(SipSessionBegan("acme", "up", "leg", "cid", "t1"))
    code, out, _ = await shell(tmp_path, "sip", "trace", "up")
    assert code == 0
    assert "is up" in out
    assert "INVITE (SDP)" in out


async def test_refused_requests_are_shown_with_the_reason(switch: TraceLog, tmp_path: Path) -> None:
    register = other("REGISTER", call_id="r")
    switch.recorder(FLOW, register, False)
    switch.recorder(FLOW, answer_to(register, 403), True)
    _, out, _ = await shell(tmp_path, "sip", "trace", "--refused")
    assert "from 192.0.2.1:5060: refused with 403" in out
    assert "403 Whatever" in out


async def test_a_call_nobody_has_is_told_by_the_switch_too(switch: TraceLog, tmp_path: Path) -> None:
    assert switch.tap is not None
    code, _, err = await shell(tmp_path, "sip", "trace", "nobody")
    assert code == 2
    assert err.startswith("There is no call 'nobody'")


class Following:
    """`webpbx sip trace --follow` in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self) -> str:
        assert self.process.stdout is not None
        return (await self.process.stdout.readline()).decode()

    async def ends(self) -> tuple[int, str]:
        _, err = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, err.decode()


async def following(data: Path, log: TraceLog, *more: str) -> Following:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "webpbx", "sip", "trace", "--follow", "--data", str(data), *more),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(os.environ),
    )
    async with asyncio.timeout(30):
        while not log.recorder.listeners:  # noqa: ASYNC110 - a process takes a second to begin
            await asyncio.sleep(0.02)
    return Following(process)


@pytest.mark.process
async def test_following_shows_each_message_until_ctrl_c(switch: TraceLog, tmp_path: Path) -> None:
    follower = await following(tmp_path, switch)
    switch.recorder(FLOW, CAME, False)
    line = await follower.line()
    assert "<- 192.0.2.1:5060 UDP  INVITE sip:100@192.0.2.9 SIP/2.0  cid" in line
    switch.recorder(FLOW, answer_to(CAME, 180), True)
    assert "-> 192.0.2.1:5060 UDP  180 Whatever (INVITE)  cid" in await follower.line()
    follower.process.send_signal(signal.SIGINT)
    code, err = await follower.ends()
    assert (code, err.strip()) == (130, "")
    switch.recorder(FLOW, answer_to(CAME, 200), True)
    async with asyncio.timeout(10):
        while switch.recorder.listeners:  # the switch learns of it as it writes
            switch.recorder(FLOW, answer_to(CAME, 200), True)
            await asyncio.sleep(0.02)


@pytest.mark.process
async def test_following_ends_with_the_switch_and_says_so(switch: TraceLog, tmp_path: Path) -> None:
    follower = await following(tmp_path, switch, "--json")
    switch.recorder(FLOW, CAME, False)
    told: dict[str, Any] = json.loads(await follower.line())
    assert (told["label"], told["sent"]) == ("INVITE", False)
    switch.end_following()
    assert await follower.ends() == (0, "The switch has stopped.\n")
