"""What an administrator can do to the settings: one function for each noun and verb, on checked fields.

The control socket and the command line both come here, so that a change is the same whichever way it is ordered.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from webpbx.errors import WebpbxError
from webpbx.model.checks import InvalidSetting
from webpbx.model.destination import from_text
from webpbx.model.did import Did
from webpbx.model.extension import Extension
from webpbx.model.outbound_route import OutboundRoute
from webpbx.model.tenant import Tenant
from webpbx.model.trunk import Trunk
from webpbx.model.user import User
from webpbx.store.device_settings import (
    add_device,
    change_device,
    company_of,
    list_devices,
    remove_device,
)
from webpbx.store.errors import NotFound
from webpbx.store.passwords import Passwords, check_password
from webpbx.store.setting_changes import (
    change_extension,
    change_number,
    change_route,
    change_trunk,
    change_user,
    changing,
    check_not_a_users,
)
from webpbx.store.setting_fields import (
    ById,
    ByLogin,
    ByNumber,
    ByUsername,
    DeviceAdd,
    ExtensionAdd,
    InTenant,
    NoFields,
    NumberAdd,
    OfTenant,
    RouteAdd,
    TenantAdd,
    TrunkAdd,
    UserAdd,
)
from webpbx.store.setting_rows import Answer, did_row, e164, extension_row, field_of, tenant_ids, trunk_row, user_row
from webpbx.store.store import Store


class UnknownOperation(WebpbxError):  # noqa: N818 - the name says what is wrong
    """There is no such noun and verb."""

    error_id = "unknown_operation"


async def add_tenant(store: Store, _: Passwords, fields: TenantAdd) -> Answer:
    """Add a company; a prefix whose use is not told is required when it is 0, else optional."""
    use = fields.outside_prefix_use
    if use is None:
        use = {"": "none", "0": "required"}.get(fields.outside_prefix, "optional")
    tenant = Tenant(**(fields.model_dump() | {"outside_prefix_use": use}))
    await store.tenants.add(tenant)
    return asdict(tenant)


async def list_tenants(store: Store, _: Passwords, __: NoFields) -> Answer:
    """List the companies."""
    return {"rows": [asdict(tenant) for tenant in await store.tenants.all()]}


async def remove_tenant(store: Store, _: Passwords, fields: ById) -> Answer:
    """Remove a company that has nothing any more."""
    await store.tenants.remove(fields.id)
    return {"removed": fields.id}


async def add_user(store: Store, passwords: Passwords, fields: UserAdd) -> Answer:
    """Add a user, with an extension if one is told."""
    check_password(fields.password, login=fields.login)
    told = fields.model_dump(exclude={"tenant", "password"})
    user = User(id=uuid4().hex, tenant_id=fields.tenant, **told)
    hashed = await passwords.hash(fields.password)
    await store.tenant(fields.tenant).users.add(User(**(asdict(user) | {"password_hash": hashed})))
    return user_row(user)


async def list_users(store: Store, _: Passwords, fields: OfTenant) -> Answer:
    """List users; password hashes stay inside."""
    rows = [
        user
        for tenant_id in await tenant_ids(store, fields.tenant)
        for user in await store.tenant(tenant_id).users.all()
    ]
    return {"rows": [user_row(user) for user in rows]}


async def remove_user(store: Store, _: Passwords, fields: ByLogin) -> Answer:
    """Remove a user with extension and sessions."""
    tenant_id = fields.tenant or await _tenant_of(store, fields.login)
    await store.tenant(tenant_id).users.remove(fields.login)
    return {"removed": fields.login}


async def add_extension(store: Store, _: Passwords, fields: ExtensionAdd) -> Answer:
    """Add an inside number that leads to an application."""
    extension = Extension(fields.number, fields.tenant, destination=from_text(fields.destination))
    await store.tenant(fields.tenant).extensions.add(extension)
    return extension_row(extension)


async def list_extensions(store: Store, _: Passwords, fields: OfTenant) -> Answer:
    """List all inside numbers, those of users too."""
    ids = await tenant_ids(store, fields.tenant)
    rows = [row for tenant_id in ids for row in await store.tenant(tenant_id).extensions.all()]
    return {"rows": [extension_row(extension) for extension in rows]}


async def remove_extension(store: Store, _: Passwords, fields: ByNumber) -> Answer:
    """Remove an inside number that is no user's; a user's goes with the user."""
    rows = store.tenant(fields.tenant).extensions
    check_not_a_users(await rows.all(), fields.number)
    await rows.remove(fields.number)
    return {"removed": fields.number}


async def add_trunk(store: Store, _: Passwords, fields: TrunkAdd) -> Answer:
    """Add a trunk."""
    tenant = await store.tenants.get(fields.tenant)
    told = fields.model_dump(exclude={"tenant"}) | {
        "name": fields.name or fields.id,
        "country": fields.country or tenant.country,
        "caller_id_default": e164(fields.caller_id_default, tenant),
    }
    trunk = Trunk(tenant_id=tenant.id, **told)
    await store.tenant(tenant.id).trunks.add(trunk)
    return trunk_row(trunk)


async def list_trunks(store: Store, _: Passwords, fields: OfTenant) -> Answer:
    """List trunks; secrets stay inside."""
    rows = [
        row
        for tenant_id in await tenant_ids(store, fields.tenant)
        for row in await store.tenant(tenant_id).trunks.all()
    ]
    return {"rows": [trunk_row(trunk) for trunk in rows]}


async def remove_trunk(store: Store, _: Passwords, fields: InTenant) -> Answer:
    """Remove a trunk that no number or route needs."""
    await store.tenant(fields.tenant).trunks.remove(fields.id)
    return {"removed": fields.id}


async def add_number(store: Store, _: Passwords, fields: NumberAdd) -> Answer:
    """Add an outside number of ours, written as people write it in the company's country."""
    tenant = await store.tenants.get(fields.tenant)
    did = Did(e164(fields.number, tenant), tenant.id, fields.trunk, from_text(fields.destination))
    await store.tenant(tenant.id).dids.add(did)
    return did_row(did)


