import asyncio
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from webpbx.model.user import User
from webpbx.store.passwords import Passwords
from webpbx.store.sessions import ABSOLUTE_MS, Session, hash_token
from webpbx.store.store import Store
from webpbx.web.errors import Busy, CsrfRefused, LinkInvalid, LoginRequired, TooManyAttempts, WrongLogin
from webpbx.web.limits import Buckets, FailureLimit, Failures
from webpbx.web.origins import address_key

_TOKEN_LIMIT: Final = 128
_LOGINS_AT_ONCE: Final = 2  # the slots that check passwords
_LOGINS_WAITING: Final = 64

UserKey = tuple[str, str]


@dataclass(frozen=True)
class LoginLimits:
    """How many failed attempts to sign in are taken, by account and by address.

    Offices share an address: one that failed too often is not closed, but may try `account_there` passwords for each
    account and `rate` a second in all, so that whoever has not failed there signs in as before.
    """

    account: FailureLimit = field(default_factory=lambda: FailureLimit(5, 15 * 60))
    address: FailureLimit = field(default_factory=lambda: FailureLimit(20, 15 * 60))
    account_there: FailureLimit = field(default_factory=lambda: FailureLimit(2, 15 * 60))
    rate: float = 1.0
    burst: float = 5.0


@dataclass(frozen=True)
class Signed:
    """Who asks, and by which session."""

    user: User
    kind: str
    csrf: str = field(repr=False)
    token: str = field(repr=False)

    @property
    def session_id(self) -> str:
        """What names the session without opening it."""
        return hash_token(self.token)

    @property
    def user_key(self) -> UserKey:
        """The tenant's and the user's id."""
        return self.user.tenant_id, self.user.id

    def check_csrf(self, given: str | None) -> None:
        """Raise CsrfRefused unless the page shows its token; a bearer token is proof by itself."""
        if self.kind == "bearer":
            return
        if not hmac.compare_digest((given or "").encode(), self.csrf.encode()):
            raise CsrfRefused("The page's proof that it is ours is missing or old. Reload the page.")


Ended = Callable[[Signed, bool], None]
"""Told who had the session that ended, and whether the user goes on under another one."""

SIGNED: Final = web.RequestKey("signed", Signed)


