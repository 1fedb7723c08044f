"""Trunk secrets at rest: AES-GCM under a key that lies beside the database, never in it."""

import base64
import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from webpbx.store.errors import SecretUnreadable, StoreUnusable

FILE = "secret.key"
_KEY_BYTES = 32
_NONCE_BYTES = 12


class SecretBox:
    """Lock and unlock short texts; each is bound to the place it is kept in."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cipher = AESGCM(key)

    @classmethod
    def in_memory(cls) -> "SecretBox":
        """Make a box whose key is gone with it."""
        return cls(os.urandom(_KEY_BYTES))

    @classmethod
    def in_folder(cls, folder: Path) -> "SecretBox":
        """Take the key from the data folder (blocking); the first time, make it: 32 bytes, mode 0600, on the disk."""
        path = folder / FILE
        try:
            if not path.exists():
                _make_key(path)
            key = path.read_bytes()
        except OSError as error:
            raise StoreUnusable(
                f"The key file {path} cannot be read ({error.strerror}): give this user the right to read it.",
                path=str(path),
            ) from error
        if len(key) != _KEY_BYTES:
            raise StoreUnusable(
                f"The key file {path} has {len(key)} bytes instead of {_KEY_BYTES}: put its backup in place.",
                path=str(path),
            )
        return cls(key)

    def derived_key(self, purpose: str) -> bytes:
        """Give 32 bytes for another purpose, which tell nothing of the key."""
        return hmac.digest(self._key, purpose.encode(), "sha256")

    def lock(self, text: str, *, place: str) -> str:
        """Encrypt a text for one place, such as "trunk:acme:main"; an empty text stays empty."""
        if not text:
            return ""
        nonce = os.urandom(_NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, text.encode(), place.encode())).decode()

    def unlock(self, locked: str, *, place: str) -> str:
        """Decrypt what `lock` gave for the same place; raise SecretUnreadable with another key or place."""
        if not locked:
            return ""
        try:
            raw = base64.b64decode(locked, validate=True)
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise SecretUnreadable(
                f"The secret of {place} cannot be read with the key file {FILE}: put the right key file back, "
                "or remove the entry and add it again.",
                place=place,
            ) from error


def _make_key(path: Path) -> None:
    """Write a new key whole or not at all; when two processes do so at once, both use the first one's."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(_KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
