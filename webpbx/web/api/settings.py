"""A company's settings for those who run it: the operations of the command line, in the company of the session."""

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import phonenumbers
from aiohttp import web
from pydantic import ConfigDict
from pydantic_core import PydanticUndefined

from webpbx.errors import WebpbxError
from webpbx.model.outbound_route import WORLDWIDE
from webpbx.model.user import User
from webpbx.store.errors import ChangedMeanwhile
from webpbx.store.passwords import SHORTEST, Passwords
from webpbx.store.setting_rows import Answer
from webpbx.store.settings import OPERATIONS, perform
from webpbx.store.store import Store
from webpbx.web.errors import BadRequest, NotFound, OwnAccount
from webpbx.web.reading import Body, read_body
from webpbx.web.routes import Access, Route
from webpbx.web.sessions import SIGNED

OnChanged = Callable[[str], Awaitable[None]]
Live = Callable[[str], Mapping[str, Mapping[str, Any]]]
"""Given a company, tell what its rows of one noun are doing now, by the row's key."""
AskTrunk = Callable[[str, str], Awaitable[list[tuple[str, int | None]]]]
"""Ask a company's trunk: each of the provider's addresses with the status it answered, None for silence."""

KEYS: Final[Mapping[str, str]] = {
    "user": "login",
    "extension": "number",
    "device": "username",
    "trunk": "id",
    "number": "number",
    "route": "id",
}
"""The nouns of this page, each with the field that names a row; those the settings do not know are left out."""
_AT_FIELD: Final[Mapping[tuple[str, str], str]] = {
    ("user", "already_there"): "login",
    ("user", "number_clash"): "extension",
    ("extension", "number_clash"): "number",
    ("number", "already_there"): "number",
    ("trunk", "already_there"): "name",
    ("route", "already_there"): "name",
}
"""Where in the form an error belongs that does not say so itself."""

_WRITTEN_BY_US: Final = frozenset({"realm", "registered", "from", "since"})
"""What the switch learns by itself; it is nobody's change."""


class Told(Body):
    """A row's fields; the operation knows which there are."""

    model_config = ConfigDict(extra="allow", frozen=True)


