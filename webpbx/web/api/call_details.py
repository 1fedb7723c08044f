import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from webpbx.model.call_record import CallRecord
from webpbx.model.user import User
from webpbx.sip.trace import Recording
from webpbx.sip.trace_view import render
from webpbx.store.store import Store
from webpbx.web.api.call_json import details_json, message_json, names_of, row_json
from webpbx.web.api.calls import LATEST, LONGEST_PAGE, number_of
from webpbx.web.errors import BadRequest, NotFound
from webpbx.web.routes import Access, Route
from webpbx.web.sessions import SIGNED

_LONGEST_SEARCH: Final = 64

SipOfCall = Callable[[str, str], Awaitable[Recording]]
"""Gives what was said in SIP: of a company, in a call."""


@dataclass(frozen=True)
class _Names:
    by_extension: dict[str, str]
    by_id: dict[str, str]


class CallDetailsApi:
    """All calls of the company and all that is known of each, for its administrators."""

    def __init__(self, store: Store, sip_of_call: SipOfCall) -> None:
        self._store = store
        self._sip_of_call = sip_of_call

    def routes(self) -> tuple[Route, ...]:
        """Give the routes of this noun."""
        return (
            Route("GET", "/api/v1/calls/all", self.all, Access.ADMIN),
            Route("GET", "/api/v1/calls/{id}", self.details, Access.ADMIN),
            Route("GET", "/api/v1/calls/{id}/sip", self.sip, Access.ADMIN),
            Route("GET", "/api/v1/calls/{id}/sip.txt", self.sip_text, Access.ADMIN),
        )

    async def all(self, request: web.Request) -> web.StreamResponse:
        """Give the company's calls, the newest first.

        `search` is a part of a number or name; `from` and `before` bound the start, in UTC milliseconds.
        """
        tenant_id = request[SIGNED].user.tenant_id
        search = request.query.get("search", "").strip()
        if len(search) > _LONGEST_SEARCH:
            raise BadRequest(f"The search is too long: {_LONGEST_SEARCH} letters are enough.", fields=["search"])
        limit = number_of(request, "limit", default=50, highest=LONGEST_PAGE)
        names = await self._names(tenant_id)
        records = await self._store.tenant(tenant_id).call_records.search(
            search,
            extensions=[number for number, name in names.by_extension.items() if search.lower() in name.lower()],
            limit=limit + 1,
            from_ms=number_of(request, "from", default=0, highest=LATEST, lowest=0),
            before_ms=number_of(request, "before", default=LATEST, highest=LATEST),
        )
        rows = [row_json(record, names.by_extension) for record in records[:limit]]
        return web.json_response({"calls": rows, "more": len(records) > limit})

    async def details(self, request: web.Request) -> web.StreamResponse:
        """Give a call's facts and legs."""
        record = await self._record(request)
        names = await self._names(record.tenant_id)
        return web.json_response(details_json(record, extensions=names.by_extension, users=names.by_id))

    async def sip(self, request: web.Request) -> web.StreamResponse:
        """Give what was said in SIP, in order."""
        record = await self._record(request)
        recording = await self._sip_of_call(record.tenant_id, record.id)

        def write() -> dict[str, Any]:
            rows = [message_json(message, recording.legs) for message in recording.messages]
            return {"messages": rows, "left_out": recording.left_out}

        return web.json_response(await asyncio.to_thread(write))

    async def sip_text(self, request: web.Request) -> web.StreamResponse:
        """Give the same as a file to send to a provider, with numbers masked unless `numbers=1`."""
        record = await self._record(request)
        recording = await self._sip_of_call(record.tenant_id, record.id)
        names = names_of(record, (await self._names(record.tenant_id)).by_id)
        numbers = request.query.get("numbers") == "1"
        text = await asyncio.to_thread(
            render, recording, title=f"Call {record.id}", names=names if numbers else {}, numbers=numbers
        )
        headers = {"Content-Disposition": f'attachment; filename="call-{_file_name(record.id)}.txt"'}
        return web.Response(text=text, content_type="text/plain", headers=headers)

    async def _record(self, request: web.Request) -> CallRecord:
        call_id = request.match_info["id"]
        record = await self._store.tenant(request[SIGNED].user.tenant_id).call_records.get(call_id)
        if record is None:
            raise NotFound("There is no such call in your company, or it is no longer kept.")
        return record

    async def _names(self, tenant_id: str) -> _Names:
        users: list[User] = await self._store.tenant(tenant_id).users.all()
        by_extension = {user.extension: user.name for user in users if user.extension is not None}
        return _Names(by_extension, {user.id: user.name for user in users})


def _file_name(call_id: str) -> str:
    return "".join(letter for letter in call_id if letter.isascii() and (letter.isalnum() or letter in "-_"))[:40]
