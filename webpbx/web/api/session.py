from aiohttp import web
from pydantic import Field

from webpbx.web.reading import Body, read_body
from webpbx.web.routes import Access, Route
from webpbx.web.sessions import SIGNED, Sessions, Signed
from webpbx.web.user_json import user_json


class LoginBody(Body):
    """Name and password."""

    login: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=1024, repr=False)


class LinkBody(Body):
    """The secret of a one-time link."""

    token: str = Field(min_length=1, max_length=128, repr=False)


class NoBody(Body):
    """Nothing to tell."""


class SessionApi:
    """Signing in, out, and asking who one is."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def routes(self) -> tuple[Route, ...]:
        """Give the routes of this noun."""
        return (
            Route("POST", "/api/v1/session", self.log_in, Access.LOGIN),
            Route("POST", "/api/v1/session/link", self.log_in_by_link, Access.LOGIN),
            Route("GET", "/api/v1/session", self.who, Access.USER),
            Route("DELETE", "/api/v1/session", self.log_out, Access.USER),
        )

    async def log_in(self, request: web.Request) -> web.StreamResponse:
        """Open a session by name and password."""
        body = await read_body(request, LoginBody)
        return self._entered(await self._sessions.log_in(request, body.login, body.password))

    async def log_in_by_link(self, request: web.Request) -> web.StreamResponse:
        """Open a session by a one-time link."""
        body = await read_body(request, LinkBody)
        return self._entered(await self._sessions.log_in_by_link(request, body.token))

    async def who(self, request: web.Request) -> web.StreamResponse:
        """Say who is signed in, and give the token that writes need."""
        signed = request[SIGNED]
        return web.json_response({"user": user_json(signed.user), "csrf": signed.csrf})

    async def log_out(self, request: web.Request) -> web.StreamResponse:
        """End the session, its sockets and, if it was the user's last, the calls."""
        await read_body(request, NoBody)
        await self._sessions.end(request[SIGNED])
        response = web.json_response({})
        self._sessions.clear_cookie(response)
        return response

    def _entered(self, signed: Signed) -> web.Response:
        response = web.json_response({"user": user_json(signed.user), "csrf": signed.csrf})
        self._sessions.set_cookie(response, signed)
        return response
