"""Where dialled digits lead: pure rules over a frozen picture of one company's numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from webpbx.errors import WebpbxError
from webpbx.model.cause import Cause
from webpbx.model.destination import Destination, ToEcho, ToNowhere, ToOutside
from webpbx.model.did import Did
from webpbx.model.extension import Extension
from webpbx.model.numbers import is_emergency_number, is_short_number, keyed, parse_outside, repair_incoming
from webpbx.model.tenant import Tenant
from webpbx.model.trunk import Trunk

FEATURE_CODES: Mapping[str, Destination] = MappingProxyType({"*43": ToEcho()})


class NumberClash(WebpbxError):  # noqa: N818 - the name says what is wrong
    """An extension's number is already taken by something else one can dial."""

    error_id = "number_clash"


@dataclass(frozen=True)
class Dialplan:
    """A company's numbers, inside and outside, by number."""

    tenant: Tenant
    extensions: Mapping[str, Extension] = field(default_factory=dict)
    dids: Mapping[str, Did] = field(default_factory=dict)

    def emergency(self, keys: str) -> str | None:
        """Give the emergency digits that `keys` mean, with or without the outside prefix, or None."""
        tenant = self.tenant
        without = keys.removeprefix(tenant.outside_prefix)
        for digits in (keys, without):
            if is_emergency_number(digits, tenant.country, tenant.emergency_numbers):
                return digits
        return None

    def outside(self, keys: str) -> str | None:
        """Give the E.164 or short number that `keys` mean under the prefix rule, or None."""
        prefix, use = self.tenant.outside_prefix, self.tenant.outside_prefix_use
        if keys.startswith("+") or use == "none":
            return self._outside(keys)
        behind = self._outside(keys.removeprefix(prefix)) if keys.startswith(prefix) else None
        return self._outside(keys) if behind is None and use == "optional" else behind

    def _outside(self, keys: str) -> str | None:
        country = self.tenant.country
        return keys if is_short_number(keys, country) else parse_outside(keys, country)

    def check_free(self, number: str) -> None:
        """Refuse, by NumberClash, an extension number that already means something else."""
        emergency = self.emergency(number)
        if emergency is not None:
            raise NumberClash(
                f"The extension {number} would hide the emergency number {emergency}: choose another.", number=number
            )
        if number in FEATURE_CODES:
            raise NumberClash(f"The extension {number} is a feature code: choose another.", number=number)
        if number in self.extensions:
            raise NumberClash(f"The extension {number} is already in use: choose another.", number=number)


def resolve(dialled: str, *, plan: Dialplan) -> Destination:
    """Say where a user's dialled text leads: emergency, feature code, extension, outside number, else nowhere."""
    keys = keyed(dialled)
    if keys is None:
        return ToNowhere(Cause.UNKNOWN_NUMBER)
    emergency = plan.emergency(keys)
    if emergency is not None:
        return ToOutside(emergency, emergency=True)
    if keys in FEATURE_CODES:
        return FEATURE_CODES[keys]
    if keys in plan.extensions:
        return plan.extensions[keys].leads_to
    outside = plan.outside(keys)
    return ToOutside(outside) if outside is not None else ToNowhere(Cause.UNKNOWN_NUMBER)


def resolve_incoming(called: str, *, plan: Dialplan, trunk: Trunk) -> Destination:
    """Say where a call from a trunk leads: only to one of our numbers on that trunk, else nowhere."""
    number = repair_incoming(called, country=trunk.country, number_format=trunk.number_format)
    did = plan.dids.get(number) if number is not None else None
    if did is None or did.trunk_id != trunk.id:
        return ToNowhere(Cause.UNKNOWN_NUMBER)
    return did.destination
