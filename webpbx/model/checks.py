"""The checks that every row's validation is made of; each failure is a sentence with the value and what to do."""

import re
from collections.abc import Collection
from typing import Any

import phonenumbers

from webpbx.errors import WebpbxError

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_EXTENSION = re.compile(r"[0-9]{3,4}")
LANGUAGES = ("de", "en")


class InvalidSetting(WebpbxError):  # noqa: N818 - the name says what is wrong
    """A setting's value cannot be used; `details` names the field and the value."""

    error_id = "invalid_setting"

    def __init__(self, text: str, *, field: str, value: Any) -> None:
        super().__init__(text, field=field, value=value)


def check_id(field: str, value: str) -> None:
    """Refuse an id that is not a short lower-case word."""
    if not _ID.fullmatch(value):
        raise InvalidSetting(
            f"The {field} {value!r} cannot be used: take 1 to 64 small letters, digits, - or _, "
            "beginning with a letter or digit.",
            field=field,
            value=value,
        )


def check_text(field: str, value: str, *, longest: int = 100, empty: bool = False) -> None:
    """Refuse a text that is empty, too long, or holds control characters."""
    if not empty and not value.strip():
        raise InvalidSetting(f"The {field} is empty: give one.", field=field, value=value)
    if len(value) > longest:
        raise InvalidSetting(
            f"The {field} {value[:20]!r}… has {len(value)} characters: use at most {longest}.",
            field=field,
            value=value,
        )
    if not value.isprintable():
        raise InvalidSetting(
            f"The {field} {value!r} holds a character that cannot be shown: leave out line ends and tabs.",
            field=field,
            value=value,
        )


def check_secret(field: str, value: str, *, longest: int = 255) -> None:
    """Refuse a secret that cannot be sent, without ever repeating it."""
    if len(value) > longest or not value.isprintable():
        raise InvalidSetting(
            f"The {field} cannot be used: take at most {longest} characters and no line end.", field=field, value="…"
        )


def check_choice(field: str, value: str, choices: Collection[str]) -> None:
    """Refuse a value that is not one of `choices`."""
    if value not in choices:
        raise InvalidSetting(
            f"The {field} {value!r} is not known: use one of {', '.join(choices)}.", field=field, value=value
        )


def check_range(field: str, value: int, lowest: int, highest: int, *, unit: str = "") -> None:
    """Refuse a number outside lowest … highest."""
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise InvalidSetting(
            f"The {field} {value!r} is out of range: use {lowest} to {highest}{' ' + unit if unit else ''}.",
            field=field,
            value=value,
        )


def check_country(field: str, value: str, *, also: Collection[str] = ()) -> None:
    """Refuse a country that the telephone world does not know (ISO 3166 two letters)."""
    if value not in phonenumbers.SUPPORTED_REGIONS and value not in also:
        raise InvalidSetting(
            f"The {field} {value!r} is not known: use two capital letters such as DE, GB or US.",
            field=field,
            value=value,
        )


def check_e164(field: str, value: str) -> None:
    """Refuse a number that is not written as + and the country."""
    if not _E164.fullmatch(value):
        raise InvalidSetting(
            f"The {field} {value!r} is not in international form: write + and the country, such as +493023125000.",
            field=field,
            value=value,
        )


def check_extension(field: str, value: str) -> None:
    """Refuse an extension that is not three or four digits."""
    if not _EXTENSION.fullmatch(value):
        raise InvalidSetting(
            f"The {field} {value!r} cannot be used: an extension has three or four digits, such as 101.",
            field=field,
            value=value,
        )


def is_e164(text: str) -> bool:
    """Tell whether `text` is written as +country…, 7 to 15 digits."""
    return _E164.fullmatch(text) is not None
