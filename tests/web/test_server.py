import asyncio
import contextlib
import datetime as dt
import logging
import re
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.web.house import House
from webpbx.web.errors import ListenFailed
from webpbx.web.routes import Access
from webpbx.web.server import Site, serve, tls_context

POLICY = re.compile(
    r"default-src 'none'; script-src 'self'( 'nonce-[A-Za-z0-9_-]{22}')?; style-src 'self'; img-src 'self' data:; "
    r"media-src 'self' blob:; connect-src 'self'; font-src 'self'; worker-src 'self'; manifest-src 'self'; "
    r"base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    r"trusted-types webpbx; report-uri /csp"
)


@contextlib.asynccontextmanager
async def _site(house: House, tls: ssl.SSLContext | None = None) -> AsyncIterator[Site]:
    site = await serve(house.app, host="127.0.0.1", port=0, tls=tls)
    try:
        yield site
    finally:
        await site.close()


async def test_a_port_may_be_ours_before_anybody_is_let_in(house: House) -> None:
    site = await serve(house.app, host="127.0.0.1", port=0, tls=None, accepting=False)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", site.port)
    await site.accept()
    _, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.close()
    await writer.wait_closed()
    await site.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", site.port)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/sw.js", 200),
        ("GET", "/manifest.webmanifest", 200),
        ("GET", "/healthz", 200),
        ("GET", "/metrics", 200),
        ("POST", "/csp", 204),
        ("GET", "/api/v1/session", 401),
        ("POST", "/api/v1/session", 403),
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/s/0000/nothing.js", 404),
        ("PUT", "/api/v1/session", 405),
        ("GET", "/socket.io/?transport=polling&EIO=4", 403),
        ("GET", "/socket.io/?transport=websocket&EIO=4", 403),
    ],
)
async def test_every_answer_carries_the_headers_of_defence(house: House, method: str, path: str, status: int) -> None:
    answer = await house.client.request(method, path)
    assert answer.status == status
    assert POLICY.fullmatch(answer.headers["Content-Security-Policy"])
    assert answer.headers["Permissions-Policy"] == (
        "microphone=(self), camera=(), hid=(self), speaker-selection=(self)"
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Server"] == "webpbx"
    if path.startswith("/api"):
        assert answer.headers["Cache-Control"] == "no-store"
        assert set(await answer.json()) == {"error_id", "text", "details"}


async def test_the_page_has_a_new_nonce_each_time_and_its_import_map_has_the_same(house: House) -> None:
    nonces = set()
    for _ in range(3):
        answer = await house.client.get("/")
        (nonce,) = re.findall(r"'nonce-([^']+)'", answer.headers["Content-Security-Policy"])
        assert f'<script type="importmap" nonce="{nonce}">' in await answer.text()
        assert answer.headers["Cache-Control"] == "no-cache"
        nonces.add(nonce)
    assert len(nonces) == 3


async def test_only_the_page_s_answer_has_a_nonce(house: House) -> None:
    for path in ("/healthz", "/sw.js", "/api/v1/session"):
        assert "nonce" not in (await house.client.get(path)).headers["Content-Security-Policy"]


async def test_the_page_names_assets_that_exist(house: House) -> None:
    text = await (await house.client.get("/")).text()
    found = re.findall(r'(?:href|src)="(/s/[^"]+)"', text)
    assert len(found) == 6
    for path in found:
        assert (await house.client.get(path)).status == 200


async def test_metrics_are_for_this_machine_only(house: House) -> None:
    answer = await house.client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"})
    assert (answer.status, (await answer.json())["error_id"]) == (403, "loopback_only")


def test_every_route_says_who_may_use_it(house: House) -> None:
    listed = {
        ("GET", "/"): Access.OPEN,
        ("GET", "/s/{hash}/{path}"): Access.OPEN,
        ("GET", "/sw.js"): Access.OPEN,
        ("GET", "/manifest.webmanifest"): Access.OPEN,
        ("GET", "/socket.io/"): Access.OPEN,
        ("POST", "/csp"): Access.OPEN,
        ("GET", "/healthz"): Access.OPEN,
        ("GET", "/metrics"): Access.LOOPBACK,
        ("POST", "/api/v1/session"): Access.LOGIN,
        ("POST", "/api/v1/session/link"): Access.LOGIN,
        ("GET", "/api/v1/session"): Access.USER,
        ("DELETE", "/api/v1/session"): Access.USER,
        ("GET", "/api/v1/calls"): Access.USER,
        ("GET", "/api/v1/devices"): Access.USER,
        ("GET", "/api/v1/calls/all"): Access.ADMIN,
        ("GET", "/api/v1/calls/{id}"): Access.ADMIN,
        ("GET", "/api/v1/calls/{id}/sip"): Access.ADMIN,
        ("GET", "/api/v1/calls/{id}/sip.txt"): Access.ADMIN,
    }
    mounted = {
        (route.method, route.resource.canonical) for route in house.app.router.routes() if route.resource is not None
    }
    assert mounted == set(listed)


async def test_a_closed_site_has_left_no_task_behind(house: House) -> None:
    before = asyncio.all_tasks()
    async with _site(house) as site, aiohttp.ClientSession() as client:
        assert (await client.get(site.url + "healthz")).status == 200
    await asyncio.sleep(0)
    assert {task for task in asyncio.all_tasks() - before if not task.done()} == set()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /csp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 10_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\nBad Header: 1\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /s/%00/%ff HTTP/1.1\r\nHost: \xff\r\nCookie: sid=\xff\xfe; =;;\r\nRange: bytes=9-1\r\n\r\n",
        b"GET /api/v1/session HTTP/1.1\r\nHost: x\r\nCookie: sid=\xff\xfe\r\nAuthorization: Bearer \xff\r\n\r\n",
        b"GET /api/v1/session HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xed\xa0\x80\r\nExpect: x\r\n\r\n",
    ],
)
async def test_garbage_brings_neither_a_traceback_nor_the_server_down(
    house: House, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with _site(house) as site:
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            writer.write(garbage)
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            async with aiohttp.ClientSession() as client:
                assert (await client.get(site.url + "healthz")).status == 200
    assert b"Traceback" not in answer
    assert not answer.startswith(b"HTTP/1.1 500")
    assert [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR] == []


async def test_a_port_in_use_is_told_in_a_sentence(house: House) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ListenFailed, match=rf"127\.0\.0\.1:{port} is in use .* --http"):
            await serve(house.app, host="127.0.0.1", port=port, tls=None)


