"""A digest of the tests' own (RFC 7616), so that the stack's is not proved by itself; and one bare SIP exchange."""

import hashlib
import re
import secrets
import socket

HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


def ask(address: tuple[str, int], method: str, user: str, *, authorization: str = "") -> str:
    """Send one REGISTER or INVITE without SDP from a new socket and return the first final response."""
    host, port = address
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((host, 0))
        client.settimeout(5)
        here = f"{host}:{client.getsockname()[1]}"
        lines = [
            f"{method} sip:{user}@{host}:{port} SIP/2.0",
            f"Via: SIP/2.0/UDP {here};rport;branch=z9hG4bK{secrets.token_hex(8)}",
            f"From: <sip:{user}@outside.demo>;tag={secrets.token_hex(4)}",
            f"To: <sip:{user}@outside.demo>",
            f"Call-ID: {secrets.token_hex(8)}",
            f"CSeq: 1 {method}",
            f"Contact: <sip:{user}@{here}>",
            "Max-Forwards: 70",
            *([f"Authorization: {authorization}"] if authorization else []),
            "Content-Length: 0",
        ]
        client.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), address)
        while (response := client.recv(65536).decode()).startswith("SIP/2.0 1"):
            pass
        return response


def authorization(challenged: str, method: str, uri: str, *, username: str, secret: str, algorithm: str) -> str:
    """Answer the challenge of one algorithm in a 401."""
    challenge = next(line for line in challenged.splitlines() if f"algorithm={algorithm}" in line)
    realm, nonce = (re.findall(f'{name}="([^"]*)"', challenge)[0] for name in ("realm", "nonce"))

    def digest(text: str) -> str:
        return HASHES[algorithm](text.encode()).hexdigest()

    cnonce = secrets.token_hex(8)
    middle = f"{nonce}:00000001:{cnonce}:auth"
    response = digest(f"{digest(f'{username}:{realm}:{secret}')}:{middle}:{digest(f'{method}:{uri}')}")
    return (
        f'Digest username="{username}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}", '
        f'cnonce="{cnonce}", nc=00000001, qop=auth, algorithm={algorithm}'
    )
