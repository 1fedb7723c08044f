"""What a page can be told instead of what it asked for."""

from webpbx.errors import WebpbxError


class Gone(WebpbxError):  # noqa: N818 - the name says what is wrong
    """There is no such living call."""

    error_id = "gone"


class Taken(WebpbxError):  # noqa: N818 - the name says what is wrong
    """Somebody else was faster, or a newer connection has the call."""

    error_id = "taken"


class BadNumber(WebpbxError):  # noqa: N818 - the name says what is wrong
    """What was dialled cannot be a number."""

    error_id = "bad_number"


class TooManyCalls(WebpbxError):  # noqa: N818 - the name says what is wrong
    """One device has more calls than anybody can use."""

    error_id = "too_many_calls"


class BadDigits(WebpbxError):  # noqa: N818 - the name says what is wrong
    """What was pressed is not on a telephone's keypad."""

    error_id = "bad_digits"


class BadSdp(WebpbxError):  # noqa: N818 - the name says what is wrong
    """The media worker cannot use the browser's offer."""

    error_id = "bad_sdp"


class OffLine(WebpbxError):  # noqa: N818 - the name says what is wrong
    """The device has no connected tab."""

    error_id = "off_line"
