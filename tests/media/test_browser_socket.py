import asyncio
import random
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from aioice import stun as reference

from tests.media.peers import ADDRESS, Bench, Browser, conversation, eventually
from webpbx.media import stun
from webpbx.media.client import Media

pytestmark = pytest.mark.process

W = "0a"
Worker = tuple[Bench, Media]

# A DTLS 1.2 fatal alert (internal error) and the beginning of a ClientHello, both unencrypted.
ALERT = bytes.fromhex("15fefd00000000000000000002" + "0250")
CLIENT_HELLO = bytes.fromhex("16fefd0000000000000000001c010000100000000000000010fefd") + bytes(14)


async def echoing(media: Media) -> tuple[Browser, tuple[str, int], str]:
    """Put a browser on an echo; return it, the worker's media address and the answer."""
    browser = Browser(700)
    answer = await media.browser_leg(W, "b", offer=await browser.offer(), codecs=("opus",))
    assert answer is not None
    await browser.answered(answer)
    await media.loop_back(W, "b")
    await eventually(lambda: browser.hears(700), "the echo is heard")
    return browser, (ADDRESS, int(re.findall(r"m=audio (\d+)", answer)[0])), answer


async def status(bench: Bench) -> dict[str, Any]:
    return dict((await conversation(bench.path, {"id": 1, "verb": "status"}))[0]["ok"])


async def test_hostile_datagrams_do_not_end_a_call(worker: Worker) -> None:
    bench, media = worker
    browser, target, answer = await echoing(media)
    ufrag = re.findall(r"ice-ufrag:(\S+)", answer)[0]
    unsigned = stun.BINDING_REQUEST.to_bytes(2, "big") + b"\x00\x10" + stun.COOKIE + bytes(12)
    unsigned += b"\x00\x06\x00\x0c" + f"{ufrag}:xxx".encode()[:12].ljust(12, b"x")
    hostile = [
        b"",
        b"\x00",
        ALERT,
        CLIENT_HELLO,
        bytes(64),
        b"\x80" * 12,
        b"\x80\xc8" + bytes(40),
        unsigned,
        b"\xff" * 1700,
    ]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((ADDRESS, 0))
        stranger.setblocking(False)
        for _ in range(20):
            for data in hostile:
                stranger.sendto(data, target)
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.6)
    assert browser.hears(700)
    figures = await status(bench)
    assert figures["errors"] == 0
    assert {"odd_size", "unvalidated_source", "bad_stun"} <= set(figures["dropped"])
    assert "gone" not in bench.kinds("b")
    await browser.close()


async def test_odd_datagrams_from_the_browsers_own_address_do_not_end_its_call(worker: Worker) -> None:
    bench, media = worker
    browser, target, _ = await echoing(media)
    ice = browser.connection.getSenders()[0].transport.transport
    transport = ice._connection._protocols[0].transport
    for data in (b"", ALERT, CLIENT_HELLO, b"\x80" * 40, b"\x80\xc8" * 20, b"\x16\xfe\xfd", bytes(100), b"\x40" * 50):
        for _ in range(10):
            transport.sendto(data, target)
    await asyncio.sleep(0.6)
    assert browser.hears(700)
    assert (await status(bench))["errors"] == 0
    await browser.close()


async def test_a_plain_binding_request_is_answered_a_few_times_a_second(worker: Worker) -> None:
    _, media = worker
    browser, target, _ = await echoing(media)
    request = stun.BINDING_REQUEST.to_bytes(2, "big") + b"\x00\x00" + stun.COOKIE + bytes(range(12))
    answers = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((ADDRESS, 0))
        client.setblocking(False)
        for _ in range(100):
            client.sendto(request, target)
        await asyncio.sleep(0.3)
        while True:
            try:
                answers.append(client.recv(1500))
            except BlockingIOError:
                break
        port = client.getsockname()[1]
    assert 1 <= len(answers) <= 10
    assert answers[0][:2] == stun.BINDING_SUCCESS.to_bytes(2, "big")
    assert int.from_bytes(answers[0][26:28], "big") ^ 0x2112 == port
    await browser.close()


async def test_an_ice_restart_keeps_keys_and_sound(worker: Worker) -> None:
    bench, media = worker
    browser, _, first = await echoing(media)
    offer = str(browser.connection.localDescription.sdp)
    again = await media.browser_leg(W, "b", offer=offer, codecs=("opus",))
    restarted = await media.browser_leg(
        W, "b", offer=re.sub(r"ice-ufrag:\S+", "ice-ufrag:abcd", offer), codecs=("opus",)
    )
    assert again is not None
    assert restarted is not None
    names = [re.findall(r"ice-ufrag:(\S+)", text)[0] for text in (first, again, restarted)]
    assert names[0] == names[1] != names[2]
    await asyncio.sleep(0.6)
    assert browser.hears(700)
    assert bench.kinds("b").count("connected") == 1
    await browser.close()


def resident_kib(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("VmRSS:")))


async def test_a_flood_of_hostile_datagrams_neither_grows_the_worker_nor_ends_a_call(worker: Worker) -> None:
    bench, media = worker
    browser, target, answer = await echoing(media)
    assert bench.process is not None
    ufrag = re.findall(r"ice-ufrag:(\S+)", answer)[0]
    chance = random.Random(7)
    before = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for number in range(12_000):
            if number == 2_000:
                before = resident_kib(bench.process.pid)
            message = reference.Message(reference.Method.BINDING, reference.Class.REQUEST)
            message.attributes["USERNAME"] = f"{ufrag}:{number}"
            kind = number % 4
            data = (
                bytes(message)
                if kind == 0
                else ALERT + chance.randbytes(30)
                if kind == 1
                else bytes([128 + chance.randrange(64)]) + chance.randbytes(100)
                if kind == 2
                else chance.randbytes(chance.randrange(200))
            )
            stranger.sendto(data, target)
            if number % 20 == 0:
                await asyncio.sleep(0.005)
    await asyncio.sleep(0.6)
    assert browser.hears(700)
    assert resident_kib(bench.process.pid) - before < 2048
    assert (await status(bench))["errors"] == 0
    await browser.close()
