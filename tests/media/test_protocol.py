import pytest
from hypothesis import given
from hypothesis import strategies as st

from webpbx.media.protocol import MAX_MESSAGE, Deframer, frame

MESSAGES = st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=20), max_size=4), max_size=5)


@pytest.mark.process
@given(MESSAGES, st.integers(1, 7))
def test_messages_come_out_whole_however_the_stream_is_cut(messages: list[dict[str, object]], size: int) -> None:
    stream = b"".join(frame(message) for message in messages)
    deframer = Deframer()
    found = [message for at in range(0, len(stream), size) for message in deframer.feed(stream[at : at + size])]
    assert found == messages


@pytest.mark.parametrize(
    "data", [(MAX_MESSAGE + 1).to_bytes(4, "big"), b"\0\0\0\2[]", b"\0\0\0\2{{", b"\0\0\0\1\xff", b"\0\0\0\0"]
)
def test_what_is_no_message_of_ours_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(Deframer().feed(data))
