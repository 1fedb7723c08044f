"""First proxies that fail, each in its own way, for a call that must go on to the second."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from tests.peers.stack_house import HERE, SCENARIOS, free_port, sipp
from tests.sip.authority import Authority
from webpbx.sip.network import Way


async def listens(port: int) -> None:
    """Wait until a peer holds its port."""
    sockets = (Path("/proc/net/udp"), Path("/proc/net/tcp"))
    while not any(f":{port:04X} " in each.read_text() for each in sockets):  # noqa: ASYNC110 - polls a peer
        await asyncio.sleep(0.02)


@asynccontextmanager
async def unavailable(folder: Path, transport: str) -> AsyncIterator[Way]:
    """Answer one call with 503 and Retry-After; sipp itself sees that its answer is acknowledged."""
    port = free_port()
    mode = "u1" if transport == "UDP" else "t1"
    scenario = str(SCENARIOS / "uas_unavailable.xml")
    async with sipp(folder, "-t", mode, "-sf", scenario, "-p", str(port), "-m", "1"):
        await listens(port)
        yield Way(HERE, port, transport)


@asynccontextmanager
async def closed(transport: str) -> AsyncIterator[Way]:
    """Name a port that nobody has."""
    yield Way(HERE, free_port(), transport)


@asynccontextmanager
async def of_another_name(folder: Path) -> AsyncIterator[Way]:
    """Speak TLS with a certificate of an authority that is not the trunk's."""
    theirs, ours = Authority(folder), Authority(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = theirs.certify(HERE)
    context.load_cert_chain(certificate.chain, certificate.key)
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), HERE, 0, ssl=context)
    try:
        yield Way(HERE, server.sockets[0].getsockname()[1], "TLS", authorities=ours.pem)
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def silent() -> AsyncIterator[Way]:
    """Hold a port and say nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind((HERE, 0))
        yield Way(HERE, held.getsockname()[1])


REFUSALS: dict[str, Callable[[Path], AbstractAsyncContextManager[Way]]] = {
    "503 over UDP": lambda folder: unavailable(folder, "UDP"),
    "503 over TCP": lambda folder: unavailable(folder, "TCP"),
    "closed UDP port": lambda _: closed("UDP"),
    "closed TCP port": lambda _: closed("TCP"),
    "TLS of another authority": of_another_name,
}
