from collections.abc import Mapping
from dataclasses import dataclass, field

from webpbx.model.device import Device
from webpbx.model.dialplan import Dialplan
from webpbx.model.outbound_route import OutboundRoute
from webpbx.model.tenant import Tenant
from webpbx.model.trunk import Trunk
from webpbx.model.user import User


@dataclass(frozen=True)
class Snapshot:
    """One company's settings at one moment; a running call keeps the one it began with."""

    tenant: Tenant
    plan: Dialplan
    users: Mapping[str, User] = field(default_factory=dict)
    """By user id."""
    trunks: Mapping[str, Trunk] = field(default_factory=dict)
    """By trunk id, secrets in clear; those not enabled too."""
    routes: tuple[OutboundRoute, ...] = ()
    """In order of priority."""
    devices: Mapping[str, Device] = field(default_factory=dict)
    """The SIP telephones by id; those not enabled too."""

    def user_of(self, extension: str) -> User | None:
        """Give the user who has an extension, or None."""
        row = self.plan.extensions.get(extension)
        return self.users.get(row.user_id) if row is not None and row.user_id is not None else None
