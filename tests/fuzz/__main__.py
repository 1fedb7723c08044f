"""Fuzz a target with atheris: coverage of our code leads it on from the corpus. The last line printed is a report."""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import atheris as untyped

from tests.fuzz.measure import Measured

atheris: Any = untyped  # it exports no names that mypy knows
with atheris.instrument_imports(include=["webpbx.sip", "webpbx.media", "tests.fuzz.targets"]):
    from tests.fuzz.targets import TARGETS, seeds

LONGEST = 4096
SETTLED_SHARE = 10


def main() -> None:
    """Run until so many inputs were tried."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=4475)
    options = parser.parse_args()
    measured = Measured(TARGETS[options.target], settled=max(options.runs // SETTLED_SHARE, 1))

    def one(data: bytes) -> None:
        measured(data)
        if measured.runs == options.runs:
            print(json.dumps({"target": options.target, "seed": options.seed, **measured.report()}), flush=True)

    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(seeds(options.target)):
            (Path(folder) / f"{number:03}").write_bytes(seed)
        words = [f"-runs={options.runs + 1}", f"-seed={options.seed}", f"-max_len={LONGEST}", "-rss_limit_mb=2048"]
        atheris.Setup([sys.argv[0], *words, "-verbosity=0", "-timeout=20", folder], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
