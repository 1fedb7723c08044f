"""Debian's rtpengine in user space (no kernel module), one thread, for a figure beside ours."""

import asyncio
import secrets
import socket
from typing import Any

from scripts.benches.relays.server import HOST, port_range, process_cpu_ns

ANSWER_S = 2.0


def bencode(value: Any) -> bytes:
    """Return bencode of text, lists and dictionaries."""
    if isinstance(value, dict):
        return b"d" + b"".join(bencode(key) + bencode(value[key]) for key in sorted(value)) + b"e"
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    data = str(value).encode()
    return str(len(data)).encode() + b":" + data


def bdecode(data: bytes, at: int = 0) -> tuple[Any, int]:
    """Return the value at `at` and where it ends."""
    kind = data[at : at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1 : end]), end + 1
    if kind not in b"dl":
        colon = data.index(b":", at)
        end = colon + 1 + int(data[at:colon])
        return data[colon + 1 : end].decode(), end
    at += 1
    values = []
    while data[at : at + 1] != b"e":
        value, at = bdecode(data, at)
        values.append(value)
    return (values if kind == b"l" else dict(zip(values[::2], values[1::2], strict=True))), at + 1


class Rtpengine:
    """One rtpengine process, told by its `ng` protocol."""

    name = "rtpengine"

    def __init__(self, calls: int) -> None:
        self._calls = calls
        self._process: asyncio.subprocess.Process | None = None
        self._control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._control.setblocking(False)

    async def start(self) -> None:
        """Start it and wait for its pong."""
        ports = 8 * self._calls + 40
        first = port_range(ports + 2)
        self._process = await asyncio.create_subprocess_exec(
            "rtpengine",
            "--foreground",
            "--log-stderr",
            "--log-level=2",
            "--table=-1",
            "--no-fallback",
            "--num-threads=1",
            f"--interface={HOST}",
            f"--listen-ng={HOST}:{first}",
            f"--port-min={first + 2}",
            f"--port-max={first + 1 + ports}",
        )
        self._control.connect((HOST, first))
        for _ in range(50):
            try:
                await self._ask({"command": "ping"}, within=0.2)
            except (TimeoutError, OSError):
                await asyncio.sleep(0.1)
            else:
                return
        raise RuntimeError("rtpengine does not answer")

    async def _ask(self, fields: dict[str, Any], *, within: float = ANSWER_S) -> dict[str, Any]:
        cookie = secrets.token_hex(6).encode()
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(within):
            await loop.sock_sendall(self._control, cookie + b" " + bencode(fields))
            answer = b""
            while not answer.startswith(cookie):
                answer = await loop.sock_recv(self._control, 65536)
        value: dict[str, Any] = bdecode(answer, len(cookie) + 1)[0]
        if value.get("result") not in {"ok", "pong"}:
            raise RuntimeError(f"rtpengine: {value}")
        return value

    async def join(self, call: str, browser_offer: str, trunk_sdp: str) -> tuple[str, str]:
        """Offer the browser's SDP on, and take the provider's as its answer."""
        plain = {"transport-protocol": "RTP/AVP", "ICE": "remove", "rtcp-mux": ["demux"], "DTLS": "off"}
        secure = {"transport-protocol": "UDP/TLS/RTP/SAVPF", "ICE": "force", "rtcp-mux": ["accept"], "DTLS": "passive"}
        ours = {"call-id": call, "from-tag": "b"}
        offer = await self._ask({"command": "offer", **ours, "sdp": browser_offer, **plain})
        answer = await self._ask({"command": "answer", **ours, "to-tag": "t", "sdp": trunk_sdp, **secure})
        return answer["sdp"], offer["sdp"]

    def cpu_ns(self) -> int:
        """Return CPU time used so far."""
        return process_cpu_ns(self._process.pid) if self._process else 0

    async def stop(self) -> None:
        """End it."""
        self._control.close()
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
