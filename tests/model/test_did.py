import pytest

from webpbx.model.checks import InvalidSetting
from webpbx.model.destination import ToExtension, ToOutside
from webpbx.model.did import Did


def test_a_number_of_ours_leads_inside() -> None:
    assert Did("+493023125000", "acme", "main", ToExtension("101")).destination == ToExtension("101")


def test_a_number_of_ours_never_leads_outside() -> None:
    with pytest.raises(InvalidSetting, match="leads outside"):
        Did("+493023125000", "acme", "main", ToOutside("+442079460958"))


@pytest.mark.parametrize("number", ["03023125000", "493023125000", "+0123456789", "+49", "+49 30 23125000", ""])
def test_a_number_of_ours_is_written_in_full(number: str) -> None:
    with pytest.raises(InvalidSetting, match="international form"):
        Did(number, "acme", "main", ToExtension("101"))
