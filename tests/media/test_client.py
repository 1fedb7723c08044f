import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.media.peers import ADDRESS, Bench, Browser, conversation, eventually, port_of, trunk_leg
from webpbx.media.client import Media
from webpbx.media.errors import MediaError, WorkerLost

pytestmark = pytest.mark.process

W = "0a"
Worker = tuple[Bench, Media]


async def test_requests_are_idempotent_by_their_ids(worker: Worker) -> None:
    _, media = worker
    first = await media.rtp_leg(W, "t", address=ADDRESS, codecs=("PCMA",))
    assert await media.rtp_leg(W, "t", address=ADDRESS, codecs=("PCMA",)) == first
    await media.rtp_leg(W, "u", address=ADDRESS, codecs=("PCMA",))
    for _ in range(2):
        await media.connect(W, "t", "u")
    for _ in range(2):
        await media.close_leg(W, "t")
    assert media.workers[W].legs == {"u"}


async def test_an_older_switch_is_refused_and_a_newer_one_takes_over(worker: Worker) -> None:
    bench, media = worker
    older = await conversation(bench.path, {"id": 1, "verb": "hello", "protocol": 1, "epoch": 0})
    assert older[0]["error"]["error_id"] == "stale_epoch"
    await media.rtp_leg(W, "t", address=ADDRESS, codecs=("PCMA",))
    newer = await conversation(
        bench.path,
        {"id": 1, "verb": "hello", "protocol": 1, "epoch": 2},
        {"id": 2, "verb": "close_leg", "leg": "t"},
    )
    assert newer[0]["ok"]["legs"] == ["t"]
    assert newer[1] == {"id": 2, "ok": {}}
    await eventually(lambda: not media.workers[W].ready, "the old switch is out")
    with pytest.raises(WorkerLost):
        await media.close_leg(W, "t")


async def test_without_hello_there_is_only_the_status(worker: Worker) -> None:
    bench, _ = worker
    status, refused = await conversation(
        bench.path, {"id": 1, "verb": "status"}, {"id": 2, "verb": "close_leg", "leg": "t"}
    )
    assert status["ok"]["name"] == W
    assert set(status["ok"]["loop_lag_ms"]) == {"p50", "p99", "max", "worst"}
    assert refused["error"]["error_id"] == "stale_epoch"


async def test_another_protocol_is_refused(worker: Worker) -> None:
    bench, _ = worker
    answers = await conversation(bench.path, {"id": 1, "verb": "hello", "protocol": 2, "epoch": 9})
    assert answers[0]["error"]["error_id"] == "bad_request"


async def test_nonsense_is_refused_or_cut_off_and_the_worker_goes_on(worker: Worker) -> None:
    bench, media = worker
    answers = await conversation(
        bench.path,
        {"id": 1, "verb": "hello", "protocol": 1, "epoch": 1},
        {"id": 2, "verb": "explode"},
        {"id": 3, "verb": "close"},
        {"id": 4, "verb": "rtp_leg"},
        {"id": 5, "verb": "rtp_leg", "leg": "t", "address": "nowhere", "codecs": ["PCMA"]},
        {"id": 6, "verb": "rtp_leg", "leg": ["t"], "address": ADDRESS, "codecs": ["PCMA"]},
    )
    assert ["ok" in answer for answer in answers] == [True, False, False, False, False, False]
    reader, writer = await asyncio.open_unix_connection(str(bench.path))
    writer.write(b"\xff\xff\xff\xff garbage")
    assert await reader.read(10) == b""
    writer.close()
    await eventually(lambda: media.workers[W].ready, "the client is back")
    assert await media.rtp_leg(W, "t", address=ADDRESS, codecs=("PCMA",))


