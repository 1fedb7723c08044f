import asyncio
import json
import logging
from collections.abc import Callable
from typing import Final

from aiohttp import web

from webpbx.web.limits import TokenBucket
from webpbx.web.routes import Access, Route

_logger = logging.getLogger(__name__)

_FIELDS: Final = (
    "document-uri",
    "effective-directive",
    "violated-directive",
    "blocked-uri",
    "source-file",
    "line-number",
)
_LONGEST: Final = 200
_REPORT_LIMIT: Final = 8 * 1024
_READ_SECONDS: Final = 10.0


class CspReports:
    """Logs browsers' reports of what the page's policy stopped: ten at once, then one each ten seconds."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._bucket = TokenBucket(rate=0.1, burst=10, clock=clock)
        self.dropped = 0

    def routes(self) -> tuple[Route, ...]:
        """Give the routes of this noun."""
        return (Route("POST", "/csp", self.report, Access.OPEN),)

    async def report(self, request: web.Request) -> web.StreamResponse:
        """Log one report; always 204, for nobody reads the answer."""
        if not self._bucket.take() or (request.content_length or 0) > _REPORT_LIMIT:
            self.dropped += 1
            return web.Response(status=204)
        try:
            async with asyncio.timeout(_READ_SECONDS):
                body = await request.content.read(_REPORT_LIMIT)
            report = json.loads(body)["csp-report"]
            told = {name: str(report[name])[:_LONGEST] for name in _FIELDS if name in report}
        except (ValueError, KeyError, TypeError, RecursionError, TimeoutError):
            self.dropped += 1
            return web.Response(status=204)
        _logger.warning("the page's policy stopped something: %s", json.dumps(told))
        return web.Response(status=204)
