from dataclasses import dataclass

from webpbx.model.checks import InvalidSetting, check_extension, check_id
from webpbx.model.destination import Destination, ToExtension, ToOutside


@dataclass(frozen=True)
class Extension:
    """An inside number: a user's, or that of an application such as echo (exactly one of the two)."""

    number: str
    tenant_id: str
    user_id: str | None = None
    destination: Destination | None = None
    """Where the number leads if it is no user's."""

    def __post_init__(self) -> None:
        check_extension("extension", self.number)
        check_id("company id", self.tenant_id)
        if (self.user_id is None) == (self.destination is None):
            raise InvalidSetting(
                f"The extension {self.number!r} needs a user or a destination, and not both.",
                field="destination",
                value=str(self.destination),
            )
        if isinstance(self.destination, ToExtension | ToOutside):
            raise InvalidSetting(
                f"The extension {self.number!r} cannot lead to {str(self.destination)!r}: "
                "use a user or an application such as echo.",
                field="destination",
                value=str(self.destination),
            )

    @property
    def leads_to(self) -> Destination:
        """Say where a call to this number goes."""
        return self.destination if self.destination is not None else ToExtension(self.number)
