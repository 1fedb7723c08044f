"""What a message seems to be about, read at a glance: no parser, no error, an answer for any bytes."""

import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

_RESPONSE: Final = b"SIP/2.0 "
_GLANCE: Final = 8192
_BRANCH: Final = re.compile(rb"branch=([^;,\s]{1,128})")
_CALL_ID: Final = re.compile(rb"\n(?:Call-ID|i)[ \t]*:[ \t]*([^\r\n]{1,256})", re.IGNORECASE)
_TAG: Final = r"\n(?:%s)[ \t]*:[^\r\n]*;[ \t]*tag[ \t]*=[ \t]*([^\s;,>\"]{1,128})"
_FROM_TAG: Final = re.compile((_TAG % "From|f").encode(), re.IGNORECASE)
_TO_TAG: Final = re.compile((_TAG % "To|t").encode(), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OurEnd:
    """Say which end of a dialog we are, as one of its messages tells: a call may come back to us under its Call-ID."""

    calls: bool
    """Whether the message is of a request of ours."""
    tag: str
    """Our tag, empty where the message bears none yet."""
    branch: str
    """The branch of the uppermost Via, by which messages without our tag belong together."""


def our_end(data: bytes, *, sent: bool) -> OurEnd:
    """Tell which end of its dialog a message we sent or heard makes us."""
    calls = sent is not data.startswith(_RESPONSE)
    tag = (_FROM_TAG if calls else _TO_TAG).search(data, 0, _GLANCE)
    branch = _BRANCH.search(data, 0, _GLANCE)
    return OurEnd(calls, tag[1].decode("latin-1") if tag else "", branch[1].decode("latin-1") if branch else "")


def call_id_of(data: bytes) -> str | None:
    """Give a message's Call-ID, None for what bears none."""
    found = _CALL_ID.search(data, 0, _GLANCE)
    return found[1].rstrip().decode("latin-1") if found is not None else None


def belongs(data: bytes, *, branches: Container[str], call_ids: Container[str]) -> bool:
    """Tell whether a message answers one of these transactions, or is a request of one of these calls."""
    found = (_BRANCH if data.startswith(_RESPONSE) else _CALL_ID).search(data, 0, _GLANCE)
    if found is None:
        return False
    return found[1].rstrip().decode("latin-1") in (branches if data.startswith(_RESPONSE) else call_ids)
