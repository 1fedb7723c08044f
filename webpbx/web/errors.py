# ruff: noqa: N818 - the names say what is wrong
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Final

from aiohttp import web

from webpbx.errors import WebpbxError
from webpbx.media.errors import MediaError
from webpbx.store.errors import SecretUnreadable, StaleEpoch, StoreUnusable

_logger = logging.getLogger(__name__)

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class BadRequest(WebpbxError):
    """The request cannot be understood; `details["fields"]` names what is wrong where that is known."""

    error_id: ClassVar[str] = "bad_request"


class UnsupportedMediaType(WebpbxError):
    """The request's body is not JSON."""

    error_id: ClassVar[str] = "unsupported_media_type"


class LoginRequired(WebpbxError):
    """Nobody is signed in, or the session has ended."""

    error_id: ClassVar[str] = "login_required"


class WrongLogin(WebpbxError):
    """The name or the password is wrong; which of the two is never said."""

    error_id: ClassVar[str] = "wrong_login"


class LinkInvalid(WebpbxError):
    """The one-time link was used before, is too old, or never existed."""

    error_id: ClassVar[str] = "link_invalid"


class TooManyAttempts(WebpbxError):
    """Too many failed attempts; `details["retry_after"]` is in seconds."""

    error_id: ClassVar[str] = "too_many_attempts"


class TooManyRequests(WebpbxError):
    """More requests or commands than a page makes; `details["retry_after"]` is in seconds."""

    error_id: ClassVar[str] = "too_many_requests"


class TooManyTabs(WebpbxError):
    """The user has the page open as often as is allowed."""

    error_id: ClassVar[str] = "too_many_tabs"


class Busy(WebpbxError):
    """The server has more of this kind to do than it takes on at once."""

    error_id: ClassVar[str] = "busy"


class OriginRefused(WebpbxError):
    """The request came from a page of another site, or does not say from which page."""

    error_id: ClassVar[str] = "origin_refused"


class CsrfRefused(WebpbxError):
    """The request lacks the token that only our own page knows."""

    error_id: ClassVar[str] = "csrf_refused"


class Forbidden(WebpbxError):
    """Whoever asks is known, and may not do this."""

    error_id: ClassVar[str] = "forbidden"


class OwnAccount(WebpbxError):
    """Nobody takes their own way in away."""

    error_id: ClassVar[str] = "own_account"


class NotFound(WebpbxError):
    """There is nothing at this address, or nothing this user may see."""

    error_id: ClassVar[str] = "not_found"


class LoopbackOnly(WebpbxError):
    """Only programs on the server itself may read this."""

    error_id: ClassVar[str] = "loopback_only"


class OutsideSilent(WebpbxError):
    """The demo's outside world does not answer."""

    error_id: ClassVar[str] = "outside_silent"


class OutsideRefused(WebpbxError):
    """The demo's outside world cannot place the call, and says why."""

    error_id: ClassVar[str] = "outside_refused"


class ListenFailed(WebpbxError):
    """The web address or the certificate cannot be used."""

    error_id: ClassVar[str] = "listen_failed"


# What is not listed is the client's fault in a way it can correct: 400.
STATUSES: Final[Mapping[str, int]] = {
    "login_required": 401,
    "wrong_login": 401,
    "origin_refused": 403,
    "csrf_refused": 403,
    "loopback_only": 403,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "already_there": 409,
    "changed_meanwhile": 409,
    "in_use": 409,
    "number_clash": 409,
    "own_account": 409,
    "taken": 409,
    "gone": 410,
    "link_invalid": 410,
    "too_large": 413,
    "unsupported_media_type": 415,
    "expectation_failed": 417,
    "too_many_attempts": 429,
    "too_many_requests": 429,
    "too_many_tabs": 429,
    "internal": 500,
    "outside_silent": 502,
    "outside_refused": 502,
    "busy": 503,
    "no_media": 503,
    "shutting_down": 503,
}

_HTTP_IDS: Final[Mapping[int, tuple[str, str]]] = {
    400: ("bad_request", "The request cannot be understood."),
    403: ("forbidden", "This is not allowed."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take that kind of request."),
    413: ("too_large", "The request is too large."),
    415: ("unsupported_media_type", "The request must be JSON."),
    417: ("expectation_failed", "The server does not do what the Expect header asks."),
}


def status_of(error: WebpbxError | MediaError) -> int:
    """Give the HTTP status for an error."""
    return STATUSES.get(error.error_id, 400)


def body_of(error: WebpbxError | MediaError) -> dict[str, Any]:
    """Give the JSON object that HTTP answers carry: `error_id`, `text`, `details`."""
    return {"error_id": error.error_id, "text": error.text, "details": error.details}


def ack_of(error: WebpbxError | MediaError) -> dict[str, Any]:
    """Give the JSON object that acknowledges a socket command that failed."""
    return body_of(_outward(error, where="a command"))


def unexpected(error: BaseException, *, where: str) -> WebpbxError:
    """Log a fault of ours under an id and return what the client may know of it: a sentence with that id."""
    log_id = secrets.token_hex(4)
    _logger.error("%s failed, id %s", where, log_id, exc_info=error)
    return Internal(
        f"Something went wrong in the server. Try again; the server's log tells more under {log_id}.", log_id=log_id
    )


class Internal(WebpbxError):
    """A fault of ours; the log has the details under `details["log_id"]`."""

    error_id: ClassVar[str] = "internal"


def _outward(error: WebpbxError | MediaError, *, where: str) -> WebpbxError | MediaError:
    """Keep from clients what names our files or parts: it goes into the log, and they are told where to look."""
    return unexpected(error, where=where) if isinstance(error, StoreUnusable | StaleEpoch | SecretUnreadable) else error


def response_of(error: WebpbxError | MediaError, *, where: str = "a request") -> web.Response:
    """Answer an HTTP request with an error."""
    error = _outward(error, where=where)
    headers = {}
    if "retry_after" in error.details:
        headers["Retry-After"] = str(error.details["retry_after"])
    return web.json_response(body_of(error), status=status_of(error), headers=headers)


def _of_http(error: web.HTTPException) -> web.Response:
    error_id, text = _HTTP_IDS.get(error.status, ("bad_request", "The request cannot be served."))
    headers = {name: error.headers[name] for name in ("Allow", "Retry-After") if name in error.headers}
    return web.json_response({"error_id": error_id, "text": text, "details": {}}, status=error.status, headers=headers)


@web.middleware
async def errors_as_json(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Turn every error of a handler into a JSON answer; nothing of a fault's inside reaches the client."""
    try:
        return await handler(request)
    except WebpbxError as error:
        return response_of(error, where=f"{request.method} {request.path[:200]!r}")
    except web.HTTPException as error:
        if error.status < web.HTTPBadRequest.status_code:
            raise
        return _of_http(error)
    except (ConnectionError, TimeoutError) as error:
        if request.transport is None or request.transport.is_closing():
            raise web.HTTPBadRequest from error
        return response_of(unexpected(error, where=f"{request.method} {request.path[:200]!r}"))
    except Exception as error:  # noqa: BLE001 - the one place where an unknown fault becomes an answer
        return response_of(unexpected(error, where=f"{request.method} {request.path[:200]!r}"))
