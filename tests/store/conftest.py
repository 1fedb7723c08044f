from collections.abc import AsyncIterator

import pytest

from tests.store.clock import Clock
from webpbx.model.destination import ToEcho
from webpbx.model.did import Did
from webpbx.model.tenant import Tenant
from webpbx.model.trunk import Trunk
from webpbx.model.user import User
from webpbx.store.store import Store

ANNA = User("anna-id", "acme", "anna", "Anna Adler", "101", "hash")
MAIN = Trunk("main", "acme", "Main", proxies=("192.0.2.1",), username="u", secret="wonderland")
BERLIN = Did("+493023125000", "acme", "main", ToEcho())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(clock: Clock) -> AsyncIterator[Store]:
    """A store in memory with two companies, and one user, trunk and number in the first."""
    async with await Store.open(None, clock=clock) as store:
        await store.tenants.add(Tenant("acme", "Acme"))
        await store.tenants.add(Tenant("other", "Other"))
        acme = store.tenant("acme")
        await acme.users.add(ANNA)
        await acme.trunks.add(MAIN)
        await acme.dids.add(BERLIN)
        yield store
