from dataclasses import dataclass

from webpbx.model.checks import check_e164, check_id
from webpbx.model.destination import Destination, check_inside


@dataclass(frozen=True)
class Did:
    """An outside number of ours (E.164), the trunk it comes in on and where its callers go."""

    number: str
    tenant_id: str
    trunk_id: str
    destination: Destination

    def __post_init__(self) -> None:
        check_e164("number", self.number)
        check_id("company id", self.tenant_id)
        check_id("trunk id", self.trunk_id)
        check_inside("destination", self.destination)
