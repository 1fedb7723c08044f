"""Reasons with codes: what the SIP stack says of a registration is known by its words."""

import inspect

import pytest

from webpbx.endpoints import trunk_reason
from webpbx.endpoints.trunk_reason import failed, refused, state_of
from webpbx.sip import auth, registration

SAID = inspect.getsource(registration) + inspect.getsource(auth)


@pytest.mark.parametrize("words", [*trunk_reason._REFUSALS, *trunk_reason._FAILURES])
def test_what_is_told_by_a_code_is_said_by_the_stack(words: str) -> None:
    assert f'{words}"' in SAID


def test_what_has_no_code_of_its_own_keeps_its_words() -> None:
    assert state_of(False, refused("403: Not here"))["reasons"] == [
        {"code": "refused", "values": {"status": "403", "words": "Not here"}}
    ]
    assert state_of(False, failed("the moon is full"))["reasons"] == [
        {"code": "fails", "values": {"words": "the moon is full"}}
    ]
    assert state_of(True, "Registered.") == {"up": True, "reason": "Registered.", "reasons": []}