async def list_numbers(store: Store, _: Passwords, fields: OfTenant) -> Answer:
    """List outside numbers of ours."""
    rows = [
        row for tenant_id in await tenant_ids(store, fields.tenant) for row in await store.tenant(tenant_id).dids.all()
    ]
    return {"rows": [did_row(did) for did in rows]}


async def remove_number(store: Store, _: Passwords, fields: ByNumber) -> Answer:
    """Remove an outside number of ours."""
    tenant = await store.tenants.get(fields.tenant)
    number = e164(fields.number, tenant)
    await store.tenant(tenant.id).dids.remove(number)
    return {"removed": number}


async def add_route(store: Store, _: Passwords, fields: RouteAdd) -> Answer:
    """Add an outbound route: from now on what it allows may be called."""
    told = fields.model_dump(exclude={"tenant", "trunks"}) | {"name": fields.name or fields.id}
    route = OutboundRoute(tenant_id=fields.tenant, trunk_ids=fields.trunks, **told)
    await store.tenant(fields.tenant).outbound_routes.add(route)
    return asdict(route)


async def list_routes(store: Store, _: Passwords, fields: OfTenant) -> Answer:
    """List outbound routes."""
    ids = await tenant_ids(store, fields.tenant)
    rows = [row for tenant_id in ids for row in await store.tenant(tenant_id).outbound_routes.all()]
    return {"rows": [asdict(route) for route in rows]}


async def remove_route(store: Store, _: Passwords, fields: InTenant) -> Answer:
    """Remove an outbound route."""
    await store.tenant(fields.tenant).outbound_routes.remove(fields.id)
    return {"removed": fields.id}


