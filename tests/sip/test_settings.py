import pytest

from webpbx.sip.grammar import SipError
from webpbx.sip.settings import SipSettings


def test_limits_are_given_by_name() -> None:
    settings = SipSettings().limited(["unknown_rate=50", "max_dialogs=7", "unknown_rate=2.5"])
    assert (settings.unknown_rate, settings.max_dialogs) == (2.5, 7)
    assert settings.known_rate == SipSettings().known_rate


@pytest.mark.parametrize("given", ["unknwon_rate=5", "max_dialogs=many", "max_dialogs=-1", "realm=5", "max_dialogs"])
def test_what_is_no_limit_is_told_in_a_sentence(given: str) -> None:
    with pytest.raises(SipError, match="cannot be used") as told:
        SipSettings().limited([given])
    if "-1" not in given:
        assert "unknown_rate" in told.value.text
