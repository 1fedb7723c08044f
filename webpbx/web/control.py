"""The switch's control socket: settings and status for this machine's own user, over HTTP on a Unix socket."""

import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

from aiohttp import web

from webpbx.errors import WebpbxError
from webpbx.store.passwords import Passwords
from webpbx.store.settings import perform
from webpbx.store.store import Store

_PEER = struct.Struct("3i")  # struct ucred: pid, uid, gid (unix(7))
LARGEST_REQUEST = 64 * 1024  # bytes

OnChanged = Callable[[str], Awaitable[None]]
Status = Callable[[], Mapping[str, Any]]
Live = Callable[[str], Mapping[str, Mapping[str, object]]]
"""Gives, of a company's rows by id, how they are."""


class NotAllowed(WebpbxError):  # noqa: N818 - the name says what is wrong
    """The control socket was opened by another user."""

    error_id = "not_allowed"


class BadRequest(WebpbxError):  # noqa: N818 - the name says what is wrong
    """A request is not a JSON object."""

    error_id = "bad_request"


def control_app(
    store: Store,
    passwords: Passwords,
    *,
    on_changed: OnChanged,
    status: Status,
    live: Mapping[str, Live] = MappingProxyType({}),
) -> web.Application:
    """Give the application for DATA/run/switch.sock; `on_changed(tenant_id)` is awaited before a change is answered.

    `live` says of a noun's rows how they are at this moment, which a list tells too.
    """

    async def change(request: web.Request) -> web.Response:
        given = await _json_object(request)
        done = await perform(store, passwords, request.match_info["noun"], request.match_info["verb"], given)
        if done.changed is not None:
            await on_changed(done.changed)
        states = live.get(request.match_info["noun"])
        if states is not None and request.match_info["verb"] == "list":
            rows = [_with_state(row, states(row["tenant_id"])) for row in done.answer["rows"]]
            return web.json_response({"rows": rows})
        return web.json_response(done.answer)

    async def tell(_: web.Request) -> web.Response:
        return web.json_response(dict(status()))

    app = web.Application(middlewares=[_errors, _own_user_only], client_max_size=LARGEST_REQUEST)
    app.router.add_post("/settings/{noun}/{verb}", change)
    app.router.add_get("/status", tell)
    return app


def _with_state(row: Mapping[str, Any], states: Mapping[str, Mapping[str, object]]) -> dict[str, Any]:
    """Put how a row is right behind what it is called; a sentence is enough for who reads English."""
    names = {"tenant_id": row["tenant_id"], "id": row["id"]}
    state = states.get(row["id"], {"up": False, "reason": "It is switched off."})
    return names | {name: value for name, value in state.items() if name != "reasons"} | dict(row)


def may_control(uid: int, *, own: int) -> bool:
    """Tell whether a user may control a switch that runs as user `own`: that user and root may."""
    return uid in (0, own)


@web.middleware
async def _errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except WebpbxError as error:
        status = 403 if isinstance(error, NotAllowed) else 400
        body = {"error_id": error.error_id, "text": error.text, "details": error.details}
        return web.json_response(body, status=status, dumps=lambda value: json.dumps(value, default=str))


@web.middleware
async def _own_user_only(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    connection = request.transport.get_extra_info("socket") if request.transport is not None else None
    if connection is None or connection.family != socket.AF_UNIX:
        raise NotAllowed("Control is for this machine's Unix socket only.")
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    _, uid, _ = _PEER.unpack(raw)
    if not may_control(uid, own=os.geteuid()):
        raise NotAllowed(f"User {uid} may not control this switch: use the one that runs it.", uid=uid)
    return await handler(request)


async def _json_object(request: web.Request) -> dict[str, Any]:
    try:
        given = await request.json()
    except ValueError as error:
        raise BadRequest("The request is no JSON: send an object of fields.") from error
    if not isinstance(given, dict):
        raise BadRequest("The request is no JSON object: send an object of fields.")
    return given
