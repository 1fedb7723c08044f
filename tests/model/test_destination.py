import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webpbx.model.cause import Cause
from webpbx.model.checks import InvalidSetting
from webpbx.model.destination import (
    Destination,
    ToEcho,
    ToExtension,
    ToNowhere,
    ToOutside,
    from_json,
    from_text,
    to_json,
)

destinations: st.SearchStrategy[Destination] = st.one_of(
    st.from_regex(r"[0-9]{3,4}", fullmatch=True).filter(str.isascii).map(ToExtension),
    st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True).filter(str.isascii).map(ToOutside),
    st.from_regex(r"[0-9]{2,8}", fullmatch=True).map(lambda digits: ToOutside(digits, emergency=True)),
    st.just(ToEcho()),
    st.sampled_from(Cause).map(ToNowhere),
)


@pytest.mark.process
@given(destinations)
def test_a_destination_survives_text_and_json(destination: Destination) -> None:
    assert from_text(str(destination)) == destination
    assert from_json(json.loads(json.dumps(to_json(destination)))) == destination


@given(st.text(max_size=30))
def test_other_text_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(InvalidSetting, match=r"\.$"):
        from_text("?" + text)


@pytest.mark.parametrize("value", [{}, {"kind": "echo", "value": "x"}, {"kind": 3}, {"kind": "nowhere", "value": "?"}])
def test_other_json_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(InvalidSetting):
        from_json(value)


def test_the_text_form_is_what_people_type() -> None:
    assert str(ToExtension("101")) == "extension:101"
    assert str(ToOutside("+493023125000")) == "outside:+493023125000"
    assert str(ToOutside("112", emergency=True)) == "emergency:112"
    assert str(ToNowhere(Cause.BUSY)) == "nowhere:busy"
