import pytest

from webpbx.model.checks import InvalidSetting
from webpbx.model.destination import Destination, ToEcho, ToExtension, ToOutside
from webpbx.model.extension import Extension


def test_a_users_extension_leads_to_the_user() -> None:
    assert Extension("101", "acme", user_id="u1").leads_to == ToExtension("101")


def test_an_applications_extension_leads_there() -> None:
    assert Extension("600", "acme", destination=ToEcho()).leads_to == ToEcho()


def test_an_extension_is_a_users_or_an_applications() -> None:
    with pytest.raises(InvalidSetting, match="needs a user or a destination"):
        Extension("101", "acme")
    with pytest.raises(InvalidSetting, match="not both"):
        Extension("101", "acme", user_id="u1", destination=ToEcho())


@pytest.mark.parametrize("destination", [ToExtension("102"), ToOutside("+493023125000")])
def test_an_extension_leads_neither_to_another_nor_outside(destination: Destination) -> None:
    with pytest.raises(InvalidSetting):
        Extension("101", "acme", destination=destination)
