"""What an administrator can do to SIP telephones: part of `store.settings`."""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from webpbx.model.device import REALM, Device, DeviceBinding
from webpbx.model.user import User
from webpbx.sip.auth import Credentials, ha1
from webpbx.store.devices import unknown_device
from webpbx.store.errors import NotFound
from webpbx.store.passwords import Passwords
from webpbx.store.setting_fields import ByUsername, DeviceAdd
from webpbx.store.setting_rows import Answer, tenant_ids
from webpbx.store.store import Store

SECRET_CHARACTERS: Final = 24
_CLEAR: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""No letter or digit that is taken for another when it is typed at a telephone."""
_CLEAR_OF_BOTH_CASES: Final = _CLEAR + "ABCDEFGHJKLMNPQRSTUVWXYZ"


async def add_device(store: Store, _: Passwords, fields: DeviceAdd) -> Answer:
    """Add a telephone; the answer alone bears its secret, which is shown this once."""
    user = await _user(store, fields.user, tenant_id=fields.tenant)
    username = f"{_drawn(_CLEAR, 4)}-{user.extension or _drawn(_CLEAR, 4)}"
    secret = _drawn(_CLEAR_OF_BOTH_CASES, SECRET_CHARACTERS)
    credentials = Credentials(username, secret)
    device = Device(
        id=uuid4().hex,
        tenant_id=user.tenant_id,
        user_id=user.id,
        username=username,
        ha1_md5=ha1(credentials, realm=REALM, algorithm="MD5"),
        ha1_sha256=ha1(credentials, realm=REALM, algorithm="SHA-256"),
        **fields.model_dump(exclude={"user", "tenant"}),
    )
    await store.tenant(user.tenant_id).devices.add(device)
    return _shown(device, user, ()) | {"secret": secret}


async def list_devices(store: Store, _: Passwords, fields: Any) -> Answer:
    """List telephones, and where they are registered; what stands for their secrets stays inside."""
    return {
        "rows": [
            row for tenant_id in await tenant_ids(store, fields.tenant) for row in await shown_devices(store, tenant_id)
        ]
    }


async def change_device(store: Store, _: Passwords, fields: Any) -> Answer:
    """Change a telephone; its secret stays, whoever has it."""
    rows = store.tenant(fields.tenant).devices
    old = next((device for device in await rows.all() if device.username == fields.username), None)
    if old is None:
        raise unknown_device(fields.username)
    told = fields.model_dump(exclude={"tenant", "username"}, exclude_unset=True)
    if "user" in told:
        told["user_id"] = (await _user(store, told.pop("user"), tenant_id=fields.tenant)).id
    new = replace(old, **told)
    await rows.change(old, new)
    return next(row for row in await shown_devices(store, fields.tenant) if row["username"] == new.username)


async def remove_device(store: Store, _: Passwords, fields: ByUsername) -> Answer:
    """Remove a telephone; it can register no more."""
    tenant_id = await company_of(store, fields)
    await store.tenant(tenant_id).devices.remove(fields.username)
    return {"removed": fields.username}


async def shown_devices(store: Store, tenant_id: str, *, user_id: str | None = None) -> list[Answer]:
    """Give a company's telephones as they are shown, or those of one user."""
    company = store.tenant(tenant_id)
    users = {user.id: user for user in await company.users.all()}
    bindings: dict[str, list[DeviceBinding]] = {}
    for binding in await company.devices.bindings(now_ms=store.now_ms()):
        bindings.setdefault(binding.username, []).append(binding)
    return [
        _shown(device, users[device.user_id], bindings.get(device.username, ()))
        for device in await company.devices.all()
        if device.user_id in users and user_id in (None, device.user_id)
    ]


async def company_of(store: Store, fields: Any) -> str:
    """Give the company whose telephones are to be changed; raise NotFound."""
    if fields.tenant is not None:
        return str(fields.tenant)
    if isinstance(fields, DeviceAdd):
        return (await _user(store, fields.user)).tenant_id
    tenant_id = await store.tenant_of_device(fields.username)
    if tenant_id is None:
        raise unknown_device(fields.username)
    return tenant_id


async def _user(store: Store, login: str, *, tenant_id: str | None = None) -> User:
    user = await store.users.by_login(login)
    if user is None or tenant_id not in (None, user.tenant_id):
        raise NotFound(f"There is no user {login!r}: `webpbx user list` shows those there are.", login=login)
    return user


def _shown(device: Device, user: User, bindings: Sequence[DeviceBinding]) -> Answer:
    row: dict[str, Any] = asdict(device)
    del row["ha1_md5"], row["ha1_sha256"], row["user_id"]
    return row | {
        "user": user.login,
        "realm": REALM,
        "registered": bool(bindings),
        "from": [binding.source for binding in bindings],
        "since": _written(bindings[0].since_ms) if bindings else None,
    }


def _written(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds // 1000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _drawn(letters: str, count: int) -> str:
    return "".join(secrets.choice(letters) for _ in range(count))
