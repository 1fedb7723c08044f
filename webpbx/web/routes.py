from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from aiohttp import web


class Access(Enum):
    """Who may use a route; what is not listed here cannot be mounted."""

    OPEN = "open"  # anybody, and nothing is changed by it
    LOGIN = "login"  # anybody, from our own page only: the way in
    USER = "user"  # a signed-in user; writes from our own page only
    ADMIN = "admin"  # a signed-in user who runs the company; writes from our own page only
    LOOPBACK = "loopback"  # programs on the server itself


@dataclass(frozen=True)
class Route:
    """One address of the HTTP surface."""

    method: str
    path: str
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    access: Access