class SettingsApi:
    """Lists, adds, changes and removes; a change holds when it is answered."""

    def __init__(
        self,
        store: Store,
        passwords: Passwords,
        *,
        on_changed: OnChanged,
        live: Mapping[str, Live],
        ask_trunk: AskTrunk,
        sip_port: int,
    ) -> None:
        """`on_changed(tenant_id)` is awaited before a change is answered; `live` is by noun."""
        self._store = store
        self._passwords = passwords
        self._on_changed = on_changed
        self._live = live
        self._ask_trunk = ask_trunk
        self._sip_port = sip_port
        self._changing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._nouns = tuple(noun for noun in KEYS if (noun, "change") in OPERATIONS)

    def routes(self) -> tuple[Route, ...]:
        """Give the routes of all nouns."""
        one = "/api/v1/settings/{noun}/{key}"
        return (
            Route("GET", "/api/v1/settings", self.all, Access.ADMIN),
            Route("GET", "/api/v1/settings/{noun}", self.list, Access.ADMIN),
            Route("POST", "/api/v1/settings/{noun}", self.add, Access.ADMIN),
            Route("PATCH", one, self.change, Access.ADMIN),
            Route("DELETE", one, self.remove, Access.ADMIN),
            Route("POST", "/api/v1/settings/trunk/{key}/ask", self.ask, Access.ADMIN),
        )

    async def all(self, request: web.Request) -> web.StreamResponse:
        """Give the company and every noun with its rows."""
        tenant = await self._store.tenants.get(_tenant_id(request))
        nouns = {noun: await self._listed(noun, tenant.id) for noun in self._nouns}
        company = {"name": tenant.name, "country": tenant.country, "language": tenant.language}
        return web.json_response(
            {
                "company": company,
                "countries": [*sorted(phonenumbers.SUPPORTED_REGIONS), WORLDWIDE],
                "shortest_password": SHORTEST,
                "sip_port": self._sip_port,
                "nouns": nouns,
            }
        )

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Give the rows of one noun, each with the version that a change tells, and how it stands now."""
        return web.json_response(await self._listed(self._noun(request), _tenant_id(request)))

    async def add(self, request: web.Request) -> web.StreamResponse:
        """Add a row."""
        noun = self._noun(request)
        answer = await self._perform(request, noun, "add", await _told(request))
        return web.json_response(_versioned(answer), status=201)

    async def change(self, request: web.Request) -> web.StreamResponse:
        """Change a row; 409 when its `version` is not the one that was told."""
        noun, key = self._noun(request), request.match_info["key"]
        told = await _told(request)
        if KEYS[noun] in told:
            raise BadRequest(f"The field {KEYS[noun]!r} names the row: it stays.", fields=[KEYS[noun]])
        if noun == "user" and told.get("role", "admin") != "admin":
            self._check_not_oneself(request, key)
        seen = told.pop("version", None)
        async with self._changing[_tenant_id(request)]:
            if seen is not None:
                await self._check_unchanged(request, noun, key, seen)
            answer = await self._perform(request, noun, "change", told | {KEYS[noun]: key})
        return web.json_response(_versioned(answer))

    async def remove(self, request: web.Request) -> web.StreamResponse:
        """Remove a row."""
        noun, key = self._noun(request), request.match_info["key"]
        if await _told(request):
            raise BadRequest("Removing takes no fields.")
        if noun == "user":
            self._check_not_oneself(request, key)
        return web.json_response(await self._perform(request, noun, "remove", {KEYS[noun]: key}))

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """Ask a trunk's provider whether it is there, and say what came back."""
        await _told(request)
        tenant_id, key = _tenant_id(request), request.match_info["key"]
        trunk = next((one for one in await self._store.tenant(tenant_id).trunks.all() if one.id == key), None)
        if trunk is None:
            raise NotFound(f"There is no trunk {key!r} in this company.", key=key)
        answers = await self._ask_trunk(tenant_id, key)
        state = self._live["trunk"](tenant_id).get(key)
        return web.json_response(
            {"answers": [{"address": address, "status": status} for address, status in answers], "state": state}
        )

    async def _perform(self, request: web.Request, noun: str, verb: str, told: dict[str, Any]) -> Answer:
        if "tenant" in told:
            raise BadRequest("The company is that of the session: leave it out.", fields=["tenant"])
        try:
            done = await perform(self._store, self._passwords, noun, verb, told | {"tenant": _tenant_id(request)})
        except WebpbxError as error:
            field = _AT_FIELD.get((noun, error.error_id))
            if field is not None:
                error.details.setdefault("field", field)
            raise
        if done.changed is not None:
            await self._on_changed(done.changed)
        return done.answer

    async def _listed(self, noun: str, tenant_id: str) -> Answer:
        done = await perform(self._store, self._passwords, noun, "list", {"tenant": tenant_id})
        states = self._live[noun](tenant_id) if noun in self._live else None
        rows = [_versioned(row) for row in done.answer["rows"]]
        if states is not None:
            rows = [row | {"state": states.get(row[KEYS[noun]])} for row in rows]
        return {"rows": rows, "fields": _defaults(noun)}

    async def _check_unchanged(self, request: web.Request, noun: str, key: str, seen: str) -> None:
        listed = await self._listed(noun, _tenant_id(request))
        row = next((row for row in listed["rows"] if row[KEYS[noun]] == key), None)
        if row is not None and row["version"] != seen:
            raise ChangedMeanwhile.of(key)

    def _noun(self, request: web.Request) -> str:
        noun = request.match_info["noun"]
        if noun not in self._nouns:
            raise NotFound(f"There are no settings {noun[:40]!r}.")
        return noun

    def _check_not_oneself(self, request: web.Request, login: str) -> None:
        user: User = request[SIGNED].user
        if user.login == login:
            raise OwnAccount("This is your own account: have another administrator change that.", login=login)


def _tenant_id(request: web.Request) -> str:
    tenant_id: str = request[SIGNED].user.tenant_id
    return tenant_id


async def _told(request: web.Request) -> dict[str, Any]:
    return dict((await read_body(request, Told)).model_extra or {})


def _versioned(row: Answer) -> Answer:
    row = {name: value for name, value in row.items() if name != "tenant_id"}
    return row | {"version": version_of(row)}


def version_of(row: Mapping[str, Any]) -> str:
    """Give what names the present values of a shown row: whoever changes it says which values they saw."""
    values = {name: value for name, value in row.items() if name not in _WRITTEN_BY_US}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _defaults(noun: str) -> dict[str, Any]:
    """Give the fields of adding with their defaults; None where one must be told."""
    fields = OPERATIONS[noun, "add"].fields.model_fields
    return {
        name: None if field.default is PydanticUndefined else field.default
        for name, field in fields.items()
        if name != "tenant"
    }
