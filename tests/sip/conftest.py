import pytest

from tests.sip.wire import Node, Wire


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def us(wire: Wire) -> Node:
    return wire.node()


@pytest.fixture
def them(wire: Wire) -> Node:
    return wire.node("192.0.2.1")
