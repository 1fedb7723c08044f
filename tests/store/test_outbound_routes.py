import pytest

from webpbx.model.outbound_route import OutboundRoute
from webpbx.store.errors import AlreadyThere, NotFound
from webpbx.store.store import Store

HOME = OutboundRoute(
    "home", "acme", "Home", ("main",), countries=("DE", "001"), prefixes=("+4420",), special_types=("uan",), priority=5
)


async def test_routes_come_back_by_priority(store: Store) -> None:
    routes = store.tenant("acme").outbound_routes
    sooner = OutboundRoute("zero", "acme", "Zero", ("main",), countries=("FR",), priority=1)
    await routes.add(HOME)
    await routes.add(sooner)
    assert await routes.all() == [sooner, HOME]
    assert await store.tenant("other").outbound_routes.all() == []


async def test_a_route_needs_its_trunks_and_its_own_id(store: Store) -> None:
    routes = store.tenant("acme").outbound_routes
    with pytest.raises(NotFound, match="no trunk 'gone'"):
        await routes.add(OutboundRoute("r", "acme", "R", ("main", "gone"), countries=("DE",)))
    await routes.add(HOME)
    with pytest.raises(AlreadyThere):
        await routes.add(HOME)
    with pytest.raises(NotFound):
        await routes.remove("r")
