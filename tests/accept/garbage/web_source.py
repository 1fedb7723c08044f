"""Spoilt HTTP and Socket.IO, from people who are signed in and from strangers."""

import asyncio
import json
import random
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from tests.accept.garbage.mutation import Mutator
from tests.accept.garbage.pace import Counts

_CONNECTIONS: Final = 30
_SLOW: Final = 10  # connections that send an octet a second
_ANSWER_S: Final = 5.0
_FRAMES: Final = 30  # on one socket, then it is opened anew
_EVENTS: Final = ("hello", "duty", "dial", "answer", "hang_up", "attach", "mute", "digits", "quality", "connect", "")
_PATHS: Final = (
    "/",
    "/healthz",
    "/metrics",
    "/api/v1/session",
    "/api/v1/session/link",
    "/api/v1/calls?limit=-1&before=x",
    "/api/v1/calls?limit=99999999999999999999",
    "/api/v1/demo/call_me",
    "/api/v1/demo/colleague",
    "/csp",
    "/s/0/../../../etc/passwd",
    "/s/%2e%2e/%00",
    "/socket.io/?EIO=4&transport=polling",
    "/socket.io/?EIO=4&transport=websocket",
    "//",
    "*",
    "http://[::1/",
    "/" + "a" * 9000,
    "/%ff%fe",
)
_METHODS: Final = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW", "get", "")


