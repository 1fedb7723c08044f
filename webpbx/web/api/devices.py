from typing import Final

from aiohttp import web

from webpbx.store.device_settings import shown_devices
from webpbx.store.store import Store
from webpbx.web.routes import Access, Route
from webpbx.web.sessions import SIGNED

_SHOWN: Final = ("username", "name", "registered", "since", "enabled")


class DevicesApi:
    """A user's own SIP telephones."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> tuple[Route, ...]:
        """Give the routes of this noun."""
        return (Route("GET", "/api/v1/devices", self.own, Access.USER),)

    async def own(self, request: web.Request) -> web.StreamResponse:
        """Give the user's telephones, and whether they are registered; the administrator adds them."""
        user = request[SIGNED].user
        rows = await shown_devices(self._store, user.tenant_id, user_id=user.id)
        return web.json_response({"devices": [{name: row[name] for name in _SHOWN} for row in rows]})
