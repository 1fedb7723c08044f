import asyncio
import errno
import ipaddress
import logging
import secrets
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from webpbx.web.assets import Assets
from webpbx.web.errors import Forbidden, ListenFailed, LoginRequired, LoopbackOnly, TooManyRequests, errors_as_json
from webpbx.web.limits import Buckets
from webpbx.web.origins import Origins, address_key, is_loopback_peer
from webpbx.web.routes import Access, Route
from webpbx.web.sessions import SIGNED, Sessions
from webpbx.web.sockets.phone import PhoneSockets

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_BODY_LIMIT: Final = 64 * 1024
_KEEPALIVE: Final = 75.0  # seconds; also what a connection that never asks anything may stay
_POLICY: Final = (
    "default-src 'none'; script-src 'self'{nonce}; style-src 'self'; img-src 'self' data:; "
    "media-src 'self' blob:; connect-src 'self'; font-src 'self'; worker-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types webpbx; report-uri /csp"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY.format(nonce=""),
    "Permissions-Policy": "microphone=(self), camera=(), hid=(self), speaker-selection=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_API_RATE: Final = 10.0
_API_BURST: Final = 50.0


def application(
    *,
    assets: Assets,
    sessions: Sessions,
    origins: Origins,
    phone: PhoneSockets,
    routes: Iterable[Route],
    clock: Callable[[], float],
) -> web.Application:
    """Build the whole HTTP surface from its parts; `routes` are those of web/api."""
    app = web.Application(middlewares=[errors_as_json], client_max_size=_BODY_LIMIT)
    app.on_response_prepare.append(_add_headers)
    guard = _Guard(sessions=sessions, origins=origins, clock=clock)
    for route in (*_page_routes(assets), *phone.routes(), *routes):
        app.router.add_route(route.method, route.path, guard.wrap(route))
    app.on_startup.append(phone.start)
    app.on_shutdown.append(phone.close)
    return app


def _page_routes(assets: Assets) -> tuple[Route, ...]:
    async def shell(_request: web.Request) -> web.StreamResponse:
        nonce = secrets.token_urlsafe(16)
        return web.Response(
            text=assets.shell(nonce=nonce),
            content_type="text/html",
            headers={
                "Cache-Control": "no-cache",
                "Content-Security-Policy": _POLICY.format(nonce=f" 'nonce-{nonce}'"),
            },
        )

    return (
        Route("GET", "/", shell, Access.OPEN),
        Route("GET", "/s/{hash}/{path:.+}", assets.serve, Access.OPEN),
        Route("GET", "/sw.js", assets.serve_worker, Access.OPEN),
        Route("GET", "/manifest.webmanifest", assets.serve_manifest, Access.OPEN),
    )


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "webpbx"  # the library would tell its version


class _Guard:
    """Stands before every handler: who asks, from which page, how often."""

    def __init__(self, *, sessions: Sessions, origins: Origins, clock: Callable[[], float]) -> None:
        self._sessions = sessions
        self._origins = origins
        self._buckets = Buckets(rate=_API_RATE, burst=_API_BURST, clock=clock)

    def wrap(self, route: Route) -> _Handler:
        check = {
            Access.OPEN: self._open,
            Access.LOGIN: self._login,
            Access.USER: self._user,
            Access.ADMIN: self._admin,
            Access.LOOPBACK: self._loopback,
        }[route.access]

        async def guarded(request: web.Request) -> web.StreamResponse:
            await check(request)
            return await route.handler(request)

        return guarded

    async def _open(self, request: web.Request) -> None:
        pass

    async def _login(self, request: web.Request) -> None:
        self._origins.check(request)
        self._take(address_key(request))

    async def _user(self, request: web.Request) -> None:
        try:
            signed = await self._sessions.of_request(request)
        except LoginRequired:
            self._take(address_key(request))
            raise
        if request.method not in {"GET", "HEAD"}:
            self._origins.check(request)
            signed.check_csrf(request.headers.get("X-CSRF-Token"))
        self._take(signed.session_id)
        request[SIGNED] = signed

    async def _admin(self, request: web.Request) -> None:
        await self._user(request)
        if request[SIGNED].user.role != "admin":
            raise Forbidden("Only those who run the company's telephones may see and change this.")

    async def _loopback(self, request: web.Request) -> None:
        if not is_loopback_peer(request):
            raise LoopbackOnly("This can only be read on the server itself: ask for it at http://127.0.0.1 there.")

    def _take(self, key: str) -> None:
        if not self._buckets.take(key):
            raise TooManyRequests("Too many requests at once. Wait a second and try again.", retry_after=1)


@dataclass(frozen=True)
class Site:
    """A web server."""

    url: str
    port: int
    runner: web.AppRunner
    listener: socket.socket
    tls: ssl.SSLContext | None

    async def accept(self) -> None:
        """Take connections from now on; before, they are refused."""
        await web.SockSite(self.runner, self.listener, ssl_context=self.tls, backlog=512).start()

    async def close(self) -> None:
        """Stop listening, close every socket and connection."""
        await self.runner.cleanup()
        self.listener.close()


async def serve(
    app: web.Application, *, host: str, port: int, tls: ssl.SSLContext | None, accepting: bool = True
) -> Site:
    """Listen on `host`:`port` (0 = a free port); raise ListenFailed with what to do about it.

    With `accepting` False the port is ours, but nobody is let in before `accept`.
    """
    if tls is None and not _is_loopback(host):
        raise ListenFailed(
            f"Browsers give a microphone only to pages over HTTPS. To be reached at {host}, give --tls-cert and "
            "--tls-key; without them use --http 127.0.0.1:8080.",
            host=host,
        )
    logger = logging.getLogger("webpbx.web.http")
    logger.addFilter(_quiet_about_garbage)
    runner = web.AppRunner(app, access_log=None, logger=logger, keepalive_timeout=_KEEPALIVE, shutdown_timeout=5.0)
    await runner.setup()
    try:
        listener = _listen(host, port)
    except BaseException:
        await runner.cleanup()
        raise
    bound = listener.getsockname()[1]
    name = f"[{host}]" if ":" in host else host
    if host in {"0.0.0.0", "::"}:
        name = socket.gethostname()
    site = Site(f"{'https' if tls else 'http'}://{name}:{bound}/", bound, runner, listener, tls)
    if accepting:
        await site.accept()
    return site


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(host: str, port: int) -> socket.socket:
    """Bind at once, so that a port in use is told before anything else starts."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise ListenFailed(
            f"The address {host!r} of --http is not known on this machine. Use an address of this machine, such as "
            "127.0.0.1.",
            host=host,
        ) from error
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1 if host != "::" else 0)
        listener.setblocking(False)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise ListenFailed(_why_not(host, port, error), host=host, port=port) from error
    return listener


def _why_not(host: str, port: int, error: OSError) -> str:
    where = f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return f"The web address {where} is in use by another program. Stop that, or choose another with --http."
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"The web address {where} needs more rights: choose a port above 1023 with --http."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"The web address {where} is not an address of this machine. Choose another with --http."
    return f"The web address {where} cannot be used: {error.strerror}. Choose another with --http."


def tls_context(cert: Path, key: Path) -> ssl.SSLContext:
    """Load certificate and key (PEM); raise ListenFailed with a plain sentence."""
    for option, path in (("--tls-cert", cert), ("--tls-key", key)):
        try:
            path.open("rb").close()
        except OSError as error:
            raise ListenFailed(
                f"The file {str(path)!r} of {option} cannot be read: {error.strerror}.", path=str(path)
            ) from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", "") or ""
        if "KEY_VALUES_MISMATCH" in reason:
            text = f"The key {str(key)!r} does not belong to the certificate {str(cert)!r}: give the matching pair."
        else:
            text = (
                f"The certificate {str(cert)!r} with the key {str(key)!r} cannot be used: both must be PEM files "
                "(-----BEGIN …) and the key must have no password."
            )
        raise ListenFailed(text, cert=str(cert), key=str(key)) from error
    return context


def _no_password() -> str:
    """Answer what OpenSSL would otherwise ask on the terminal."""
    return ""


def _quiet_about_garbage(record: logging.LogRecord) -> bool:
    """Keep malformed requests out of the log: strangers send them all day, and each would bring a traceback."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, (web.HTTPException, ConnectionError, asyncio.IncompleteReadError)):
        return False
    return type(error).__module__ != "aiohttp.http_exceptions"