class WebSource:
    """Send spoilt requests and events; `login` and `password` are a user's who has gone mad."""

    def __init__(self, url: str, *, login: str, password: str, seed: int) -> None:
        self.counts = Counts()
        self._url = url
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._sign_in = {"login": login, "password": password}
        self._rng = random.Random(seed)
        self._mutator = Mutator(self._rng)
        self._connections = asyncio.Semaphore(_CONNECTIONS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._cookie = self._csrf = ""

    async def start(self) -> None:
        """Sign the mad user in."""
        origin = {"Origin": self._url}
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self._url}/api/v1/session", json=self._sign_in, headers=origin) as answer,
        ):
            self._csrf = (await answer.json())["csrf"]
            self._cookie = f"sid={answer.cookies['sid'].value}"

    async def close(self) -> None:
        """End everything under way, and sign out, which ends the mad user's calls."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        headers = {"Origin": self._url, "Cookie": self._cookie, "X-CSRF-Token": self._csrf}
        async with (
            aiohttp.ClientSession() as http,
            http.delete(f"{self._url}/api/v1/session", json={}, headers=headers) as answer,
        ):
            self.counts[f"sign-out {answer.status}"] += 1

    def send_http(self) -> None:
        """Send one request."""
        self._spawn(self._request())

    async def slow(self, *, until: float) -> None:
        """Keep some connections that send next to nothing."""
        await asyncio.gather(*(self._slow_one(until) for _ in range(_SLOW)))

    def _spawn(self, work: Any) -> None:
        if self._connections.locked():
            work.close()
            self.counts["http not sent"] += 1
            return
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- HTTP --------------------------------------------------------------------------------------------------

    async def _request(self) -> None:
        async with self._connections:
            with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                async with asyncio.timeout(_ANSWER_S):
                    await self._exchange()

    async def _exchange(self) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(self._http())
            self.counts["http"] += 1
            await writer.drain()
            line = await reader.readline()
            self.counts["http " + line[9:12].decode("latin-1")] += 1
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def _http(self) -> bytes:
        kind = self._rng.choice((self._well_formed, self._spoilt, self._spoilt, self._login, self._bomb, self._raw))
        return kind()

    def _well_formed(self, body: bytes | None = None, path: str | None = None, method: str | None = None) -> bytes:
        method = method or self._rng.choice(_METHODS)
        body = body if body is not None else self._rng.choice((b"", b"{}", b"[]", b'{"login": 1}', b"\xff"))
        lines = [
            f"{method} {path or self._rng.choice(_PATHS)} HTTP/1.1",
            f"Host: {self._host}:{self._port}",
            f"Origin: {self._rng.choice((self._url, 'null', 'https://elsewhere.example'))}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        ]
        if self._rng.random() < 0.3:
            lines += [f"Cookie: {self._cookie}", f"X-CSRF-Token: {self._csrf}"]
        if self._rng.random() < 0.2:
            lines.append("X-Long: " + "x" * self._rng.choice((100, 9000, 100_000)))
        if self._rng.random() < 0.1:
            lines.append("Transfer-Encoding: chunked")
        if self._rng.random() < 0.1:
            lines += ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: x"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body

    def _spoilt(self) -> bytes:
        return self._mutator.text(self._well_formed())

    def _login(self) -> bytes:
        """Guess a password, or a link."""
        guess = {"login": f"guess{self._rng.randrange(10_000)}", "password": "guess"}
        path = "/api/v1/session"
        if self._rng.random() < 0.3:
            guess, path = {"token": "guess"}, "/api/v1/session/link"
        body = json.dumps(guess)
        head = f"POST {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nOrigin: {self._url}\r\n"
        return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()

    def _bomb(self) -> bytes:
        body = self._rng.choice(
            (
                b"[" * 60_000,
                b'{"a":' * 10_000,
                b"9" * 60_000,
                b'{"login":"' + b"a" * 60_000 + b'"}',
                b"1" * 1_000_000,
                b'{"login":"\\ud800","password":"\\u0000"}',
            )
        )
        return self._well_formed(body, self._rng.choice(("/api/v1/session", "/csp", "/api/v1/demo/call_me")), "POST")

    def _raw(self) -> bytes:
        return self._rng.choice(
            (
                self._rng.randbytes(self._rng.randrange(1, 2000)),
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + self._rng.randbytes(500),
                b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
                b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 50,
                b"OPTIONS sip:101@127.0.0.1 SIP/2.0\r\n\r\n",
                b"\r\n" * 500,
            )
        )

    async def _slow_one(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < until:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(self._host, self._port)
                try:
                    self.counts["slow connection"] += 1
                    for octet in b"POST /api/v1/session HTTP/1.1\r\nContent-Length: 9\r\n\r\n{":
                        if loop.time() > until or writer.is_closing():
                            break
                        writer.write(bytes([octet]))
                        await writer.drain()
                        await asyncio.sleep(1)
                finally:
                    writer.close()
            await asyncio.sleep(0.2)

    # -- Socket.IO ---------------------------------------------------------------------------------------------

    async def sockets(self, rate: float, *, until: float, signed: bool) -> None:
        """Open one socket after the other and send spoilt frames; those who are signed in send events."""
        loop = asyncio.get_running_loop()
        async with aiohttp.ClientSession() as http:
            while loop.time() < until:
                with suppress(aiohttp.ClientError, OSError, TimeoutError):
                    await self._socket(http, rate, until=until, signed=signed)
                await asyncio.sleep(0.2)

    async def _socket(self, http: aiohttp.ClientSession, rate: float, *, until: float, signed: bool) -> None:
        headers = {"Origin": self._url} | ({"Cookie": self._cookie} if signed else {})
        url = f"{self._url}/socket.io/?EIO=4&transport=websocket"
        who = "signed in" if signed else "stranger"
        async with http.ws_connect(url, headers=headers, max_msg_size=0) as socket:
            self.counts[f"socket of a {who}" if not signed else "socket, signed in"] += 1
            token = {"csrf": self._csrf} if signed else {"csrf": "guess", "token": "guess"}
            await socket.send_str(f"40/phone,{json.dumps(token)}")
            flood = self._rng.random() < 0.1
            for _ in range(_FRAMES * (20 if flood else 1)):
                if asyncio.get_running_loop().time() > until or socket.closed:
                    return
                frame = self._frame()
                await (socket.send_bytes(frame) if isinstance(frame, bytes) else socket.send_str(frame))
                self.counts[f"frame, {who}"] += 1
                with suppress(TimeoutError):
                    await socket.receive(timeout=0.001 if flood else 1 / rate)

    def _frame(self) -> str | bytes:
        kind = self._rng.random()
        if kind < 0.02:
            return self._rng.randbytes(200)
        if kind < 0.04:
            return "".join(chr(self._rng.randrange(1, 0xD800)) for _ in range(50))
        if kind < 0.05:
            return f'42/phone,1["dial",{"[" * 5000}'
        event = json.dumps([self._rng.choice(_EVENTS), self._fields()])
        frame = f"42/phone,{self._rng.randrange(1000)}{event}"
        if kind < 0.8:
            return frame
        return self._mutator.text(frame.encode()).decode("utf-8", "replace")[:65_000]

    def _fields(self) -> Any:
        """Give what an event may carry: sometimes right, mostly not."""
        rng = self._rng
        odd: tuple[Any, ...] = (None, -1, 1e308, True, [], {}, "", "x" * 1000, "\u0000", {"a": {"b": []}}, 2**70)
        fields: dict[str, Any] = {
            "id": f"mad-{rng.randrange(10**6)}",
            "device_id": "mad-device",
            "tab_id": "mad-tab",
            "owner": True,
            "language": "en",
            "on": True,
            "number": rng.choice(("143", "999", "+493023125809", "0190123456", "*#*#", "112x")),
            "leg_id": rng.choice(("", "nobody", "../..")),
            "sdp": rng.choice(("v=0", "v=0\r\n" * 900, "\r\n\u0000")),
            "generation": rng.randrange(5),
            "keys": "1#",
        }
        wanted = rng.choice(
            (
                ("id", "device_id", "tab_id", "owner", "language"),
                ("id", "on"),
                ("id", "number"),
                ("id", "leg_id"),
                ("id", "leg_id", "sdp", "generation"),
                ("id", "leg_id", "keys"),
            )
        )
        chosen = {name: fields[name] for name in wanted}
        if rng.random() < 0.5:
            chosen[rng.choice((*wanted, "extra"))] = rng.choice(odd)
        return chosen if rng.random() < 0.9 else rng.choice(odd)
