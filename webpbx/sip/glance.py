"""What a message seems to be about, read at a glance: no parser, no error, an answer for any bytes."""

import re
from collections.abc import Container
from typing import Final

_RESPONSE: Final = b"SIP/2.0 "
_GLANCE: Final = 8192
_BRANCH: Final = re.compile(rb"branch=([^;,\s]{1,128})")
_CALL_ID: Final = re.compile(rb"\n(?:Call-ID|i)[ \t]*:[ \t]*([^\r\n]{1,256})", re.IGNORECASE)


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
