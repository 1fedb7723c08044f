"""Outside numbers: read as dialled, kept as E.164, shown as people write them, sent as a trunk wants them."""

import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberFormat, PhoneNumberType, shortnumberinfo
from phonenumbers.shortnumberinfo import ShortNumberCost

from webpbx.model.checks import is_e164

_KEYS = re.compile(r"\+?[0-9*#A-D]{1,32}")
_PUNCTUATION = frozenset(" \t\u00a0\u202f\u2009-\u2010\u2011\u2012\u2013\u2014()[]./\u2044")
_ORDINARY = frozenset(
    {
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.VOIP,
    }
)
_SPECIAL = {
    PhoneNumberType.PREMIUM_RATE: "premium_rate",
    PhoneNumberType.SHARED_COST: "shared_cost",
    PhoneNumberType.PERSONAL_NUMBER: "personal_number",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.UAN: "uan",
    PhoneNumberType.VOICEMAIL: "voicemail",
}
_SHORT = re.compile(r"[0-9]{3,6}")
_PUBLIC_SERVICES = {
    "DE": frozenset({"115"}),
    "GB": frozenset({"101", "105", "111", "119"}),
    "US": frozenset({"211", "311", "511", "811", "988"}),
}
"""Numbers of public services at no more than the price of a local call, where the numbering plan's list is silent."""
_SHORTEST_UNLISTED = 7  # digits; below it a number unknown to the numbering plan is a mistyped extension


def keyed(text: str) -> str | None:
    """Reduce what a person typed or pasted to keys ([0-9*#A-D], perhaps a leading +); None if it is no number."""
    keys = []
    for character in text:
        digit = unicodedata.decimal(character, None)
        if digit is not None:
            keys.append(str(digit))
        elif character not in _PUNCTUATION:
            keys.append(character)
    joined = "".join(keys)
    return joined if _KEYS.fullmatch(joined) else None


def is_emergency_number(digits: str, country: str, own: Collection[str] = ()) -> bool:
    """Tell whether exactly these digits are an emergency number of the country, or one of the company's own."""
    if not (digits.isascii() and digits.isdigit()):
        return False
    return digits in own or phonenumbers.is_emergency_number(digits, country)


def emergency_pattern(country: str, own: Collection[str] = ()) -> str:
    """Give a regular expression, for Python and browsers alike, that fits exactly what `is_emergency_number` takes."""
    metadata = PhoneMetadata.short_metadata_for_region(country)
    listed = metadata.emergency.national_number_pattern if metadata and metadata.emergency else None
    return "|".join([*([f"(?:{listed})"] if listed else []), *sorted(own)])


@lru_cache(maxsize=4096)
def parse_outside(keys: str, country: str) -> str | None:
    """Give the E.164 form of a number as dialled in `country` (national, +, 00 or 011), or None.

    A number that the numbering plan does not list is taken when it is dialled in full (with +, 00 or the national
    prefix) and its length is possible: plans grow before lists do.
    """
    if not re.fullmatch(r"\+?[0-9]{2,20}", keys):
        return None
    at_home = _parse(keys, country)
    if at_home is not None and phonenumbers.is_valid_number(at_home):
        return _e164(at_home)
    for prefix in ("00", "011"):
        abroad = _parse("+" + keys.removeprefix(prefix), country) if keys.startswith(prefix) else None
        if abroad is not None and phonenumbers.is_valid_number(abroad):
            return _e164(abroad)
    full = keys.startswith(("+", phonenumbers.ndd_prefix_for_region(country, True) or "+"))
    if at_home is None or not full or len(keys) < _SHORTEST_UNLISTED:
        return None
    return _e164(at_home) if phonenumbers.is_possible_number(at_home) else None


def is_short_number(keys: str, country: str) -> bool:
    """Tell whether these digits are a short number of a country, such as 116117, which is dialled and sent as it is.

    Numbers of one carrier or for messages alone are none, nor those that only might be one: a mistyped extension.
    """
    if not _SHORT.fullmatch(keys):
        return False
    if keys in _PUBLIC_SERVICES.get(country, ()):
        return True
    number = _parse(keys, country)
    if number is None or not phonenumbers.is_valid_short_number_for_region(number, country):
        return False
    own = phonenumbers.is_carrier_specific_for_region(number, country)
    if own or shortnumberinfo.is_sms_service_for_region(number, country):
        return False
    return keys.startswith("1") or _cost(number, country) != ShortNumberCost.UNKNOWN_COST


