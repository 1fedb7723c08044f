"""The bench is run short: what it measures here means nothing, how it says it does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

BENCH = Path(__file__).parents[1] / "scripts" / "bench"


def _bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON": sys.executable}
    return subprocess.run([BENCH, *arguments], env=environment, capture_output=True, text=True, check=False)


def test_the_relay_bench_ends_with_one_json_object_of_its_figures() -> None:
    done = _bench("relay", "--calls", "3", "--rounds", "2", "--seconds", "1")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert (figures["bench"], figures["calls"], figures["rounds"]) == ("relay", 3, 2)
    assert 0 <= figures["loss"] <= 1
    assert 0 < figures["spread"]["min"] <= figures["cpu_ms_per_s_per_call"] <= figures["spread"]["max"]
    assert 0 < figures["delay_ms"]["p50"] <= figures["delay_ms"]["p99"]


def test_with_json_nothing_but_the_object_is_printed() -> None:
    done = _bench("relay", "--calls", "1", "--rounds", "1", "--seconds", "0.5", "--json")
    assert len(done.stdout.splitlines()) == 1
    assert json.loads(done.stdout)["bench"] == "relay"


def test_an_unknown_bench_is_refused_with_the_names_of_those_there_are() -> None:
    done = _bench("nothing")
    assert done.returncode == 2
    assert "relay" in done.stderr


def test_the_sip_bench_ends_with_one_json_object_of_its_figures() -> None:
    done = _bench("sip", "--calls", "20", "--rounds", "2", "--rate", "40", "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (figures["bench"], figures["calls"], figures["rounds"], figures["failed"]) == ("sip", 20, 2, 0)
    assert 0 < figures["spread"]["min"] <= figures["cpu_ms_per_call"] <= figures["spread"]["max"]
    assert set(figures["loads"]) == {"calls out", "registrations", "options"}
    assert [load["failed"] for load in figures["loads"].values()] == [0, 0, 0]
