import json
import logging

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from webpbx.web.api.csp import CspReports

REPORT = {"csp-report": {"blocked-uri": "https://evil.example/x.js", "effective-directive": "script-src"}}


async def _send(reports: CspReports, *bodies: bytes) -> list[int]:
    app = web.Application()
    for route in reports.routes():
        app.router.add_route(route.method, route.path, route.handler)
    async with TestClient(TestServer(app)) as client:
        return [(await client.post("/csp", data=body)).status for body in bodies]


async def test_a_report_reaches_the_log_on_one_line(caplog: pytest.LogCaptureFixture) -> None:
    forged = json.dumps({"csp-report": {"blocked-uri": "x\nERROR forged line"}}).encode()
    with caplog.at_level(logging.WARNING):
        assert await _send(CspReports(clock=lambda: 0.0), json.dumps(REPORT).encode(), forged) == [204, 204]
    assert "https://evil.example/x.js" in caplog.text
    assert all("\n" not in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"csp-report": 5}', b"\xff", b"[" * 5000, b"x" * 20_000])
async def test_what_is_no_report_is_dropped_in_silence(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    reports = CspReports(clock=lambda: 0.0)
    assert await _send(reports, body) == [204]
    assert reports.dropped == 1
    assert not caplog.records


async def test_the_log_takes_ten_reports_at_once_and_no_flood(caplog: pytest.LogCaptureFixture) -> None:
    reports = CspReports(clock=lambda: 0.0)
    assert set(await _send(reports, *[json.dumps(REPORT).encode()] * 25)) == {204}
    assert len(caplog.records) == 10
    assert reports.dropped == 15


async def test_a_long_field_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    await _send(CspReports(clock=lambda: 0.0), json.dumps({"csp-report": {"blocked-uri": "y" * 5000}}).encode())
    assert len(caplog.records[0].getMessage()) < 400
