"""All trunks of the switch over one SIP network: whose call it is, and where its dialogs are written."""

import asyncio
import contextlib
import ipaddress
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Final

from webpbx.calls.call import Call
from webpbx.calls.exchange import Exchange
from webpbx.calls.exchanges import Exchanges
from webpbx.calls.facts import Emit, TrunkChanged
from webpbx.calls.leg import Leg
from webpbx.calls.live_calls import LiveLeg
from webpbx.endpoints.reachability import Reachability
from webpbx.endpoints.sip_line import SipEndpoint
from webpbx.endpoints.trunk import TrunkEndpoint
from webpbx.endpoints.trunk_ways import ways
from webpbx.model.cause import Cause
from webpbx.model.trunk import Trunk, network_of, split_address
from webpbx.sip.dialog import DialogGone, DialogState
from webpbx.sip.message import Request
from webpbx.sip.network import SipNetwork
from webpbx.sip.session_face import Session
from webpbx.sip.settings import Peer
from webpbx.sip.transport import Flow, Way

logger = logging.getLogger(__name__)

RESOLVE_SECONDS = 60.0
UNKNOWN_SECONDS = 2.0
"""How often is asked where a trunk is while nobody says."""
FOUND_SECONDS: Final = 2.0
"""How long a start waits for the providers' names, lest their calls be a stranger's."""
_ANY_PORT: Final = 5060
"""With a port, a name is looked up as a host's, not as a service's."""
_OF_CALLS: Final = frozenset(
    {
        *("name", "codecs", "srtp", "dtmf", "number_format", "country", "max_calls", "ring_limit"),
        *("caller_id_default", "caller_id_way", "hide_caller_id", "trust_caller_id"),
    }
)
"""Settings that the way to the provider does not depend on."""
_OF_PLACES: Final = frozenset({"addresses", "proxies", "transport", "tls_name", "tls_authorities", "domain"})
"""Settings that tell from where the provider calls."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(eq=False)
class _Running:
    """A trunk at work: its endpoint and the tasks that keep it."""

    endpoint: TrunkEndpoint
    reach: Reachability
    networks: frozenset[Network]
    found: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once its names have been looked up."""
    tasks: "dict[str, asyncio.Task[None]]" = field(default_factory=dict)


