from pathlib import Path
from typing import Annotated, Any, Final

import aiohttp
from aiohttp import web
from pydantic import Field, StringConstraints

from webpbx.media.unix_path import reachable
from webpbx.model.destination import ToExtension
from webpbx.model.user import User
from webpbx.store.store import Store
from webpbx.web.errors import NotFound, OutsideRefused, OutsideSilent
from webpbx.web.reading import Body, read_body
from webpbx.web.routes import Access, Route
from webpbx.web.sessions import SIGNED, Sessions

_PATIENCE: Final = aiohttp.ClientTimeout(total=10)


class NoBody(Body):
    """Nothing to tell."""


class CallMeBody(Body):
    """Who shall call, under which name, and what is heard; all left to the outside world where missing."""

    from_: Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")] | None = Field(default=None, alias="from")
    name: Annotated[str, StringConstraints(min_length=1, max_length=40)] | None = None
    say: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,40}$")] | None = None


class DemoApi:
    """What only the demo has: a second user for a second tab, and strangers who call on request."""

    def __init__(self, store: Store, sessions: Sessions, *, outside: Path, colleague: str) -> None:
        """`outside` is the outside world's control socket, `colleague` the extension that a second tab opens."""
        self._store = store
        self._sessions = sessions
        self._outside = outside
        self._colleague = colleague

    def routes(self) -> tuple[Route, ...]:
        """Give the routes of this noun."""
        return (
            Route("POST", "/api/v1/demo/colleague", self.colleague, Access.USER),
            Route("POST", "/api/v1/demo/call_me", self.call_me, Access.USER),
        )

    async def colleague(self, request: web.Request) -> web.StreamResponse:
        """Give a bearer token that signs one tab in as the colleague."""
        await read_body(request, NoBody)
        tenant_id = request[SIGNED].user.tenant_id
        for user in await self._store.tenant(tenant_id).users.all():
            if user.extension == self._colleague:
                return web.json_response({"token": await self._sessions.open_tab(user)})
        raise NotFound(f"The demo company has no colleague {self._colleague} any more.", extension=self._colleague)

    async def call_me(self, request: web.Request) -> web.StreamResponse:
        """Have somebody outside call the user's own number, over the trunk like any stranger."""
        body = await read_body(request, CallMeBody)
        order = body.model_dump(by_alias=True, exclude_none=True)
        order["to"] = await self._number_of(request[SIGNED].user)
        return web.json_response(await self._order(order))

    async def _number_of(self, user: User) -> str:
        for did in await self._store.tenant(user.tenant_id).dids.all():
            if user.extension is not None and did.destination == ToExtension(user.extension):
                return did.number
        raise NotFound("No outside number leads to your extension, so nobody outside can call it. Add one first.")

    async def _order(self, order: dict[str, Any]) -> dict[str, Any]:
        """Give the order to the outside world; how the call stands when it rings, or when it could not."""
        try:
            with reachable(self._outside) as path:
                async with (
                    aiohttp.ClientSession(connector=aiohttp.UnixConnector(path), timeout=_PATIENCE) as client,
                    client.post("http://outside/call", json=order) as answer,
                ):
                    told: dict[str, Any] = dict(await answer.json())
        except (aiohttp.ClientError, OSError, ValueError, TypeError):
            raise OutsideSilent("The demo's outside world does not answer. Wait a few seconds and try again.") from None
        if not answer.ok:
            raise OutsideRefused(str(told.get("text") or "The demo's outside world cannot call you now. Try again."))
        return {"state": told.get("state"), "sip_status": told.get("sip_status")}
