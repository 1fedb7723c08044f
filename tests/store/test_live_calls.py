from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import pytest

from webpbx.store.errors import StaleEpoch
from webpbx.store.live_calls import LiveCallTable
from webpbx.store.store import Store


@dataclass(frozen=True)
class Live:
    call_id: str
    tenant_id: str
    started_ms: int
    state: str = "ringing"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def read(value: Mapping[str, Any]) -> Live:
    return Live(**value)


def table(store: Store, *, epoch: int, node: str = "here") -> LiveCallTable[Live]:
    return store.live_calls(node=node, epoch=epoch, from_json=read)


CALL = Live("c1", "acme", 1)


async def next_life(store: Store) -> LiveCallTable[Live]:
    return table(store, epoch=await store.next_epoch(node="here"))


async def test_a_live_call_is_written_over_and_forgotten(store: Store) -> None:
    calls = await next_life(store)
    await calls.put(CALL)
    await calls.put(replace(CALL, state="answered"))
    await calls.put(Live("c0", "acme", 0))
    assert await calls.all() == [Live("c0", "acme", 0), replace(CALL, state="answered")]
    await calls.remove("c1")
    await calls.remove("c1")
    assert await calls.all() == [Live("c0", "acme", 0)]


async def test_a_call_that_cannot_be_read_keeps_no_other_from_being_taken_up(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    calls = await next_life(store)
    await calls.put(CALL)

    @dataclass(frozen=True)
    class OfAnotherVersion(Live):
        shape: str = "unheard of"

    await calls.put(OfAnotherVersion("c2", "acme", 0))
    assert await calls.all() == [CALL]
    assert "call c2 cannot be taken up" in caplog.text
    caplog.clear()
    assert await calls.all() == [CALL]
    assert caplog.text == ""


async def test_what_a_call_holds_lies_in_no_file_in_clear(store: Store) -> None:
    calls = await next_life(store)
    await calls.put(replace(CALL, state="a=crypto:1 inline:key"))
    rows = await store._database.read(lambda connection: connection.rows("SELECT body FROM live_calls"))
    assert "inline" not in rows[0]["body"]
    assert await calls.all() == [replace(CALL, state="a=crypto:1 inline:key")]


async def test_the_next_switch_reads_the_calls_of_the_former(store: Store) -> None:
    former = await next_life(store)
    await former.put(CALL)
    later = await next_life(store)
    assert await later.all() == [CALL]


async def test_a_former_switch_writes_no_more_once_a_later_one_has_begun(store: Store) -> None:
    former = await next_life(store)
    await former.put(CALL)
    later = await next_life(store)
    with pytest.raises(StaleEpoch):
        await former.put(replace(CALL, state="answered"))
    with pytest.raises(StaleEpoch):
        await former.put(Live("c2", "acme", 2))
    with pytest.raises(StaleEpoch):
        await former.remove("c1")
    assert await later.all() == [CALL]


async def test_a_call_that_a_later_epoch_of_another_node_has_taken_is_left_alone(store: Store) -> None:
    here, heir = table(store, epoch=1), table(store, epoch=7, node="heir")
    await here.put(CALL)
    await heir.put(CALL)
    with pytest.raises(StaleEpoch):
        await here.put(CALL)
    with pytest.raises(StaleEpoch):
        await here.remove("c1")
    assert await here.all() == []
    assert await heir.all() == [CALL]
