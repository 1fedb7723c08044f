import pytest

from webpbx.model.destination import ToEcho, ToExtension
from webpbx.model.dialplan import NumberClash
from webpbx.model.did import Did
from webpbx.model.extension import Extension
from webpbx.store.errors import InUse, NotFound
from webpbx.store.store import Store


async def test_extensions_come_back_as_they_were_kept(store: Store) -> None:
    echo = Extension("600", "acme", destination=ToEcho())
    await store.tenant("acme").extensions.add(echo)
    assert await store.tenant("acme").extensions.all() == [Extension("101", "acme", user_id="anna-id"), echo]


async def test_an_extension_repeats_across_companies_and_not_within(store: Store) -> None:
    await store.tenant("other").extensions.add(Extension("101", "other", destination=ToEcho()))
    with pytest.raises(NumberClash, match="already in use"):
        await store.tenant("acme").extensions.add(Extension("101", "acme", destination=ToEcho()))


async def test_an_extension_that_a_number_leads_to_stays(store: Store) -> None:
    acme = store.tenant("acme")
    await acme.extensions.add(Extension("600", "acme", destination=ToEcho()))
    await acme.dids.add(Did("+493023125001", "acme", "main", ToExtension("600")))
    with pytest.raises(InUse, match=r"\+493023125001"):
        await acme.extensions.remove("600")
    await acme.dids.remove("+493023125001")
    await acme.extensions.remove("600")
    with pytest.raises(NotFound):
        await acme.extensions.remove("600")
