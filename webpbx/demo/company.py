"""The demo company: rows of the model, made anew for each installation's account."""

from collections.abc import Sequence
from dataclasses import dataclass

from webpbx.demo import directory
from webpbx.demo.account import REALM, Account
from webpbx.model.destination import ToEcho, ToExtension
from webpbx.model.did import Did
from webpbx.model.extension import Extension
from webpbx.model.outbound_route import OutboundRoute
from webpbx.model.tenant import Tenant
from webpbx.model.trunk import Trunk
from webpbx.model.user import User
from webpbx.store.store import Store, TenantStore

TENANT_ID = "demo"
TRUNK_ID = "outside"
NEWCOMER = "101"
"""Whom the one-time link signs in."""
COLLEAGUE = "102"
"""Who opens in a second tab."""

# extension, login, name, role
_PEOPLE = (
    ("101", "anna", "Anna Adler", "admin"),
    ("102", "ben", "Ben Berger", "user"),
    ("103", "carla", "Carla Celik", "user"),
    ("104", "david", "David Dorn", "user"),
    ("105", "emma", "Emma Engel", "user"),
)
_ECHO_EXTENSION = "143"


@dataclass(frozen=True)
class Company:
    """All rows of the demo company, in an order in which they can be saved."""

    tenant: Tenant
    users: Sequence[User]
    extensions: Sequence[Extension]
    trunk: Trunk
    dids: Sequence[Did]
    route: OutboundRoute


def company(account: Account, *, proxy: str) -> Company:
    """Return the demo company with its trunk to the outside world at `proxy` (HOST:PORT).

    Nobody has a password: the demo's one-time link signs 101 in, whose page opens 102.
    """
    tenant = Tenant(id=TENANT_ID, name="Demo GmbH", country=directory.COUNTRY, language="de")
    users = [
        User(id=f"demo-{login}", tenant_id=TENANT_ID, login=login, name=name, extension=extension, role=role)
        for extension, login, name, role in _PEOPLE
    ]
    extensions = [
        *(Extension(number=user.extension, tenant_id=TENANT_ID, user_id=user.id) for user in users if user.extension),
        Extension(number=_ECHO_EXTENSION, tenant_id=TENANT_ID, destination=ToEcho()),
    ]
    trunk = Trunk(
        id=TRUNK_ID,
        tenant_id=TENANT_ID,
        name="Outside world (demo)",
        mode="register",
        proxies=(proxy,),
        username=account.username,
        secret=account.secret,
        realm=REALM,
        caller_id_default=directory.COMPANY_MAIN,
        register_expires=60,
        qualify_interval=10,
    )
    destinations: dict[str, ToExtension | ToEcho] = {
        directory.COMPANY_MAIN: ToExtension("101"),
        directory.COMPANY_ANNA: ToExtension("101"),
        directory.COMPANY_BEN: ToExtension("102"),
        directory.COMPANY_ECHO: ToEcho(),
    }
    dids = [
        Did(number=number, tenant_id=TENANT_ID, trunk_id=TRUNK_ID, destination=destination)
        for number, destination in destinations.items()
    ]
    route = OutboundRoute(
        id="germany", tenant_id=TENANT_ID, name="Germany", trunk_ids=(TRUNK_ID,), countries=(directory.COUNTRY,)
    )
    return Company(tenant, users, extensions, trunk, dids, route)


async def settle(store: Store, account: Account, *, proxy: str) -> None:
    """Save the demo company where there is none; where there is, lead its trunk to today's account and address."""
    demo = company(account, proxy=proxy)
    rows = store.tenant(TENANT_ID)
    if TENANT_ID not in {tenant.id for tenant in await store.tenants.all()}:
        await store.tenants.add(demo.tenant)
    logins = {user.login for user in await rows.users.all()}
    for user in demo.users:  # each brings their extension
        if user.login not in logins:
            await rows.users.add(user)
    numbers = {extension.number for extension in await rows.extensions.all()}
    for extension in demo.extensions:
        if extension.number not in numbers:
            await rows.extensions.add(extension)
    await _settle_trunk(rows, demo)


async def _settle_trunk(rows: TenantStore, demo: Company) -> None:
    """Save the trunk with what hangs on it, in place of one that leads elsewhere."""
    saved = next((trunk for trunk in await rows.trunks.all() if trunk.id == TRUNK_ID), None)
    dids = [did for did in await rows.dids.all() if did.trunk_id == TRUNK_ID]
    routes = [route for route in await rows.outbound_routes.all() if TRUNK_ID in route.trunk_ids]
    if saved is not None and saved != demo.trunk:
        for did in dids:
            await rows.dids.remove(did.number)
        for route in routes:
            await rows.outbound_routes.remove(route.id)
        await rows.trunks.remove(TRUNK_ID)
        saved = None
    if saved is None:
        await rows.trunks.add(demo.trunk)
        for did in dids or demo.dids:
            await rows.dids.add(did)
        for route in routes or (demo.route,):
            await rows.outbound_routes.add(route)
