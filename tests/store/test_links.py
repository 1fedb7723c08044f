import asyncio

from tests.store.clock import Clock
from webpbx.store.links import LIFE_MS
from webpbx.store.store import Store


async def test_a_link_signs_in_once(store: Store) -> None:
    token = await store.links.create("anna-id")
    assert await store.links.take(token) == "anna-id"
    assert await store.links.take(token) is None
    assert await store.links.take("guess") is None


async def test_of_many_who_use_a_link_at_once_one_is_signed_in(store: Store) -> None:
    token = await store.links.create("anna-id")
    taken = await asyncio.gather(*(store.links.take(token) for _ in range(20)))
    assert (taken.count("anna-id"), taken.count(None)) == (1, 19)


async def test_a_link_is_over_after_an_hour(store: Store, clock: Clock) -> None:
    token = await store.links.create("anna-id")
    clock.now += LIFE_MS
    assert await store.links.take(token) is None
