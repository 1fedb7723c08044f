"""Media without sound: keeps what calls asked of the workers, for tests of what happens and not of how it sounds."""
# ruff: noqa: ARG002 - it takes what the real one takes

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webpbx.media.errors import BadSdpError, MediaError


@dataclass(frozen=True)
class Event:
    leg: str
    kind: str
    data: Mapping[str, Any]


@dataclass
class SilentLeg:
    codecs: tuple[str, ...]
    players: dict[str, str] = field(default_factory=dict)
    hears: str | None = None
    muted: bool = False
    loops: bool = False
    generation: int | None = None
    srtp: str = "none"
    digits: str = "rfc4733"


class SilentMedia:
    """One worker, named 0a, unless told otherwise."""

    def __init__(self) -> None:
        self.worker: str | None = "0a"
        self.legs: dict[str, SilentLeg] = {}
        self.verbs: list[tuple[str, str]] = []
        self.on_event: Callable[[Event], None] = lambda _event: None
        self.failure: MediaError = BadSdpError("that cannot be read")
        self.refuse: set[str] = set()
        """Verbs that fail."""
        self.attaches_at_once = True
        """Browser legs count as connected as soon as they are made."""
        self.changed = asyncio.Condition()

    def choose(self) -> str | None:
        return self.worker

    def heard_by(self, leg: str) -> str | None:
        """Name what a leg hears: a player's tone or file, itself, another leg's id, or nothing."""
        found = self.legs.get(leg)
        if found is None:
            return None
        if found.players:
            return list(found.players.values())[-1]
        return leg if found.loops else found.hears

    async def browser_leg(
        self, worker: str, leg: str, *, offer: str | None = None, codecs: Sequence[str] = ("opus",), generation: int = 0
    ) -> str | None:
        await self._ask("browser_leg", leg)
        made = self.legs.setdefault(leg, SilentLeg(tuple(codecs)))
        if offer is not None:
            made.generation = generation
        if offer is not None or self.attaches_at_once:
            self.on_event(Event(leg, "connected", {}))
        return f"answer to {offer}" if offer is not None else None

    async def rtp_leg(
        self,
        worker: str,
        leg: str,
        *,
        address: str,
        codecs: Sequence[str],
        advertised: str | None = None,
        srtp: str = "none",
        digits: str = "rfc4733",
    ) -> str:
        await self._ask("rtp_leg", leg)
        self.legs[leg] = SilentLeg(tuple(codecs), srtp=srtp, digits=digits)
        return f"offer of {address}"

    async def set_remote(self, worker: str, leg: str, sdp: str, *, answer: bool, symmetric: bool = False) -> str | None:
        await self._ask("set_remote", leg)
        self.legs.setdefault(leg, SilentLeg(()))
        return None if answer else f"answer to {sdp}"

    async def connect(self, worker: str, a: str, b: str, *, a_hears: bool = True, b_hears: bool = True) -> None:
        await self._ask("connect", a)
        self.legs[a].hears = b if a_hears else None
        self.legs[b].hears = a if b_hears else None

    async def disconnect(self, worker: str, a: str) -> None:
        await self._ask("disconnect", a)
        self.legs[a].hears = None

    async def loop_back(self, worker: str, leg: str) -> None:
        await self._ask("loop_back", leg)
        self.legs[leg].loops = True

    async def close_leg(self, worker: str, leg: str) -> None:
        await self._ask("close_leg", leg)
        self.legs.pop(leg, None)
        for other in self.legs.values():
            other.hears = None if other.hears == leg else other.hears

    async def play(self, worker: str, leg: str, *, player: str, file: str, loop: bool = False) -> None:
        await self._ask("play", leg)
        self.legs[leg].players[player] = file

    async def tone(self, worker: str, leg: str, *, player: str, tone: str, country: str = "DE") -> None:
        await self._ask("tone", leg)
        self.legs[leg].players[player] = tone

    async def stop(self, worker: str, leg: str, *, player: str | None = None) -> None:
        await self._ask("stop", leg)
        if leg in self.legs:
            self.legs[leg].players.clear()

    async def push_digits(self, worker: str, leg: str, digits: str) -> None:
        await self._ask("push_digits", leg)
        for digit in digits:
            self.on_event(Event(leg, "digit", {"digit": digit}))

    async def mute(self, worker: str, leg: str, on: bool) -> None:
        await self._ask("mute", leg)
        self.legs[leg].muted = on

    async def stats(self, worker: str, leg: str) -> None:
        await self._ask("stats", leg)

    def finish(self, leg: str) -> None:
        """Let what is played to a leg come to its end."""
        for player in tuple(self.legs[leg].players):
            del self.legs[leg].players[player]
            self.on_event(Event(leg, "play_finished", {"player": player}))

    async def _ask(self, verb: str, leg: str) -> None:
        """Take the time of a round trip, so that everything may happen meanwhile."""
        self.verbs.append((verb, leg))
        await asyncio.sleep(0)
        if verb in self.refuse:
            raise self.failure
