import re
import zoneinfo
from dataclasses import dataclass

from webpbx.model.checks import (
    LANGUAGES,
    InvalidSetting,
    check_choice,
    check_country,
    check_id,
    check_range,
    check_text,
)

PREFIX_USES = ("none", "optional", "required")
_EMERGENCY = re.compile(r"[0-9]{2,8}")


@dataclass(frozen=True)
class Tenant:
    """A company whose PBX this is."""

    id: str
    name: str
    country: str = "DE"
    """ISO 3166, two letters: how dialled numbers are read and which emergency numbers exist."""
    language: str = "de"
    timezone: str = "Europe/Berlin"
    outside_prefix: str = ""
    """The digit that gets an outside line, "0" or "9", or nothing."""
    outside_prefix_use: str = "none"
    max_outside_calls: int = 10
    max_outside_calls_per_user: int = 2
    ring_time: int = 20
    """Seconds an extension rings."""
    emergency_numbers: tuple[str, ...] = ()
    """Own emergency numbers beside those of the country."""

    def __post_init__(self) -> None:
        check_id("company id", self.id)
        check_text("company name", self.name)
        check_country("country", self.country)
        check_choice("language", self.language, LANGUAGES)
        check_choice("use of the outside prefix", self.outside_prefix_use, PREFIX_USES)
        check_range("number of outside calls at once", self.max_outside_calls, 0, 10_000)
        check_range("number of outside calls at once per user", self.max_outside_calls_per_user, 0, 1_000)
        check_range("ring time", self.ring_time, 5, 300, unit="seconds")
        self._check_timezone()
        self._check_prefix()
        for number in self.emergency_numbers:
            if not _EMERGENCY.fullmatch(number):
                raise InvalidSetting(
                    f"The emergency number {number!r} cannot be used: write two to eight digits.",
                    field="emergency_numbers",
                    value=number,
                )

    def _check_timezone(self) -> None:
        try:
            zoneinfo.ZoneInfo(self.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise InvalidSetting(
                f"The time zone {self.timezone!r} is not known: use a name such as Europe/Berlin.",
                field="timezone",
                value=self.timezone,
            ) from error

    def _check_prefix(self) -> None:
        check_choice("outside prefix", self.outside_prefix, ("", "0", "9"))
        if bool(self.outside_prefix) != (self.outside_prefix_use != "none"):
            raise InvalidSetting(
                f"The outside prefix {self.outside_prefix!r} does not go with its use {self.outside_prefix_use!r}: "
                "give both, or neither.",
                field="outside_prefix_use",
                value=self.outside_prefix_use,
            )
        if self.outside_prefix == "0" and self.outside_prefix_use == "optional":
            raise InvalidSetting(
                "The outside prefix '0' can only be 'required': with 'optional', 0030 could be Greece or Berlin.",
                field="outside_prefix_use",
                value=self.outside_prefix_use,
            )
