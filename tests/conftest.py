import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.pbx import Pbx

# The same examples each time, and no stopwatch: how fast this machine is today is no matter of a unit test.
settings.register_profile("repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repeatable")

HERE = Path(__file__).parent
FOLDERS = {"peers": pytest.mark.peer, "browser": pytest.mark.browser, "accept": pytest.mark.accept}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="acceptance runs in full length and not in reduced counts")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            mark = FOLDERS.get(item.path.relative_to(HERE).parts[0])
            if mark is not None:
                item.add_marker(mark)


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Say whether a long run was asked for."""
    return bool(request.config.getoption("--full"))


@pytest.fixture
def output(request: pytest.FixtureRequest) -> Path:
    """Give a folder that is kept after the test: tests/output/<test>."""
    folder: Path = HERE / "output" / request.node.name.replace("/", "-")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def make_pbx(tmp_path: Path) -> Iterator[Callable[..., Pbx]]:
    """Give a maker of installations; each is ended after the test and must leave nothing."""
    names = (f"pbx{number}" for number in itertools.count())
    with ExitStack() as stack:

        def make(**options: Any) -> Pbx:
            pbx = Pbx(tmp_path / next(names), **options)
            stack.callback(pbx.stop)
            return pbx

        yield make


@pytest.fixture
def pbx(make_pbx: Callable[..., Pbx]) -> Pbx:
    """Give an installation that is not yet set up nor started."""
    return make_pbx()


@pytest.fixture
def demo(make_pbx: Callable[..., Pbx]) -> Pbx:
    """Give a running demo."""
    pbx = make_pbx()
    pbx.serve(verb="demo")
    return pbx