def kind_of_short(keys: str, country: str) -> str:
    """Give "ordinary", "premium_rate" or "unknown" for a short number, by what a call to it costs."""
    if keys in _PUBLIC_SERVICES.get(country, ()):
        return "ordinary"
    number = _parse(keys, country)
    cost = _cost(number, country) if number is not None else ShortNumberCost.UNKNOWN_COST
    if cost in (ShortNumberCost.TOLL_FREE, ShortNumberCost.STANDARD_RATE):
        return "ordinary"
    return "premium_rate" if cost == ShortNumberCost.PREMIUM_RATE else "unknown"


def repair_incoming(text: str, *, country: str, number_format: str = "e164") -> str | None:
    """Give the E.164 form of a number as a provider sent it, or None when it is none (anonymous, an extension).

    Providers leave out the + or write 00; `number_format` decides how bare digits are read first.
    """
    keys = keyed(text)
    if keys is None or not re.fullmatch(r"\+?[0-9]{5,20}", keys):
        return None
    bare = keys.removeprefix("+")
    whole = bare.removeprefix("00") if bare.startswith("00") else bare
    international = _parse("+" + whole, country) if not whole.startswith("0") else None
    national = _parse(bare, country) if not keys.startswith("+") else None
    first_international = keys.startswith("+") or number_format == "e164"
    order = (international, national) if first_international else (national, international)
    for number in order:
        if number is not None and phonenumbers.is_valid_number(number):
            return _e164(number)
    for number in order:
        if number is not None and phonenumbers.is_possible_number(number) and len(bare) >= _SHORTEST_UNLISTED:
            return _e164(number)
    return None


def display(number: str, country: str) -> str:
    """Write an E.164 number as people do: national at home, international elsewhere; other text stays as it is."""
    if not is_e164(number):
        return number
    parsed = _parse(number, country)
    if parsed is None:
        return number
    home = phonenumbers.region_code_for_number(parsed) == country
    form = PhoneNumberFormat.NATIONAL if home else PhoneNumberFormat.INTERNATIONAL
    return str(phonenumbers.format_number(parsed, form))


def for_trunk(number: str, *, number_format: str, country: str) -> str:
    """Write an E.164 number as a trunk wants it: "e164" +49…, "international" 0049…, "national" 030… at home.

    Emergency and other short digits are sent as they are.
    """
    parsed = _parse(number, country) if is_e164(number) else None
    if parsed is None or number_format == "e164":
        return number
    if number_format == "national" and parsed.country_code == phonenumbers.country_code_for_region(country):
        national = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
        return str(phonenumbers.normalize_digits_only(national))
    return _international_prefix(country) + number[1:]


def country_of(number: str) -> str | None:
    """Give the country an E.164 number belongs to (001: worldwide), or None."""
    parsed = _parse(number, None)
    return phonenumbers.region_code_for_number(parsed) if parsed is not None else None


def kind_of(number: str) -> str:
    """Give "ordinary" or the special kind of an E.164 number (trust: premium_rate, shared_cost … unknown)."""
    parsed = _parse(number, None)
    if parsed is None:
        return "unknown"
    kind = phonenumbers.number_type(parsed)
    return "ordinary" if kind in _ORDINARY else _SPECIAL.get(kind, "unknown")


def _parse(text: str, country: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None


def _cost(number: PhoneNumber, country: str) -> int:
    return int(phonenumbers.expected_cost_for_region(number, country))


def _e164(number: PhoneNumber) -> str | None:
    text = str(phonenumbers.format_number(number, PhoneNumberFormat.E164))
    return text if is_e164(text) else None


def _international_prefix(country: str) -> str:
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(country)
    for prefix in (metadata.preferred_international_prefix, metadata.international_prefix) if metadata else ():
        if prefix and prefix.isdigit():
            return str(prefix)
    return "00"
