"""SRTP keys told in SDP: a=crypto lines (RFC 4568); a key is never part of a `repr`, a log or an error."""

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from webpbx.media.srtp import AES_128_GCM, AES_256_GCM, AES_CM_32, AES_CM_80, Profile

SUITES: Final[dict[str, Profile]] = {
    "AEAD_AES_128_GCM": AES_128_GCM,
    "AES_CM_128_HMAC_SHA1_80": AES_CM_80,
    "AES_CM_128_HMAC_SHA1_32": AES_CM_32,
    "AEAD_AES_256_GCM": AES_256_GCM,
}

_LIFETIME: Final = re.compile(r"(?:2\^)?[0-9]{1,20}")
_MKI: Final = re.compile(r"([0-9]{1,9}):([1-4])")
_TAG: Final = re.compile(r"[0-9]{1,9}")
_PARTS: Final = 3  # tag, suite, key; then session parameters


@dataclass(frozen=True, slots=True)
class Crypto:
    """One side's key: the line's tag, the suite's name, master key and salt, and the MKI in its packets, if any."""

    tag: int
    suite: str
    master: bytes = field(repr=False)
    mki: bytes = b""

    @property
    def profile(self) -> Profile:
        """Give libsrtp's view of the suite."""
        return SUITES[self.suite]

    def same_key(self, other: "Crypto") -> bool:
        """Tell whether the other one is the same key, under whatever tag."""
        return (self.suite, self.master, self.mki) == (other.suite, other.master, other.mki)

    def line(self) -> str:
        """Write the attribute."""
        return f"a=crypto:{self.tag} {self.suite} inline:{base64.b64encode(self.master).decode()}"


def read(values: Iterable[str]) -> tuple[Crypto, ...]:
    """Read the a=crypto values that can be used, in their order.

    Left out are unknown suites, keys of a wrong length, lists of several keys, and session parameters that would weaken
    the protection or must be understood (RFC 4568 §6.3; a window size is but a hint, a leading "-" marks the optional).
    """
    found = (_read(value.split()) for value in values)
    return tuple(crypto for crypto in found if crypto is not None)


def _read(parts: Sequence[str]) -> Crypto | None:
    if len(parts) < _PARTS or _TAG.fullmatch(parts[0]) is None or parts[1] not in SUITES:
        return None
    method, _, key = parts[2].partition(":")
    text, *rest = key.split("|")
    if method != "inline" or any(not parameter.startswith(("-", "WSH=")) for parameter in parts[_PARTS:]):
        return None
    if rest and _LIFETIME.fullmatch(rest[0]) is not None:
        rest = rest[1:]
    named = _MKI.fullmatch(rest[0]) if rest else None
    if len(rest) > (named is not None):
        return None
    number, size = (int(named[1]), int(named[2])) if named is not None else (0, 0)
    try:
        master = base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except ValueError:
        return None
    profile = SUITES[parts[1]]
    if len(master) != profile.key + profile.salt or (size and number >= 256**size):
        return None
    return Crypto(int(parts[0]), parts[1], master, number.to_bytes(size, "big"))