class Sessions:
    """Signing in and out, and knowing who asks; the store keeps the sessions."""

    def __init__(
        self,
        store: Store,
        passwords: Passwords,
        *,
        tls: bool,
        clock: Callable[[], float],
        limits: LoginLimits | None = None,
    ) -> None:
        """`clock` gives seconds that only grow."""
        limits = limits or LoginLimits()
        self._store = store
        self._passwords = passwords
        self._secure = tls
        self._cookie = "__Host-sid" if tls else "sid"
        self._by_account = Failures(limits.account, clock=clock)
        self._by_address = Failures(limits.address, clock=clock)
        self._by_both = Failures(limits.account_there, clock=clock)
        self._turns = Buckets(rate=limits.rate, burst=limits.burst, clock=clock)
        self._slots = asyncio.Semaphore(_LOGINS_AT_ONCE)
        self._logins = 0
        self._ended: list[Ended] = []

    def on_ended(self, told: Ended) -> None:
        """Have `told` called whenever somebody signs out, or signs in anew (then the user may stay)."""
        self._ended.append(told)

    # --- signing in --------------------------------------------------------------------------------------------

    async def log_in(self, request: web.Request, login: str, password: str) -> Signed:
        """Check name and password and open a new session; raise WrongLogin, TooManyAttempts or Busy."""
        account = login.strip().lower()
        address = address_key(request)
        self._check_limits(account, address)
        if self._logins >= _LOGINS_WAITING:
            raise Busy("Too many people sign in at this moment. Try again in a few seconds.", retry_after=5)
        self._logins += 1
        try:
            async with self._slots:
                self._check_limits(account, address)
                self._take_turn(address)
                user = await self._store.users.by_login(account)
                if not await self._passwords.verify(user.password_hash if user else None, password) or user is None:
                    self._by_account.add(account)
                    self._by_address.add(address)
                    self._by_both.add(_both(account, address))
                    raise WrongLogin("The name or the password is wrong.")
        finally:
            self._logins -= 1
        return await self._enter(request, user)

    async def log_in_by_link(self, request: web.Request, token: str) -> Signed:
        """Use a one-time link up and open a new session; raise LinkInvalid or TooManyAttempts."""
        address = address_key(request)
        self._take_turn(address)
        user_id = await self._store.links.take(token)
        user = await self._store.users.get(user_id) if user_id else None
        if user is None:
            self._by_address.add(address)
            raise LinkInvalid("This link was used before or is too old. Ask for a new one, or sign in by password.")
        return await self._enter(request, user)

    async def open_tab(self, user: User) -> str:
        """Open a session for one tab of a browser and give its bearer token."""
        return (await self._store.sessions.create(user.id, kind="bearer")).token

    async def _enter(self, request: web.Request, user: User) -> Signed:
        """Open a session under a new id; the one that the browser had before ends, whoever made it."""
        before = await self._signed(request.cookies.get(self._cookie, ""), kind="cookie")
        session = await self._store.sessions.create(user.id)
        if before is not None:
            await self.end(before, stays=before.user.id == user.id)
        return _signed_by(session, user)

    def _check_limits(self, account: str, address: str) -> None:
        """Raise TooManyAttempts for an account that failed too often, anywhere or at an address that did so too."""
        seconds = self._by_account.retry_after(account)
        if seconds is None and self._by_address.retry_after(address) is not None:
            seconds = self._by_both.retry_after(_both(account, address))
        if seconds is not None:
            raise TooManyAttempts(
                f"Too many failed attempts to sign in. Try again in {_in_words(seconds)}.", retry_after=seconds
            )

    def _take_turn(self, address: str) -> None:
        """Slow an address down that failed too often; raise TooManyAttempts when it is not its turn."""
        if self._by_address.retry_after(address) is not None and not self._turns.take(address):
            raise TooManyAttempts(
                "Too many attempts to sign in have failed from your network. Try again in a few seconds.", retry_after=1
            )

    # --- knowing who asks --------------------------------------------------------------------------------------

    async def of_request(self, request: web.Request) -> Signed:
        """Tell who sends a request, by bearer token or cookie; raise LoginRequired."""
        authorization = request.headers.get("Authorization")
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            return await self._required(token.strip() if scheme.lower() == "bearer" else "", kind="bearer")
        return await self._required(request.cookies.get(self._cookie, ""), kind="cookie")

    async def of_socket(self, request: web.Request, *, token: str | None, csrf: str | None) -> Signed:
        """Tell who opens a socket, by bearer token or by cookie and CSRF token; raise LoginRequired or CsrfRefused."""
        if token is not None:
            return await self._required(token, kind="bearer")
        signed = await self._required(request.cookies.get(self._cookie, ""), kind="cookie")
        signed.check_csrf(csrf)
        return signed

    async def keep(self, signed: Signed) -> bool:
        """Count an open page as use of its session; False when the session is over."""
        return await self._signed(signed.token, kind=signed.kind) is not None

    async def _required(self, token: str, *, kind: str) -> Signed:
        signed = await self._signed(token, kind=kind)
        if signed is None:
            raise LoginRequired("Sign in first: there is no session, or it has ended.")
        return signed

    async def _signed(self, token: str, *, kind: str) -> Signed | None:
        if not token or len(token) > _TOKEN_LIMIT:
            return None
        session = await self._store.sessions.get(token, kind=kind)
        user = await self._store.users.get(session.user_id) if session else None
        return _signed_by(session, user) if session and user else None

    # --- signing out -------------------------------------------------------------------------------------------

    async def end(self, signed: Signed, *, stays: bool = False) -> None:
        """End a session and tell those who hold something of it; `stays`: the user goes on under another one."""
        await self._store.sessions.remove(signed.token)
        for told in self._ended:
            told(signed, stays)

    async def sweep(self) -> None:
        """Delete sessions that are over."""
        await self._store.sessions.sweep()

    def set_cookie(self, response: web.Response, signed: Signed) -> None:
        """Give the browser its session; the server decides how long it lasts."""
        response.set_cookie(
            self._cookie,
            signed.token,
            max_age=ABSOLUTE_MS // 1000,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="Strict",
        )

    def clear_cookie(self, response: web.Response) -> None:
        """Take the session from the browser."""
        response.del_cookie(self._cookie, path="/", secure=self._secure, httponly=True, samesite="Strict")


def _signed_by(session: Session, user: User) -> Signed:
    return Signed(user, session.kind, session.csrf, session.token)


def _both(account: str, address: str) -> str:
    return f"{address} {account}"


def _in_words(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return "a minute" if minutes <= 1 else f"{minutes} minutes"
