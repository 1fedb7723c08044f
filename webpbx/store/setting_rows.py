"""How settings are read from what people write and shown to those who may see them."""

from dataclasses import asdict
from typing import Any

from webpbx.model.did import Did
from webpbx.model.extension import Extension
from webpbx.model.numbers import keyed, parse_outside
from webpbx.model.tenant import Tenant
from webpbx.model.trunk import Trunk
from webpbx.model.user import User
from webpbx.store.store import Store

Answer = dict[str, Any]

_FIELDS = {
    "company id": "id",
    "company name": "name",
    "DTMF way": "dtmf",
    "codec": "codecs",
    "default caller number": "caller_id_default",
    "device id": "id",
    "encryption of sound": "srtp",
    "kind of number": "special_types",
    "number of calls at once": "max_calls",
    "number of outside calls at once": "max_outside_calls",
    "number of outside calls at once per user": "max_outside_calls_per_user",
    "registration time": "register_expires",
    "route id": "id",
    "route name": "name",
    "telephone's name": "name",
    "trunk id": "id",
    "trunk mode": "mode",
    "trunk name": "name",
    "use of the outside prefix": "outside_prefix_use",
    "user id": "id",
    "way of encrypting sound": "srtp",
    "way of the caller number": "caller_id_way",
}


def field_of(word: str) -> str:
    """Give the name of the field that a row's check calls by a word of its sentence."""
    return _FIELDS.get(word, word.replace(" ", "_"))


def e164(text: str, tenant: Tenant) -> str:
    """Read a number as people write it; one that cannot be read is left for the row's own check to refuse."""
    keys = keyed(text)
    return (parse_outside(keys, tenant.country) if keys is not None else None) or text


def user_row(user: User) -> Answer:
    """Show a user; the password's hash stays inside."""
    row = asdict(user)
    del row["password_hash"]
    return row


def trunk_row(trunk: Trunk) -> Answer:
    """Show a trunk; its secret stays inside."""
    row = asdict(trunk)
    del row["secret"]
    return row


def did_row(did: Did) -> Answer:
    """Show an outside number of ours."""
    return asdict(did) | {"destination": str(did.destination)}


def extension_row(extension: Extension) -> Answer:
    """Show an inside number; `destination` is empty when it is a user's."""
    return asdict(extension) | {"destination": str(extension.destination) if extension.destination else ""}


async def tenant_ids(store: Store, tenant: str | None) -> list[str]:
    """Give one company's id, or all; raise NotFound."""
    if tenant is not None:
        return [(await store.tenants.get(tenant)).id]
    return [one.id for one in await store.tenants.all()]
