"""baresip as a provider's subscriber behind a trunk known by its address: calls a browser, is called by one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.tab import Tab
from tests.browser.telephone import Telephone
from tests.conftest import Company
from tests.pbx import Pbx
from tests.peers.baresip import Baresip

OUTSIDE = "+493012345678"


@pytest.fixture
def telephone(tmp_path: Path, company_with_trunk: Company) -> Iterator[Telephone]:
    telephone = Telephone(Baresip(OUTSIDE, folder=tmp_path, hertz=440, port=company_with_trunk.port))
    yield telephone
    telephone.close()


def test_baresip_calls_a_browser_user(telephone: Telephone, company: Pbx, anna: Tab) -> None:
    telephone.calls("+4930555101", company.sip_port, anna)


def test_a_browser_user_calls_baresip(telephone: Telephone, anna: Tab) -> None:
    telephone.is_called(OUTSIDE, anna)
