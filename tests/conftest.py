import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.free_ports import free_block
from tests.pbx import Pbx, add_address_trunk, add_company

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


@dataclass(frozen=True)
class Company:
    """A data folder to copy: the company of add_company, with a trunk to a provider at `port`."""

    data: Path
    port: int


@pytest.fixture(scope="session")
def company_with_trunk(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """Set up a company by the command line, once; tests begin with a copy."""
    pbx = Pbx(tmp_path_factory.mktemp("company") / "pbx")
    port = free_block(1)
    add_company(pbx, outside_calls=400)
    add_address_trunk(pbx, port=port, max_calls=400)
    return Company(pbx.data, port)


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