class Trunks:
    """The trunks of all companies. Make it, open the network with its callbacks, then `start` it with the network."""

    def __init__(self, exchanges: Exchanges, emit: Emit, *, media_address: str, advertised: str | None = None) -> None:
        self._exchanges = exchanges
        self._emit = emit
        self._media_address = media_address
        self._advertised = advertised
        self._network: SipNetwork | None = None
        self._running: dict[str, _Running] = {}
        self._of_session: dict[str, SipEndpoint] = {}

    # -- what SipNetwork.open is given -------------------------------------------------------------------------

    def trusted(self, host: str) -> bool:
        """Tell whether an address is one of a provider's."""
        return any(True for _ in self._at(host))

    def identify(self, flow: Flow, request: Request) -> Peer | None:
        """Name the trunk that a request comes over: by our connection or by address, of several by the number called.

        A trunk over TLS is spoken to over TLS alone: a datagram that bears the provider's address proves nothing.

        A call to a number that is nobody's is refused before it costs anything: whoever dials through all numbers
        must not take the trunk's lines from others.
        """
        found = list(self._over(flow))
        if not found:
            return None
        if request.method != "INVITE":
            return Peer(found[0].peer_id)
        wanted = next((trunk for trunk in found if trunk.wants(request)), None)
        if wanted is None:
            return Peer(found[0].peer_id, refusal=Cause.UNKNOWN_NUMBER.sip)
        return Peer(wanted.peer_id)

    def on_invite(self, session: Session) -> None:
        """Hand a call to its trunk."""
        running = self._running.get(session.peer.id) if session.peer is not None else None
        if running is None:
            raise LookupError("a call came over no trunk")
        running.endpoint.take(session)

    async def persist(self, state: DialogState | DialogGone) -> None:
        """Have a dialog written with its call, before what makes it real is sent."""
        endpoint = self._of_session.get(state.id)
        if endpoint is not None and isinstance(state, DialogState):
            await endpoint.persist(state)

    # -- life --------------------------------------------------------------------------------------------------

    def start(self, network: SipNetwork) -> None:
        """Use a network from now on; `use` then brings the trunks up."""
        self._network = network

    async def use(self, exchange: Exchange) -> None:
        """Have exactly the enabled trunks of the exchange's present settings at work; none is away meanwhile."""
        wanted = {
            f"{trunk.tenant_id}/{trunk.id}": trunk for trunk in exchange.snapshot.trunks.values() if trunk.enabled
        }
        leaving: list[asyncio.Task[None]] = []
        for peer_id, running in tuple(self._running.items()):
            if running.endpoint.trunk.tenant_id == exchange.tenant_id and peer_id not in wanted:
                leaving += self._take_away(peer_id)
        for peer_id, trunk in wanted.items():
            running_now = self._running.get(peer_id)
            if running_now is None:
                self._running[peer_id] = self._begin(trunk, exchange)
            else:
                leaving += self._change(running_now, trunk)
        await _end(leaving)

    async def leave(self, exchange: Exchange) -> None:
        """Let the trunks of a company go that is no more."""
        mine = [peer_id for peer_id, running in self._running.items() if running.endpoint.exchange is exchange]
        await _end([task for peer_id in mine for task in self._take_away(peer_id)])

    async def close(self) -> None:
        """Unregister everywhere and stop asking."""
        await _end([task for peer_id in tuple(self._running) for task in self._take_away(peer_id)])

    def states(self) -> dict[str, tuple[bool, str]]:
        """Tell of each trunk, by company/trunk, whether it is up and why."""
        return {peer_id: (running.reach.up, running.reach.reason) for peer_id, running in self._running.items()}

    def all_are_down(self, exchange: Exchange) -> bool:
        """Tell whether a company has routes to the outside, but every trunk of these is known to be down."""
        routed = {trunk_id for route in exchange.snapshot.routes for trunk_id in route.trunk_ids}
        reaches = [
            running.reach
            for running in self._running.values()
            if running.endpoint.exchange is exchange and running.endpoint.trunk.id in routed
        ]
        return bool(reaches) and all(reach.is_known and not reach.up for reach in reaches)

    async def ask(self, tenant_id: str, trunk_id: str) -> list[tuple[str, int | None]]:
        """Ask a trunk's provider whether it is there: each address with its answer; none of a trunk that is off."""
        running = self._running.get(f"{tenant_id}/{trunk_id}")
        return await running.reach.answers() if running is not None else []

    def revive(self, live: LiveLeg, call: Call) -> Leg | None:
        """Take up a leg from before a restart, if its trunk is still there."""
        running = self._running.get(f"{call.exchange.tenant_id}/{live.data.get('trunk_id')}")
        return running.endpoint.revive(live, call) if running is not None else None

    def _begin(self, trunk: Trunk, exchange: Exchange) -> _Running:
        reach = self._reach(trunk)
        endpoint = TrunkEndpoint(
            trunk,
            exchange,
            self._ready,
            reach,
            media_address=self._media_address,
            advertised=self._advertised,
            on_session=self._on_session,
        )
        exchange.lines[trunk.id] = endpoint
        running = _Running(endpoint, reach, frozenset(_literals(trunk)))
        self._start(running)
        return running

    def _change(self, running: _Running, trunk: Trunk) -> "list[asyncio.Task[None]]":
        """Have a trunk at work with other settings; give the tasks of the old ones, which are ending."""
        endpoint, former = running.endpoint, running.reach
        changed = _differences(endpoint.trunk, trunk, former.learnt_realm)
        holds = "realm" not in changed and trunk.host == endpoint.trunk.host
        endpoint.trunk = trunk
        reaches, moves = bool(changed - _OF_CALLS), bool(changed & _OF_PLACES)
        if reaches:
            endpoint.reach = running.reach = self._reach(trunk, former, former.learnt_realm if holds else None)
        return self._start(running, reaches=reaches, moves=moves)

    def _start(self, running: _Running, *, reaches: bool = True, moves: bool = True) -> "list[asyncio.Task[None]]":
        """Begin what keeps a trunk at work; give the tasks that did so before, which are ending."""
        endpoint, begun = running.endpoint, {}
        spawn = endpoint.exchange.spawn
        if reaches:
            begun["reach"] = spawn(running.reach.run(), name=f"trunk {endpoint.peer_id}")
        if moves:
            begun["places"] = spawn(self._keep_resolved(running), name=f"addresses of trunk {endpoint.peer_id}")
        leaving = [running.tasks[kind] for kind in begun if kind in running.tasks]
        for task in leaving:
            task.cancel()
        running.tasks |= begun
        return leaving

    def _take_away(self, peer_id: str) -> "list[asyncio.Task[None]]":
        """Take a trunk away; calls that are up over it go on. Give its tasks, which are ending."""
        running = self._running.pop(peer_id)
        lines = running.endpoint.exchange.lines
        if lines.get(running.endpoint.trunk.id) is running.endpoint:
            del lines[running.endpoint.trunk.id]
        for task in running.tasks.values():
            task.cancel()
        return list(running.tasks.values())

    @property
    def _ready(self) -> SipNetwork:
        if self._network is None:
            raise RuntimeError("start comes before use")
        return self._network

    def _reach(self, trunk: Trunk, former: Reachability | None = None, learnt_realm: str | None = None) -> Reachability:
        reach = Reachability(
            trunk,
            self._ready,
            on_change=lambda up, reason: self._emit(
                TrunkChanged(trunk.tenant_id, trunk.id, up, reason, learnt_realm=reach.learnt_realm)
            ),
            former=former,
            learnt_realm=learnt_realm,
        )
        return reach

    async def _keep_resolved(self, running: _Running) -> None:
        """Keep the addresses that the trunk's names stand for, outside the path of packets."""
        trunk, network = running.endpoint.trunk, self._ready
        literals = frozenset(_literals(trunk))
        names = [Way(name, _ANY_PORT) for name in trunk.addresses if network_of(name) is None]
        places = [*names, *(way for way in ways(trunk) if network_of(way.host) is None)]
        found: dict[Way, frozenset[Network]] = {}

        async def look_up(way: Way) -> None:
            flows = await network.flows([way])
            found[way] = frozenset(ipaddress.ip_network(flow.remote[0]) for flow in flows)
            running.networks = literals.union(*found.values())

        running.networks = literals
        while places:
            await asyncio.gather(*map(look_up, places))
            running.found.set()
            await asyncio.sleep(RESOLVE_SECONDS if all(found.values()) else UNKNOWN_SECONDS)
        running.found.set()

    async def found(self) -> None:
        """Wait until it is known where the trunks are, as far as names are answered within a moment."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FOUND_SECONDS):
                for running in tuple(self._running.values()):
                    await running.found.wait()

    def _at(self, host: str) -> Iterable[TrunkEndpoint]:
        with contextlib.suppress(ValueError):
            address = ipaddress.ip_address(host)
            for running in self._running.values():
                if any(address in network for network in running.networks):
                    yield running.endpoint

    def _over(self, flow: Flow) -> Iterable[TrunkEndpoint]:
        """Give the trunks that a flow may be, those first that are registered over this very connection."""
        registered = [each.endpoint for each in self._running.values() if flow.is_reliable and each.reach.flow == flow]
        for endpoint in dict.fromkeys((*registered, *self._at(flow.remote[0]))):
            if endpoint.trunk.transport != "tls" or flow.transport == "TLS":
                yield endpoint

    def _on_session(self, session_id: str, endpoint: SipEndpoint | None) -> None:
        if endpoint is None:
            self._of_session.pop(session_id, None)
        else:
            self._of_session[session_id] = endpoint


async def _end(tasks: "list[asyncio.Task[None]]") -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


def _differences(old: Trunk, new: Trunk, learnt_realm: str | None) -> set[str]:
    """Name the settings that differ; that the realm has been learnt is no change, that it is to be forgotten is."""
    old = replace(old, realm=old.realm or learnt_realm or "")
    return {each.name for each in fields(Trunk) if getattr(old, each.name) != getattr(new, each.name)}


def _literals(trunk: Trunk) -> Iterable[Network]:
    for text in (*trunk.addresses, *map(_host, trunk.proxies)):
        network = network_of(text)
        if network is not None:
            yield network


def _host(proxy: str) -> str:
    return split_address(proxy)[0]