@pytest.mark.parametrize(
    ("host", "said"),
    [("192.0.2.1", "not an address of this machine"), ("no.such.host.invalid", "not known on this machine")],
)
async def test_an_address_that_is_not_ours_is_told_in_a_sentence(
    house: House, tmp_path: Path, host: str, said: str
) -> None:
    with pytest.raises(ListenFailed, match=said):
        await serve(house.app, host=host, port=0, tls=tls_context(*_pair(tmp_path)))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "pbx.example"])
async def test_plain_http_is_for_loopback_only(house: House, host: str) -> None:
    with pytest.raises(ListenFailed, match="--tls-cert"):
        await serve(house.app, host=host, port=0, tls=None)


async def test_the_page_is_served_over_https(house: House, tmp_path: Path) -> None:
    cert, key = _pair(tmp_path)
    trusting = ssl.create_default_context(cafile=str(cert))
    async with _site(house, tls_context(cert, key)) as site, aiohttp.ClientSession() as client:
        assert site.url == f"https://127.0.0.1:{site.port}/"
        answer = await client.get(f"https://localhost:{site.port}/", ssl=trusting)
        assert answer.status == 200


def test_a_certificate_that_cannot_be_used_is_told_in_a_sentence(tmp_path: Path) -> None:
    cert, key = _pair(tmp_path)
    _, other_key = _pair(tmp_path / "other")
    locked = _locked(key)
    text = tmp_path / "text.pem"
    text.write_text("hello")
    cases: list[tuple[Path, Path, str]] = [
        (tmp_path / "none.pem", key, "of --tls-cert cannot be read: No such file"),
        (cert, tmp_path / "none.pem", "of --tls-key cannot be read: No such file"),
        (tmp_path, key, "of --tls-cert cannot be read: Is a directory"),
        (cert, other_key, "does not belong to the certificate"),
        (text, key, "both must be PEM"),
        (cert, text, "both must be PEM"),
        (cert, locked, "must have no password"),
    ]
    for certificate, private, said in cases:
        with pytest.raises(ListenFailed, match=said):
            tls_context(certificate, private)


def _pair(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for localhost and its key."""
    folder.mkdir(exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(_pem(key, serialization.NoEncryption()))
    return folder / "cert.pem", folder / "key.pem"


def _locked(key: Path) -> Path:
    private: Any = serialization.load_pem_private_key(key.read_bytes(), None)
    path = key.with_name("locked.pem")
    path.write_bytes(_pem(private, serialization.BestAvailableEncryption(b"secret")))
    return path


def _pem(key: ec.EllipticCurvePrivateKey, encryption: serialization.KeySerializationEncryption) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
