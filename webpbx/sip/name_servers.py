"""What the name servers say, by dnspython's asyncio resolver; what /etc/hosts says comes first, as everywhere."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from dns.asyncresolver import Resolver
from dns.exception import DNSException
from dns.resolver import NXDOMAIN

HOSTS: Final = Path("/etc/hosts")
LIFETIME: Final = 5.0
"""Seconds a question may take over all servers."""
_ANSWER_WITHIN: Final = 1.5


class NameServersGoneError(Exception):
    """Nobody answers, or nobody can: that there is no such name is an answer, not this."""


class NameServers:
    """Ask for records. The servers are the system's, read anew for each question, since networks change."""

    def __init__(
        self, make: Callable[[], Resolver] = Resolver, *, hosts: Path = HOSTS, lifetime: float = LIFETIME
    ) -> None:
        self._make = make
        self._hosts = hosts
        self._lifetime = lifetime
        self._read_at = 0
        self._pinned: dict[str, list[str]] = {}

    async def records(self, name: str, kind: str) -> tuple[list[Any], float]:
        """Return a name's records of a kind such as "SRV", and for how many seconds they hold; [] when it has none.

        Raise NameServersGoneError when nobody answers.
        """
        try:
            servers = self._make()
            servers.timeout = min(_ANSWER_WITHIN, self._lifetime)
            found = await servers.resolve(
                name, kind, lifetime=self._lifetime, raise_on_no_answer=False, search="." not in name
            )
        except NXDOMAIN:
            return [], 0.0
        except (DNSException, OSError, UnicodeError) as error:
            raise NameServersGoneError(f"nobody tells the {kind} of {name}: {error}") from error
        return list(found.rrset or ()), float(found.chaining_result.minimum_ttl)

    def pinned(self, name: str) -> list[str]:
        """Return the addresses that /etc/hosts gives a name; the file is read again when it has changed."""
        try:
            seen = self._hosts.stat()
            if self._read_at != seen.st_mtime_ns:
                self._read_at, self._pinned = seen.st_mtime_ns, _read_hosts(self._hosts.read_text(errors="replace"))
        except OSError:
            return []
        return self._pinned.get(name.lower().rstrip("."), [])


def _read_hosts(text: str) -> dict[str, list[str]]:
    pinned: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        for name in names:
            pinned.setdefault(name.lower(), []).append(address)
    return pinned
