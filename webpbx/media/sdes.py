"""SRTP keys told in SDP: a=crypto lines (RFC 4568); a key is never part of a `repr`, a log or an error."""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from webpbx.media.srtp import AES_128_GCM, AES_256_GCM, AES_CM_32, AES_CM_80, Profile

SUITES: Final[dict[str, Profile]] = {
    "AEAD_AES_128_GCM": AES_128_GCM,
    "AES_CM_128_HMAC_SHA1_80": AES_CM_80,
    "AES_CM_128_HMAC_SHA1_32": AES_CM_32,
    "AEAD_AES_256_GCM": AES_256_GCM,
}

_CRYPTO: Final = re.compile(r"([0-9]{1,9}) +([A-Za-z0-9_]{1,40}) +inline:([A-Za-z0-9+/=]{1,120})(\S{0,60})((?: +\S+)*)")
_LIFETIME_AND_MKI: Final = re.compile(r"(?:\|(?:2\^)?[0-9]{1,20})?(?:\|([0-9]{1,9}):([1-4]))?")


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
    found = []
    for value in values:
        match = _CRYPTO.fullmatch(value.strip())
        rest = _LIFETIME_AND_MKI.fullmatch(match[4]) if match is not None else None
        if match is None or rest is None or match[2] not in SUITES:
            continue
        if any(not parameter.startswith(("-", "WSH=")) for parameter in match[5].split()):
            continue
        try:
            master = base64.b64decode(match[3].rstrip("=") + "=" * (-len(match[3].rstrip("=")) % 4), validate=True)
        except binascii.Error:
            continue
        profile = SUITES[match[2]]
        number, size = (int(rest[1]), int(rest[2])) if rest[1] is not None else (0, 0)
        if len(master) == profile.key + profile.salt and (not size or number < 256**size):
            found.append(Crypto(int(match[1]), match[2], master, number.to_bytes(size, "big")))
    return tuple(found)
