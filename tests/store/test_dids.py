import pytest

from webpbx.model.destination import ToEcho, ToExtension
from webpbx.model.did import Did
from webpbx.store.errors import AlreadyThere, NotFound
from webpbx.store.store import Store


async def test_a_number_comes_back_as_it_was_kept(store: Store) -> None:
    did = Did("+493023125001", "acme", "main", ToExtension("101"))
    await store.tenant("acme").dids.add(did)
    assert await store.tenant("acme").dids.all() == [Did("+493023125000", "acme", "main", ToEcho()), did]
    assert await store.tenant("other").dids.all() == []


async def test_a_number_belongs_to_one_company(store: Store) -> None:
    with pytest.raises(AlreadyThere, match=r"\+493023125000"):
        await store.tenant("other").dids.add(Did("+493023125000", "other", "main", ToEcho()))


async def test_a_number_needs_its_trunk_and_its_extension(store: Store) -> None:
    dids = store.tenant("acme").dids
    with pytest.raises(NotFound, match="no trunk 'gone'"):
        await dids.add(Did("+493023125001", "acme", "gone", ToEcho()))
    with pytest.raises(NotFound, match="no extension '999'"):
        await dids.add(Did("+493023125001", "acme", "main", ToExtension("999")))


async def test_a_company_cannot_remove_anothers_number(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.tenant("other").dids.remove("+493023125000")
    await store.tenant("acme").dids.remove("+493023125000")
    assert await store.tenant("acme").dids.all() == []
