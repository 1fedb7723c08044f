"""What must not be seen in a message that is kept or shown: secrets always, telephone numbers outside our pages."""

import re
from typing import Final

_HIDDEN: Final = "…".encode()
_AUTH_HEADER: Final = re.compile(
    rb"(?im)^((?:(?:proxy-)?authorization|(?:www|proxy)-authenticate|(?:proxy-)?authentication-info)[ \t]*:)"
    rb"((?:[^\r\n]|\r?\n[ \t])*)"
)
_AUTH_SECRET: Final = re.compile(
    rb"(?i)\b(response|nonce|cnonce|nextnonce|rspauth|opaque)([ \t]*=[ \t]*)(\"[^\"]*\"?|[^\s,]*)"
)
_DIGEST: Final = re.compile(rb"(?i)\s*digest\b")
_INFO_HEADER: Final = re.compile(rb"(?i)(?:proxy-)?authentication-info")
_SCHEME: Final = re.compile(rb"\s*[\w-]*")
_SDP_KEY: Final = re.compile(
    rb"(?im)(^a=crypto:[^\r\n]*?inline:|;inline:|^a=key-mgmt:|^a=ice-pwd:|^k=)([^\r\n|;]+)",
)
_URI_PASSWORD: Final = re.compile(rb"(?i)\b(sips?:[^\s:@<>;,\"]{1,256}:)([^\s@<>\"]{1,256})@")
_DTMF: Final = re.compile(rb"(?im)^([ \t]*signal[ \t]*=[ \t]*)[^\r\n]+")
_KPML: Final = re.compile(rb"(?i)(\bdigits[ \t]*=[ \t]*)(\"[^\"]*\"|'[^']*')")
_DTMF_BODY: Final = re.compile(
    rb"(?im)^(?:content-type|c)[ \t]*:[ \t]*application/(?:dtmf|vnd\.nortelnetworks\.digits)\b(?!-)"
)
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
_BLANK: Final = re.compile(rb"[^\s]")

_URI_NUMBER: Final = re.compile(r"(\b(?:tel:|sips?:(?=[^\s<>\"@]{1,200}@)))(\+?[0-9*#().\-]{5,40})", re.IGNORECASE)
_SHOWN_NAME: Final = re.compile(r"(\"?)(\+?[0-9][0-9 ()./\-]{3,39}[0-9])(\"?)(?=[ \t]*<(?:sips?|tel):)", re.IGNORECASE)
_KEPT_AT_START: Final = 3
_KEPT_AT_END: Final = 2


def mask_secrets(data: bytes) -> bytes:
    """Take out of a message what proves or keys something: digest answers, SRTP keys, pressed digits.

    Whatever else it holds stays as it was; nothing is parsed, and any bytes will do.
    """
    data = _AUTH_HEADER.sub(_without_proof, data)
    data = _SDP_KEY.sub(_keyless, data)
    data = _URI_PASSWORD.sub(_without_password, data)
    end = _END_OF_HEAD.search(data)
    if end is None:
        return data
    head, body = data[: end.end()], data[end.end() :]
    if _DTMF_BODY.search(head):
        return head + _BLANK.sub(b"*", body)
    return head + _KPML.sub(rb'\1"' + _HIDDEN + rb'"', _DTMF.sub(rb"\1*", body))


def mask_numbers(text: str) -> str:
    """Leave of each telephone number in a message its beginning and end; extensions of up to four digits stay."""
    return _SHOWN_NAME.sub(lambda found: found[1] + mask_number(found[2]) + found[3], _URI_NUMBER.sub(_short_uri, text))


def mask_number(number: str) -> str:
    """Leave of a number the first three and the last two characters; one of up to four stays as it is."""
    if len(number) < _KEPT_AT_START + _KEPT_AT_END:
        return number
    return f"{number[:_KEPT_AT_START]}…{number[-_KEPT_AT_END:]}"


def _short_uri(found: "re.Match[str]") -> str:
    return found[1] + mask_number(found[2])


def _without_proof(found: "re.Match[bytes]") -> bytes:
    name, value = found[1], found[2]
    if _DIGEST.match(value) or _INFO_HEADER.match(name):
        return name + _AUTH_SECRET.sub(rb'\1\2"' + _HIDDEN + rb'"', value)
    scheme = _SCHEME.match(value)
    return name + (scheme[0] if scheme is not None else b"") + b" " + _HIDDEN


def _keyless(found: "re.Match[bytes]") -> bytes:
    return found[1] + _HIDDEN


def _without_password(found: "re.Match[bytes]") -> bytes:
    return found[1] + _HIDDEN + b"@"
