"""The outside world's control: HTTP on a Unix socket, for the demo's button "have someone call me" and for tests."""

import asyncio
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from webpbx.demo.errors import DemoError
from webpbx.demo.outside_world import CallerId, OutsideWorld
from webpbx.errors import WebpbxError
from webpbx.media.control import reachable

BEGIN_S: Final = 5.0  # how long `/call` waits to say whether it rings
LONGEST_BODY: Final = 4096
_STATUS: Final = {"outside_unknown_number": 404, "outside_unknown_words": 400, "outside_bad_request": 400}


class BadRequestError(DemoError):
    """A request that cannot be read."""

    error_id = "outside_bad_request"


class InUseError(DemoError):
    """Another outside world listens at the control socket."""

    error_id = "outside_in_use"


class Control:
    """Serve `POST /call {to, from?, name?, say?}` and `GET /status`."""

    def __init__(self, world: OutsideWorld, listening: socket.socket) -> None:
        self._world = world
        self._listening = listening
        application = web.Application(client_max_size=LONGEST_BODY, middlewares=[_plain_errors])
        application.add_routes([web.post("/call", self._call), web.get("/status", self._status)])
        self._runner = web.AppRunner(application, access_log=None)

    async def start(self) -> None:
        """Begin to listen."""
        await self._runner.setup()
        await web.SockSite(self._runner, self._listening).start()

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _call(self, request: web.Request) -> web.Response:
        body = await _object(request)
        caller = CallerId(number=body.get("from") or CallerId.number, name=body.get("name") or CallerId.name)
        call = await self._world.call_in(body.get("to", ""), caller=caller, say=body.get("say") or "de")
        try:
            async with asyncio.timeout(BEGIN_S):
                while call.state == "new":
                    await call.moved.wait()
        except TimeoutError:
            pass
        return web.json_response({"call": call.leg, "state": call.state, "sip_status": call.status}, status=202)

    async def _status(self, _: web.Request) -> web.Response:
        host, port = self._world.sip_address
        return web.json_response(
            {
                "pid": os.getpid(),
                "sip": f"{host}:{port}",
                "registered": self._world.registered,
                "calls": self._world.calls,
            }
        )


@web.middleware
async def _plain_errors(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except WebpbxError as error:
        content = {"error_id": error.error_id, "text": error.text, "details": error.details}
        return web.json_response(content, status=_STATUS.get(error.error_id, 503))
    return response


async def _object(request: web.Request) -> dict[str, str]:
    """Read a JSON object of short texts."""
    try:
        body = json.loads(await request.text())
    except ValueError as error:
        raise BadRequestError("The request's body is no JSON.") from error
    texts = {key: value for key, value in body.items() if value is not None} if isinstance(body, dict) else {"": body}
    if not all(key and isinstance(value, str) and value.isprintable() for key, value in texts.items()):
        raise BadRequestError("The request's body must be a JSON object of texts: to, from, name, say.")
    return texts


@contextmanager
def claimed(path: Path) -> Iterator[socket.socket]:
    """Give a socket bound at a path for this user only, refusing connections until it listens.

    What a dead process left there is replaced; raises InUseError while a living one serves it.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as claim:
        with reachable(path) as name:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                try:
                    probe.connect(name)
                except OSError:
                    path.unlink(missing_ok=True)
                else:
                    raise InUseError(f"Another outside world listens at {path}: end it first.", path=str(path))
            before = os.umask(0o177)
            try:
                claim.bind(name)
            finally:
                os.umask(before)
        claim.setblocking(False)
        try:
            yield claim
        finally:
            path.unlink(missing_ok=True)