async def test_legs_and_unacknowledged_events_wait_for_the_switch_that_comes_back(worker: Worker) -> None:
    bench, media = worker
    trunk, offer = await trunk_leg(media)
    await media.loop_back(W, "t")
    await media.close()
    trunk.talk(offer)
    await eventually(lambda: trunk.hears(440), "sound goes on without a switch")
    assert bench.events == []
    following = bench.client(epoch=2)
    await following.start()
    await eventually(lambda: bench.kinds("t") == ["connected"], "the event is delivered")
    assert bench.hellos[-1].legs == ("t",)
    await following.close()
    last = bench.client(epoch=3)
    await last.start()
    await eventually(last.choose, "a third switch is there")
    assert bench.kinds("t") == ["connected"]
    await last.close()
    await trunk.close()


async def test_a_killed_worker_is_told_with_its_legs_and_its_follower_is_found(worker: Worker) -> None:
    bench, media = worker
    await media.rtp_leg(W, "t", address=ADDRESS, codecs=("PCMA",))
    assert bench.process is not None
    os.kill(bench.process.pid, signal.SIGKILL)
    await eventually(lambda: bench.lost, "the loss is told")
    assert bench.lost == [(W, ("t",))]
    await bench.process.wait()
    await bench.start_worker()
    await eventually(media.choose, "the new worker is ready")
    assert bench.hellos[-1].legs == ()
    assert not bench.hellos[-1].same_process
    assert len(bench.lost) == 1


async def test_a_draining_worker_takes_no_new_legs_and_ends_with_its_last(worker: Worker) -> None:
    bench, media = worker
    trunk, offer = await trunk_leg(media)
    await media.loop_back(W, "t")
    trunk.talk(offer)
    assert bench.process is not None
    os.kill(bench.process.pid, signal.SIGTERM)
    await eventually(lambda: media.workers[W].draining, "the drain is told")
    assert media.choose() is None
    with pytest.raises(MediaError) as refused:
        await media.rtp_leg(W, "u", address=ADDRESS, codecs=("PCMA",))
    assert refused.value.error_id == "draining"
    await eventually(lambda: trunk.hears(440), "the call goes on")
    await media.close_leg(W, "t")
    assert await bench.process.wait() == 0
    assert not bench.path.exists()
    await trunk.close()


async def test_a_second_signal_ends_the_worker_at_once(worker: Worker) -> None:
    bench, media = worker
    await media.rtp_leg(W, "t", address=ADDRESS, codecs=("PCMA",))
    assert bench.process is not None
    os.kill(bench.process.pid, signal.SIGTERM)
    await eventually(lambda: media.workers[W].draining, "the drain is told")
    os.kill(bench.process.pid, signal.SIGTERM)
    assert await bench.process.wait() == 0
    await eventually(lambda: bench.lost == [(W, ("t",))], "the loss is told")


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def test_closing_legs_gives_their_ports_and_descriptors_back(worker: Worker) -> None:
    bench, media = worker
    assert bench.process is not None
    browser = Browser(700)
    process = bench.process
    before = descriptors(process.pid)
    await browser.answered(await media.browser_leg(W, "b", offer=await browser.offer()) or "")
    await eventually(lambda: "connected" in bench.kinds("b"), "the browser is there")
    for number in range(20):
        await media.rtp_leg(W, f"t{number}", address=ADDRESS, codecs=("PCMA",))
    assert descriptors(process.pid) == before + 40
    for leg in ("b", *(f"t{number}" for number in range(20))):
        await media.close_leg(W, leg)
    assert descriptors(process.pid) == before
    assert media.workers[W].legs == set()
    await browser.close()


async def test_two_workers_at_one_socket_are_refused(worker: Worker) -> None:
    bench, media = worker
    second = Bench(bench.path.parent)
    process = await second.start_worker()
    assert await process.wait() == 1
    assert await media.rtp_leg(W, "t", address=ADDRESS, codecs=("PCMA",))


async def test_a_trunk_port_is_even_and_within_the_range(worker: Worker) -> None:
    _, media = worker
    ports = [port_of(await media.rtp_leg(W, f"t{n}", address=ADDRESS, codecs=("PCMA",))) for n in range(10)]
    assert all(port % 2 == 0 for port in ports)
    assert len(set(ports)) == 10
