"""The verb `change`, one way for every noun: what is told is laid over the row, and the row checks itself anew."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, replace
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, create_model

from webpbx.model.destination import from_text
from webpbx.model.extension import Extension
from webpbx.store.errors import InUse, NotFound
from webpbx.store.passwords import Passwords, check_password
from webpbx.store.setting_rows import Answer, did_row, e164, extension_row, trunk_row, user_row
from webpbx.store.store import Store


class _Row(Protocol):
    @property
    def tenant_id(self) -> str: ...


AnyRow = TypeVar("AnyRow", bound=_Row)


def changing(add: type[BaseModel], *, key: str) -> type[BaseModel]:
    """Give the fields of a change: those of adding, each of which may be left out, but for the company and the key."""
    needed: dict[str, Any] = dict.fromkeys(("tenant", key), (str, ...))
    rest: dict[str, Any] = {
        name: (field.annotation, None) for name, field in add.model_fields.items() if name not in needed
    }
    name = add.__name__.removesuffix("Add") + "Change"
    return create_model(
        name, __config__=ConfigDict(extra="forbid"), **needed, **rest
    )  # the defaults only stand for "not told"


async def change_user(store: Store, passwords: Passwords, fields: Any) -> Answer:
    """Change a user; a new password ends their sessions, and numbers that lead to them follow their extension."""
    rows = store.tenant(fields.tenant).users
    old = _seen(await rows.all(), "login", fields)
    told = _told(fields)
    password = told.pop("password", None)
    new = replace(old, **told)
    if password is not None:
        check_password(password, login=new.login)
        new = replace(new, password_hash=await passwords.hash(password))
    await rows.change(old, new)
    return user_row(new)


async def change_extension(store: Store, _: Passwords, fields: Any) -> Answer:
    """Change where an inside number leads that is no user's."""
    rows = store.tenant(fields.tenant).extensions
    here = await rows.all()
    check_not_a_users(here, fields.number)
    old = _seen(here, "number", fields)
    new = replace(old, **_told(fields))
    await rows.change(old, new)
    return extension_row(new)


async def change_trunk(store: Store, _: Passwords, fields: Any) -> Answer:
    """Change a trunk; one that is led to another provider learns the realm anew."""
    tenant = await store.tenants.get(fields.tenant)
    rows = store.tenant(tenant.id).trunks
    old = _seen(await rows.all(), "id", fields)
    told = _told(fields)
    if "caller_id_default" in told:
        told["caller_id_default"] = e164(told["caller_id_default"], tenant)
    elsewhere = any(told.get(name, getattr(old, name)) != getattr(old, name) for name in ("proxies", "domain"))
    if elsewhere and told.get("realm", old.realm) == old.realm:
        told["realm"] = ""
    new = replace(old, **told)
    await rows.change(old, new)
    return trunk_row(new)


async def change_number(store: Store, _: Passwords, fields: Any) -> Answer:
    """Change the trunk that an outside number of ours comes in on, or where its callers go."""
    tenant = await store.tenants.get(fields.tenant)
    fields.number = e164(fields.number, tenant)
    rows = store.tenant(tenant.id).dids
    old = _seen(await rows.all(), "number", fields)
    told = _told(fields)
    if "trunk" in told:
        told["trunk_id"] = told.pop("trunk")
    new = replace(old, **told)
    await rows.change(old, new)
    return did_row(new)


async def change_route(store: Store, _: Passwords, fields: Any) -> Answer:
    """Change what an outbound route allows, or the trunks it takes."""
    rows = store.tenant(fields.tenant).outbound_routes
    old = _seen(await rows.all(), "id", fields)
    told = _told(fields)
    if "trunks" in told:
        told["trunk_ids"] = told.pop("trunks")
    new = replace(old, **told)
    await rows.change(old, new)
    return asdict(new)


def check_not_a_users(extensions: Iterable[Extension], number: str) -> None:
    """Refuse to touch, as an inside number alone, one that is a user's."""
    if any(one.number == number and one.user_id is not None for one in extensions):
        raise InUse(f"The extension {number} is a user's: change or remove the user.", number=number)


def _told(fields: Any) -> dict[str, Any]:
    told: dict[str, Any] = fields.model_dump(exclude={"tenant"}, exclude_unset=True)
    if "destination" in told:
        told["destination"] = from_text(told["destination"])
    return told


def _seen(rows: Collection[AnyRow], key: str, fields: Any) -> AnyRow:
    """Find the row to change; raise NotFound."""
    value = getattr(fields, key)
    row = next((one for one in rows if getattr(one, key) == value), None)
    if row is None:
        raise NotFound(f"There is no {key} {value!r} in this company: look at the list.", key=key, value=value)
    return row
