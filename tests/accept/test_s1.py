"""Hostile bytes at our readers (S1): nothing raises, lasts or stays. Quick runs replay the corpora, spoilt a bit."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.accept.garbage.mutation import Mutator
from tests.fuzz.measure import Measured
from tests.fuzz.targets import TARGETS, seeds

pytestmark = [pytest.mark.quick, pytest.mark.timeout(3600)]

ROOT = Path(__file__).parents[2]
RUNS = 1_000_000
SPOILT = 3_000
GROWTH_MIB = 10.0


def fuzzed(name: str) -> dict[str, object]:
    """Fuzz in a process of its own; return its report."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", name, "--runs", str(RUNS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines, done.stderr[-3000:]
    report: dict[str, object] = json.loads(lines[-1])
    return report


def replayed(name: str) -> dict[str, object]:
    """Try the corpus, then spoilt copies of it."""
    dice = random.Random(1)
    mutator = Mutator(dice)
    corpus = seeds(name)
    measured = Measured(TARGETS[name], settled=len(corpus))
    for data in corpus:
        measured(data)
    for _ in range(SPOILT):
        measured(mutator.text(mutator.text(dice.choice(corpus))))
    return measured.report()


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_raises_lasts_or_leaves_anything(name: str, full: bool) -> None:
    report = fuzzed(name) if full else replayed(name)
    print(report)
    assert report["inputs"] == (RUNS if full else SPOILT + len(seeds(name)))
    assert report["faults"] == []
    assert report["slow"] == 0
    assert float(str(report["grown_mib"])) <= GROWTH_MIB
