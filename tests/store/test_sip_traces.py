import sqlite3
import zlib
from pathlib import Path

from tests.store.clock import Clock
from webpbx.model.tenant import Tenant
from webpbx.sip.trace import Recording, TracedMessage
from webpbx.store.database import FILE
from webpbx.store.store import Store

DAY = 86_400_000
SECRET = b'REGISTER sip:h SIP/2.0\r\nAuthorization: Digest username="a", response="5ECRET"\r\n\r\n'


def recording(at: int, *texts: bytes) -> Recording:
    messages = tuple(
        TracedMessage(at + number, number % 2 == 1, "UDP", ("192.0.2.1", 5060), "cid", text, repeats=number)
        for number, text in enumerate(texts)
    )
    return Recording(messages, {"cid": "leg"}, left_out=1)


async def test_what_was_said_is_read_as_it_was_written(store: Store) -> None:
    traces = store.tenant("acme").sip_traces
    written = recording(1000, b"INVITE \xff\x00\r\n", b"SIP/2.0 200 OK")
    await traces.put("call", written, written_ms=5000)
    assert await traces.get("call") == written
    assert await traces.get("another") == Recording(())


async def test_a_later_writing_of_the_same_life_takes_the_place_of_the_first_and_another_life_adds_to_it(
    store: Store,
) -> None:
    traces = store.tenant("acme").sip_traces
    await traces.put("call", recording(1000, b"INVITE"), written_ms=2000)
    await traces.put("call", recording(1000, b"INVITE", b"BYE"), written_ms=3000)
    await traces.put("call", recording(9000, b"UPDATE"), written_ms=9500)
    found = await traces.get("call")
    assert [message.data for message in found.messages] == [b"INVITE", b"BYE", b"UPDATE"]
    assert found.left_out == 2
    assert [message.data for message in (await traces.get("call", but_begun_ms=9000)).messages] == [b"INVITE", b"BYE"]


async def test_nothing_said_writes_nothing(store: Store) -> None:
    traces = store.tenant("acme").sip_traces
    await traces.put("call", Recording(()), written_ms=1)
    assert await traces.get("call") == Recording(())


async def test_another_company_has_no_part_in_it(store: Store) -> None:
    await store.tenant("acme").sip_traces.put("call", recording(1000, b"INVITE"), written_ms=2000)
    assert (await store.tenant("other").sip_traces.get("call")).messages == ()


async def test_what_is_old_is_swept_away_and_the_rest_stays(store: Store, clock: Clock) -> None:
    traces = store.tenant("acme").sip_traces
    await traces.put("old", recording(1000, b"INVITE"), written_ms=clock() - 7 * DAY - 1)
    await traces.put("new", recording(2000, b"INVITE"), written_ms=clock() - 7 * DAY + 1)
    assert await store.sweep_sip_traces(keep_ms=7 * DAY) == 1
    assert (await traces.get("old")).messages == ()
    assert len((await traces.get("new")).messages) == 1


async def test_a_company_that_is_removed_takes_its_traces_along_and_gets_no_new_ones(store: Store) -> None:
    await store.tenant("other").sip_traces.put("call", recording(1000, b"INVITE"), written_ms=2000)
    await store.tenants.remove("other")
    await store.tenant("other").sip_traces.put("late", recording(1000, b"INVITE"), written_ms=2000)
    assert await store.sweep_sip_traces(keep_ms=-(1 << 60)) == 0


async def test_no_secret_reaches_the_file_and_what_repeats_is_pressed(tmp_path: Path) -> None:

    async with await Store.open(tmp_path) as store:
        await store.tenants.add(Tenant("acme", "Acme"))
        await store.tenant("acme").sip_traces.put("call", recording(1000, *[SECRET] * 50), written_ms=2000)
    raw = sqlite3.connect(tmp_path / FILE)
    [[body]] = raw.execute("SELECT body FROM sip_traces").fetchall()
    raw.close()
    text = zlib.decompress(body)
    assert b"5ECRET" not in text
    assert b"REGISTER" in text
    assert len(body) < len(text) / 5
