"""Passwords: argon2id in an executor of two slots, so that signing in neither stalls the loop nor eats the memory."""

import asyncio
import base64
import os
import threading
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from webpbx.model.checks import InvalidSetting

SHORTEST = 12
LONGEST = 256
_NICENESS = 10
_COMMON = frozenset(
    """
    123456789012 1234567890123 12345678901234 123123123123 111111111111 000000000000 121212121212 987654321098
    qwertyuiop12 qwertyuiop123 qwerty123456 qwertzuiop12 qwertzuiop123 qwertz123456 asdfghjkl123 1qaz2wsx3edc
    1q2w3e4r5t6y zaq12wsxcde3 abcdefghijkl abcdefgh1234 abcd12345678 abc123abc123 password1234 password12345
    password123456 passwordpassword passwort1234 passwort12345 passwort123456 passwortpasswort p@ssw0rd1234
    p@ssword1234 changeme1234 changemechangeme letmeinletmein letmein12345 welcome12345 welcome123456
    willkommen12 willkommen123 willkommen1234 hallohallohallo hallo1234567 iloveyou1234 iloveyouiloveyou
    administrator administrator1 admin1234567 adminadminadmin adminadmin12 telefonanlage telephone123 asterisk1234
    freepbxfreepbx webpbxwebpbx webpbx123456 secretsecret secret123456 geheimgeheim geheim123456 testtesttest
    test12345678 demodemodemo football1234 baseball1234 superman1234 sommer202612 schatzischatzi
    """.split()  # noqa: SIM905 - a list of words is read more easily without quotes
)


class Passwords:
    """Hash and verify passwords off the event loop."""

    def __init__(self, *, memory_kib: int = 65536, rounds: int = 3, lanes: int = 4) -> None:
        self._hasher = PasswordHasher(time_cost=rounds, memory_cost=memory_kib, parallelism=lanes)
        self._executor = ThreadPoolExecutor(2, "passwords", initializer=_step_back)
        salt, digest = (base64.b64encode(os.urandom(size)).decode().rstrip("=") for size in (16, 32))
        self._nobody = f"$argon2id$v=19$m={memory_kib},t={rounds},p={lanes}${salt}${digest}"

    async def hash(self, password: str) -> str:
        """Give the argon2id hash of a password that passed `check_password`."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._hasher.hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Tell whether the password is right; a user who does not exist (None) takes the same time."""
        tried = password if len(password) <= LONGEST else ""
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, self._verify, password_hash or self._nobody, tried
        )

    async def close(self) -> None:
        """Finish what was asked and end the threads."""
        await asyncio.get_running_loop().run_in_executor(None, self._executor.shutdown)

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False


def _step_back() -> None:
    """Let this thread and those that argon2 starts from it give way to calls: Linux has it by thread."""
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, min(os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS, 19))


def check_password(password: str, *, login: str) -> None:
    """Refuse a password that is short, common, the login, or one character over and over; never repeat it."""
    plain = password.casefold()
    if len(password) < SHORTEST:
        text = f"The password has {len(password)} characters: use at least {SHORTEST}."
    elif len(password) > LONGEST:
        text = f"The password has {len(password)} characters: use at most {LONGEST}."
    elif not password.isprintable():
        text = "The password holds a character that cannot be typed: leave out line ends and tabs."
    elif plain in _COMMON or len(set(plain)) <= 2:  # noqa: PLR2004 - "aaaa…" and "abab…"
        text = "The password is one of those that are tried first: choose another."
    elif plain.replace(login.casefold(), "") in ("", *"0123456789") and login:
        text = "The password is made of the login: choose another."
    else:
        return
    raise InvalidSetting(text, field="password", value="…")
