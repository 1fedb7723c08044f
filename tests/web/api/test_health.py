import json
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tests.web.house import Clock
from webpbx.web.api.health import Health, LoopLag, Readings, TrunkReading, WorkerReading

WELL = Readings(
    version="9.8.7",
    uptime=12.34,
    database_ok=True,
    workers=(WorkerReading("0a", ready=True, legs=6), WorkerReading("0b", ready=True, draining=True)),
    trunks=(
        TrunkReading("acme", "main", up=True, calls=2),
        TrunkReading("acme", "spare", up=False, reason="401: wrong secret."),
    ),
    calls={"acme": 3},
    calls_ended={"busy": 4},
    loop_lags={"switch": LoopLag(0.001, 0.004, 0.02), "0a": LoopLag(0.002, 0.003, 0.01)},
    packets={("0a", "in"): 500, ("0a", "out"): 499},
    dropped={("0a", "unknown_source"): 7, ("switch", "sip_rate"): 2},
    sip_transactions=5,
    sip_dialogs=2,
    sip_requests={("INVITE", "out"): 11},
    sip_responses={("2xx", "in"): 10},
    sockets=4,
)


async def _ask(path: str, readings: Readings) -> tuple[int, str, str]:
    async def measures() -> Readings:
        return readings

    app = web.Application()
    for route in Health(measures, clock=lambda: 0.0).routes():
        app.router.add_route(route.method, route.path, route.handler)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get(path)
        return answer.status, answer.headers["Content-Type"], await answer.text()


async def test_a_switch_that_can_take_calls_says_ok() -> None:
    status, _, text = await _ask("/healthz", WELL)
    assert status == 200
    assert json.loads(text) == {
        "status": "ok",
        "version": "9.8.7",
        "uptime": 12.3,
        "workers_ready": 1,
        "workers": 2,
        "trunks_up": 1,
        "trunks": 2,
        "database_ok": True,
    }


@pytest.mark.parametrize(
    ("readings", "told"),
    [
        (replace(WELL, database_ok=False), "unavailable"),
        (replace(WELL, workers=()), "unavailable"),
        (replace(WELL, workers=(WorkerReading("0a", ready=False),)), "unavailable"),
        (replace(WELL, workers=(WorkerReading("0a", ready=True, draining=True),)), "unavailable"),
        (replace(WELL, stopping=True), "stopping"),
    ],
)
async def test_a_switch_that_cannot_take_calls_answers_503(readings: Readings, told: str) -> None:
    status, _, text = await _ask("/healthz", readings)
    assert status == 503
    assert f'"status": "{told}"' in text


async def test_a_lost_trunk_alone_does_not_make_the_switch_unhealthy() -> None:
    status, _, _ = await _ask("/healthz", replace(WELL, trunks=(TrunkReading("acme", "main", up=False),)))
    assert status == 200


async def test_metrics_hold_every_reading_in_prometheus_text() -> None:
    status, content_type, text = await _ask("/metrics", WELL)
    assert status == 200
    assert content_type.startswith("text/plain; version=0.0.4")
    lines = set(text.splitlines())
    assert {
        'webpbx_info{version="9.8.7"} 1.0',
        "webpbx_uptime_seconds 12.34",
        "webpbx_database_ok 1.0",
        "webpbx_sockets 4.0",
        'webpbx_loop_lag_seconds{process="switch",quantile="0.99"} 0.004',
        'webpbx_loop_lag_seconds{process="0a",quantile="1"} 0.01',
        'webpbx_calls{tenant="acme"} 3.0',
        'webpbx_calls_ended_total{cause="busy"} 4.0',
        'webpbx_trunk_up{tenant="acme",trunk="spare"} 0.0',
        'webpbx_trunk_reason{reason="401: wrong secret.",tenant="acme",trunk="spare"} 1.0',
        'webpbx_trunk_calls{tenant="acme",trunk="main"} 2.0',
        'webpbx_worker_ready{worker="0a"} 1.0',
        'webpbx_legs{worker="0a"} 6.0',
        'webpbx_packets_total{direction="in",worker="0a"} 500.0',
        'webpbx_dropped_datagrams_total{process="switch",reason="sip_rate"} 2.0',
        "webpbx_sip_transactions 5.0",
        "webpbx_sip_dialogs 2.0",
        'webpbx_sip_requests_total{direction="out",method="INVITE"} 11.0',
        'webpbx_sip_responses_total{class="2xx",direction="in"} 10.0',
    } <= lines


async def test_nothing_of_one_scrape_stays_for_the_next() -> None:
    await _ask("/metrics", WELL)
    _, _, text = await _ask("/metrics", replace(WELL, calls={"beta": 1}))
    assert 'tenant="beta"' in text
    assert 'webpbx_calls{tenant="acme"}' not in text


async def test_health_is_measured_once_a_second_however_often_it_is_asked_for() -> None:
    times: list[float] = []
    clock = Clock()

    async def measures() -> Readings:
        times.append(clock.now)
        return WELL

    app = web.Application()
    for route in Health(measures, clock=clock).routes():
        app.router.add_route(route.method, route.path, route.handler)
    async with TestClient(TestServer(app)) as client:
        for clock.now in (100.0, 100.9, 101.0, 101.5, 103.0):
            assert (await client.get("/healthz")).status == 200
    assert times == [100.0, 101.0, 103.0]
