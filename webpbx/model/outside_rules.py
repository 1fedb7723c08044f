"""The one gate before an outside call: pure, on the digits as they would be sent."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from webpbx.model.cause import Cause
from webpbx.model.checks import is_e164
from webpbx.model.numbers import country_of, is_emergency_number, is_short_number, kind_of, kind_of_short
from webpbx.model.outbound_route import OutboundRoute
from webpbx.model.tenant import Tenant
from webpbx.model.trunk import Trunk


@dataclass(frozen=True)
class WayOut:
    """A trunk that may carry the call, and the route that allowed it (None: an emergency call needs no route)."""

    trunk: Trunk
    route_id: str | None


@dataclass(frozen=True)
class Refusal:
    """The call may not or cannot go outside."""

    cause: Cause


@dataclass(frozen=True)
class OutsideUse:
    """How many outside calls are up at this moment, the asked one not counted, and which trunks work."""

    trunks_up: Collection[str]
    calls_up: int = 0
    user_calls_up: int = 0
    trunk_calls_up: Mapping[str, int] = field(default_factory=dict)


def decide(
    number: str,
    *,
    emergency: bool,
    tenant: Tenant,
    routes: Sequence[OutboundRoute],
    trunks: Mapping[str, Trunk],
    use: OutsideUse,
) -> tuple[WayOut, ...] | Refusal:
    """Say which trunks may carry a call to `number`, in order of trial, or why none does.

    An emergency number (exact) passes every rule and cap, needs no route, and is tried even on trunks believed down,
    after the others.
    """
    routes = sorted(routes, key=lambda route: (route.priority, route.id))
    if emergency and is_emergency_number(number, tenant.country, tenant.emergency_numbers):
        return _emergency_ways(routes, trunks, use)
    if not is_e164(number):  # a short number means something else in another country
        trunks = {trunk_id: trunk for trunk_id, trunk in trunks.items() if trunk.country == tenant.country}
        routes = [route for route in routes if not trunks.keys().isdisjoint(route.trunk_ids)]
    if not routes:
        return Refusal(Cause.NO_ROUTE)
    allowing = [route for route in routes if allows(route, number, country=tenant.country)]
    if not allowing:
        return Refusal(Cause.FORBIDDEN)
    if use.calls_up >= tenant.max_outside_calls or use.user_calls_up >= tenant.max_outside_calls_per_user:
        return Refusal(Cause.CALL_LIMIT)
    ways = [way for way in _ways(allowing, trunks) if way.trunk.id in use.trunks_up]
    if not ways:
        return Refusal(Cause.TRUNK_DOWN)
    free = tuple(way for way in ways if use.trunk_calls_up.get(way.trunk.id, 0) < way.trunk.max_calls)
    return free or Refusal(Cause.TRUNK_BUSY)


def allows(route: OutboundRoute, number: str, *, country: str) -> bool:
    """Tell whether a route lets this number pass: its country or prefix, and its kind. Post-dial digits never pass.

    `country` is that of short numbers (116117), which pass by country alone.
    """
    if not is_e164(number):
        kind = kind_of_short(number, country) if is_short_number(number, country) else ""
        return country in route.countries and (kind == "ordinary" or kind in route.special_types)
    kind = kind_of(number)
    if kind != "ordinary" and kind not in route.special_types:
        return False
    return country_of(number) in route.countries or number.startswith(route.prefixes)


def _ways(routes: Sequence[OutboundRoute], trunks: Mapping[str, Trunk]) -> list[WayOut]:
    ways: dict[str, WayOut] = {}
    for route in routes:
        for trunk_id in route.trunk_ids:
            trunk = trunks.get(trunk_id)
            if trunk is not None and trunk.enabled:
                ways.setdefault(trunk_id, WayOut(trunk, route.id))
    return list(ways.values())


def _emergency_ways(
    routes: Sequence[OutboundRoute], trunks: Mapping[str, Trunk], use: OutsideUse
) -> tuple[WayOut, ...] | Refusal:
    ways = _ways(routes, trunks)
    routed = {way.trunk.id for way in ways}
    others = sorted(trunk_id for trunk_id in trunks if trunk_id not in routed)
    ways += [WayOut(trunks[trunk_id], None) for trunk_id in others if trunks[trunk_id].enabled]
    ways.sort(key=lambda way: way.trunk.id not in use.trunks_up)  # whoever is believed down may have come back
    return tuple(ways) or Refusal(Cause.EMERGENCY_NO_TRUNK)
