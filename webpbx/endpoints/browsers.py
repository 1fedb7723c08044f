"""All browser telephones of the switch: what the socket edge speaks to."""

from webpbx.calls.call import Call
from webpbx.calls.exchanges import Exchanges
from webpbx.calls.facts import Emit
from webpbx.calls.leg import Direction, Leg, Party
from webpbx.calls.live_calls import LiveLeg
from webpbx.endpoints.browser import BrowserEndpoint
from webpbx.endpoints.browser_call import BrowserCall
from webpbx.endpoints.browser_errors import OffLine
from webpbx.model.cause import Cause


class Browsers:
    """All browser endpoints of the switch; the socket edge speaks to it."""

    def __init__(self, exchanges: Exchanges, emit: Emit, *, grace: float = 60.0) -> None:
        self._exchanges = exchanges
        self._emit = emit
        self._grace = grace
        self._endpoints: dict[tuple[str, str, str], BrowserEndpoint] = {}
        self._by_socket: dict[str, BrowserEndpoint] = {}

    def hello(
        self, *, tenant_id: str, user_id: str, device_id: str, tab_id: str, socket_id: str, owner: bool
    ) -> BrowserEndpoint:
        """Connect a tab, or renew its word; its device's calls are out of grace."""
        endpoint = self._endpoint(tenant_id, user_id, device_id)
        before = self._by_socket.get(socket_id)
        if before is not None and before is not endpoint:
            self.goodbye(socket_id)
        self._by_socket[socket_id] = endpoint
        endpoint.hello(socket_id, tab_id, owner=owner)
        return endpoint

    def goodbye(self, socket_id: str) -> None:
        """Lose a tab's socket."""
        endpoint = self._by_socket.pop(socket_id, None)
        if endpoint is not None:
            endpoint.goodbye(socket_id)
            self._forget_idle()

    def calls(self, tenant_id: str, user_id: str) -> tuple[BrowserCall, ...]:
        """Give all living calls of a user, on all devices, also those in grace."""
        found = [
            endpoint.show(seat.leg)
            for endpoint in self._endpoints.values()
            if endpoint.tenant_id == tenant_id and endpoint.user_id == user_id
            for seat in endpoint.seats.values()
            if seat.leg.up
        ]
        return tuple(sorted(found, key=lambda call: (call.started_ms, call.leg_id)))

    def presence(self, tenant_id: str) -> dict[str, str]:
        """Tell for each extension of a company: offline, free, ringing or busy."""
        exchange = self._exchanges.get(tenant_id)
        return exchange.presence() if exchange is not None else {}

    async def leave(self, tenant_id: str, user_id: str) -> None:
        """Sign a user out: off duty everywhere, and his calls end."""
        for endpoint in tuple(self._endpoints.values()):
            if endpoint.tenant_id == tenant_id and endpoint.user_id == user_id:
                endpoint.duty(False)
                for leg_id in tuple(endpoint.seats):
                    await endpoint.hang_up(leg_id)

    def revive(self, live: LiveLeg, call: Call) -> Leg:
        """Take up a leg from before a restart: its tab has the grace to come back."""
        endpoint = self._endpoint(call.exchange.tenant_id, live.data["user_id"], live.data["device_id"])
        direction: Direction = "in" if live.direction == "in" else "out"
        party = Party(live.number, live.name)
        leg = call.new_leg(endpoint, party, direction=direction, worker=live.worker, leg_id=live.leg_id)
        seat = endpoint.take_seat(leg)
        seat.open = True
        seat.tab_id = live.data.get("tab_id", "")
        if not endpoint.tabs:
            seat.wait(self._grace, Cause.LOST_TAB)
        return leg

    def _endpoint(self, tenant_id: str, user_id: str, device_id: str) -> BrowserEndpoint:
        key = (tenant_id, user_id, device_id)
        if key not in self._endpoints:
            exchange = self._exchanges.get(tenant_id)
            if exchange is None:
                raise OffLine("This company's telephone system is not running.")
            self._endpoints[key] = BrowserEndpoint(
                exchange, self._emit, user_id=user_id, device_id=device_id, grace=self._grace
            )
        return self._endpoints[key]

    def _forget_idle(self) -> None:
        for key, endpoint in tuple(self._endpoints.items()):
            if not endpoint.tabs and not endpoint.seats:
                del self._endpoints[key]
