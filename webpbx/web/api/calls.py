from dataclasses import asdict
from typing import Any, Final

from aiohttp import web

from webpbx.model.call_record import CallRecord
from webpbx.store.store import Store
from webpbx.web.errors import BadRequest
from webpbx.web.routes import Access, Route
from webpbx.web.sessions import SIGNED

LONGEST_PAGE: Final = 200
LATEST: Final = 2**53
# What is for the company's own eyes, or told by the legs already.
_NOT_SHOWN: Final = frozenset({"tenant_id", "route_id", "legs"})


class CallsApi:
    """A user's own recent calls."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> tuple[Route, ...]:
        """Give the routes of this noun."""
        return (Route("GET", "/api/v1/calls", self.recent, Access.USER),)

    async def recent(self, request: web.Request) -> web.StreamResponse:
        """Give the latest calls, the newest first: at most `limit`, begun before `before` (UTC milliseconds)."""
        user = request[SIGNED].user
        limit = number_of(request, "limit", default=50, highest=LONGEST_PAGE)
        before = number_of(request, "before", default=LATEST, highest=LATEST)
        records = self._store.tenant(user.tenant_id).call_records
        calls = await records.of_user(user.id, limit=limit, before_ms=before)
        return web.json_response({"calls": [_to_json(record) for record in calls]})


def number_of(request: web.Request, name: str, *, default: int, highest: int, lowest: int = 1) -> int:
    """Read a whole number of the address's query; raise BadRequest."""
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(highest)) and lowest <= int(text) <= highest):
        raise BadRequest(
            f"{name}={text[:20]!r} cannot be used: give a number from {lowest} to {highest}.", fields=[name]
        )
    return int(text)


def _to_json(record: CallRecord) -> dict[str, Any]:
    row = {name: value for name, value in asdict(record).items() if name not in _NOT_SHOWN}
    return row | {
        "cause": str(record.cause) if record.cause is not None else None,
        "talk_ms": record.talk_ms,
        "quality": min((leg.mos for leg in record.legs if leg.mos is not None), default=None),
    }
