import re
from dataclasses import dataclass

import phonenumbers

from webpbx.model.checks import InvalidSetting, check_choice, check_country, check_id, check_range, check_text

SPECIAL_TYPES = ("premium_rate", "shared_cost", "personal_number", "pager", "uan", "voicemail", "unknown")
WORLDWIDE = "001"
"""Numbers of no country: satellite, universal freephone and the like."""
_PREFIX = re.compile(r"\+[1-9][0-9]{0,14}")


@dataclass(frozen=True)
class OutboundRoute:
    """Allow outside numbers of some countries or prefixes and say which trunks carry them, in order."""

    id: str
    tenant_id: str
    name: str
    trunk_ids: tuple[str, ...]
    countries: tuple[str, ...] = ()
    """ISO 3166, two letters, or 001 for worldwide numbers. Countries, not calling codes: +1 876 is JM, not US."""
    prefixes: tuple[str, ...] = ()
    """Beginnings of E.164 numbers."""
    special_types: tuple[str, ...] = ()
    """Kinds of numbers allowed beside ordinary ones; dear or unidentifiable, so off by default."""
    priority: int = 0
    """Lower is tried first."""

    def __post_init__(self) -> None:
        check_id("route id", self.id)
        check_id("company id", self.tenant_id)
        check_text("route name", self.name)
        check_range("priority", self.priority, -1_000, 1_000)
        if not self.trunk_ids:
            raise InvalidSetting(
                f"The route {self.id!r} has no trunk: name at least one.", field="trunk_ids", value=self.trunk_ids
            )
        if not self.countries and not self.prefixes:
            raise InvalidSetting(
                f"The route {self.id!r} allows nothing: name a country such as DE or a prefix such as +4930.",
                field="countries",
                value=self.countries,
            )
        for trunk_id in self.trunk_ids:
            check_id("trunk id", trunk_id)
        for country in self.countries:
            check_country("country", country, also=(WORLDWIDE,))
        for prefix in self.prefixes:
            _check_prefix(prefix)
        for kind in self.special_types:
            check_choice("kind of number", kind, SPECIAL_TYPES)


def _check_prefix(prefix: str) -> None:
    if not _PREFIX.fullmatch(prefix):
        raise InvalidSetting(
            f"The prefix {prefix!r} cannot be used: write + and digits, such as +4930.", field="prefixes", value=prefix
        )
    shared = [code for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items() if len(regions) > 1]
    if any(str(code).startswith(prefix[1:]) for code in shared):
        raise InvalidSetting(
            f"The prefix {prefix!r} belongs to several countries: name the countries instead, or more digits.",
            field="prefixes",
            value=prefix,
        )