@dataclass(frozen=True)
class Operation:
    """A verb on a noun: the fields it takes and the function that does it."""

    fields: type[BaseModel]
    function: Callable[[Store, Passwords, Any], Awaitable[Answer]]


OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("tenant", "add"): Operation(TenantAdd, add_tenant),
    ("tenant", "list"): Operation(NoFields, list_tenants),
    ("tenant", "remove"): Operation(ById, remove_tenant),
    ("user", "add"): Operation(UserAdd, add_user),
    ("user", "list"): Operation(OfTenant, list_users),
    ("user", "change"): Operation(changing(UserAdd, key="login"), change_user),
    ("user", "remove"): Operation(ByLogin, remove_user),
    ("extension", "add"): Operation(ExtensionAdd, add_extension),
    ("extension", "list"): Operation(OfTenant, list_extensions),
    ("extension", "change"): Operation(changing(ExtensionAdd, key="number"), change_extension),
    ("extension", "remove"): Operation(ByNumber, remove_extension),
    ("device", "add"): Operation(DeviceAdd, add_device),
    ("device", "list"): Operation(OfTenant, list_devices),
    ("device", "change"): Operation(changing(DeviceAdd, key="username"), change_device),
    ("device", "remove"): Operation(ByUsername, remove_device),
    ("trunk", "add"): Operation(TrunkAdd, add_trunk),
    ("trunk", "list"): Operation(OfTenant, list_trunks),
    ("trunk", "change"): Operation(changing(TrunkAdd, key="id"), change_trunk),
    ("trunk", "remove"): Operation(InTenant, remove_trunk),
    ("number", "add"): Operation(NumberAdd, add_number),
    ("number", "list"): Operation(OfTenant, list_numbers),
    ("number", "change"): Operation(changing(NumberAdd, key="number"), change_number),
    ("number", "remove"): Operation(ByNumber, remove_number),
    ("route", "add"): Operation(RouteAdd, add_route),
    ("route", "list"): Operation(OfTenant, list_routes),
    ("route", "change"): Operation(changing(RouteAdd, key="id"), change_route),
    ("route", "remove"): Operation(InTenant, remove_route),
}


@dataclass(frozen=True)
class Done:
    """What an operation gave, and the company whose settings it changed (None: none)."""

    answer: Answer
    changed: str | None


async def perform(store: Store, passwords: Passwords, noun: str, verb: str, given: Mapping[str, Any]) -> Done:
    """Check the fields and do it; raise WebpbxError in plain words."""
    operation = OPERATIONS.get((noun, verb))
    if operation is None:
        raise UnknownOperation(f"There is no operation {noun} {verb}.", noun=noun, verb=verb)
    try:
        fields = operation.fields.model_validate(dict(given))
    except ValidationError as error:
        raise _sentence(error) from None
    changed = await _changed(store, noun, verb, fields)
    try:
        return Done(await operation.function(store, passwords, fields), changed)
    except InvalidSetting as error:
        error.details["field"] = field_of(error.details["field"])
        raise


async def _changed(store: Store, noun: str, verb: str, fields: Any) -> str | None:
    if verb == "list":
        return None
    if noun == "tenant":
        return str(fields.id)
    if noun == "device":
        return await company_of(store, fields)
    return str(fields.tenant) if fields.tenant is not None else await _tenant_of(store, fields.login)


async def _tenant_of(store: Store, login: str) -> str:
    user = await store.users.by_login(login)
    if user is None:
        raise NotFound(f"There is no user {login!r}: `webpbx user list` shows those there are.", login=login)
    return user.tenant_id


def _sentence(error: ValidationError) -> InvalidSetting:
    """Say the first thing wrong with the shape of the fields; the value is left out, it may be a secret."""
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "missing":
        text = f"The field {field!r} is missing: give it."
    elif fault["type"] == "extra_forbidden":
        text = f"The field {field!r} is not known here: leave it out."
    else:
        text = f"The field {field!r} cannot be read: {fault['msg'].lower()}."
    return InvalidSetting(text, field=field, value="…")
