"""STUN binding requests and their answers (RFC 8489), read without trusting a byte before it is checked."""

import binascii
import hmac
import ipaddress
import struct
from dataclasses import dataclass

COOKIE = b"\x21\x12\xa4\x42"
HEADER_SIZE = 20
BINDING_REQUEST = 0x0001
BINDING_SUCCESS = 0x0101
BINDING_ERROR = 0x0111
MAX_REQUEST = 548
FINGERPRINT_XOR = 0x5354554E
FAMILY_IPV4 = 1
FAMILY_IPV6 = 2

USERNAME = 0x0006
MESSAGE_INTEGRITY = 0x0008
ERROR_CODE = 0x0009
XOR_MAPPED_ADDRESS = 0x0020
USE_CANDIDATE = 0x0025
FINGERPRINT = 0x8028
ICE_CONTROLLED = 0x8029

INTEGRITY_SIZE = 20

_ATTRIBUTE = struct.Struct("!HH")
_HEADER = struct.Struct("!HH4s12s")


@dataclass(frozen=True, slots=True)
class BindingRequest:
    """A well-formed binding request, not yet authenticated."""

    data: bytes
    transaction: bytes
    username: str | None
    use_candidate: bool
    controlled: bool
    integrity_at: int  # offset of MESSAGE-INTEGRITY, 0 = none
    fingerprint: bool  # present, and right

    def signed_with(self, password: bytes) -> bool:
        """Tell in constant time whether MESSAGE-INTEGRITY was made with `password`."""
        at = self.integrity_at
        if not at:
            return False
        return hmac.compare_digest(self.data[at + 4 : at + 4 + INTEGRITY_SIZE], _integrity(self.data[:at], password))


def parse_request(data: bytes) -> BindingRequest | None:  # noqa: C901 - one branch an attribute
    """Read a binding request; None for anything else: responses, other methods, wrong lengths, a wrong FINGERPRINT."""
    size = len(data)
    if not HEADER_SIZE <= size <= MAX_REQUEST or size % 4:
        return None
    kind, length, cookie, transaction = _HEADER.unpack_from(data)
    if kind != BINDING_REQUEST or cookie != COOKIE or length != size - HEADER_SIZE:
        return None
    username: str | None = None
    use_candidate = controlled = fingerprint = False
    integrity_at = 0
    at = HEADER_SIZE
    while at < size:
        attribute, length = _ATTRIBUTE.unpack_from(data, at)
        end = at + 4 + length
        if end > size:
            return None
        if attribute == FINGERPRINT:
            if length != 4 or end != size or data[at + 4 : end] != _fingerprint(data[:at]):  # noqa: PLR2004 - a CRC-32
                return None
            fingerprint = True
        elif integrity_at:
            pass  # what follows MESSAGE-INTEGRITY is not authenticated (RFC 8489 §14.5)
        elif attribute == MESSAGE_INTEGRITY:
            if length != INTEGRITY_SIZE:
                return None
            integrity_at = at
        elif attribute == USERNAME:
            username = data[at + 4 : end].decode("ascii", "replace")
        elif attribute == USE_CANDIDATE:
            use_candidate = True
        elif attribute == ICE_CONTROLLED:
            controlled = True
        at = end + (-length % 4)
    return BindingRequest(data, transaction, username, use_candidate, controlled, integrity_at, fingerprint)


def success(transaction: bytes, address: tuple[str, int], password: bytes | None) -> bytes:
    """Answer with the address the request came from; signed if there is a password."""
    ip = ipaddress.ip_address(address[0])
    family = FAMILY_IPV4 if ip.version == 4 else FAMILY_IPV6  # noqa: PLR2004 - IP's own number
    mask = COOKIE + transaction
    plain = ip.packed
    mapped = struct.pack("!BBH", 0, family, address[1] ^ 0x2112) + bytes(
        a ^ b for a, b in zip(plain, mask, strict=False)
    )
    return _message(BINDING_SUCCESS, transaction, _attribute(XOR_MAPPED_ADDRESS, mapped), password)


def role_conflict(transaction: bytes, password: bytes) -> bytes:
    """Answer 487: we are always the controlled side (RFC 8445 §7.3.1.1)."""
    body = _attribute(ERROR_CODE, b"\x00\x00\x04\x57Role Conflict")
    return _message(BINDING_ERROR, transaction, body, password)


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(kind, len(value)) + value + bytes(-len(value) % 4)


def _message(kind: int, transaction: bytes, body: bytes, password: bytes | None) -> bytes:
    data = _HEADER.pack(kind, len(body), COOKIE, transaction) + body
    if password is not None:
        data += _attribute(MESSAGE_INTEGRITY, _integrity(data, password))
    data += _attribute(FINGERPRINT, _fingerprint(data))
    return data[:2] + struct.pack("!H", len(data) - HEADER_SIZE) + data[4:]


def _with_length(data: bytes, extra: int) -> bytes:
    return data[:2] + struct.pack("!H", len(data) - HEADER_SIZE + extra) + data[4:]


def _integrity(data: bytes, password: bytes) -> bytes:
    return hmac.digest(password, _with_length(data, 4 + INTEGRITY_SIZE), "sha1")


def _fingerprint(data: bytes) -> bytes:
    return struct.pack("!I", binascii.crc32(_with_length(data, 8)) ^ FINGERPRINT_XOR)
