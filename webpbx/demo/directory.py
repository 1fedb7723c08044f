"""The telephone numbers of the demo, all from the block that Berlin keeps for films: (030) 23125-000 to -999."""

from typing import Final

from webpbx.model.numbers import is_emergency_number, keyed, parse_outside

COUNTRY: Final = "DE"
BLOCK: Final = "+493023125"

# The company's own numbers, to which the outside world calls in.
COMPANY_MAIN: Final = f"{BLOCK}100"
COMPANY_ANNA: Final = f"{BLOCK}101"
COMPANY_BEN: Final = f"{BLOCK}102"
COMPANY_ECHO: Final = f"{BLOCK}143"
COMPANY: Final = (COMPANY_MAIN, COMPANY_ANNA, COMPANY_BEN, COMPANY_ECHO)

# The outside world's numbers, to be called from the company.
SPEECH_GERMAN: Final = f"{BLOCK}801"
SPEECH_ENGLISH: Final = f"{BLOCK}802"
MUSIC: Final = f"{BLOCK}803"
ECHO: Final = f"{BLOCK}804"
BUSY: Final = f"{BLOCK}805"
NEVER_ANSWERS: Final = f"{BLOCK}806"
EARLY_MEDIA: Final = f"{BLOCK}807"
DECLINES: Final = f"{BLOCK}808"
NOT_IN_SERVICE: Final = f"{BLOCK}809"

NUMBERS_TO_TRY: Final = tuple(
    {"number": number, "label_id": label_id}
    for number, label_id in (
        (SPEECH_GERMAN, "speech_german"),
        (SPEECH_ENGLISH, "speech_english"),
        (MUSIC, "music"),
        (ECHO, "echo"),
        (BUSY, "busy"),
        (NEVER_ANSWERS, "no_answer"),
        (EARLY_MEDIA, "early_media"),
        (DECLINES, "declined"),
        (NOT_IN_SERVICE, "unknown"),
    )
)
"""As the page shows them, each with what its catalogs call it."""

# Who calls in when nobody else is named.
CALLER: Final = f"{BLOCK}850"
CALLER_NAME: Final = "Clara Caller"


def dialled_number(user: str) -> str | None:
    """Return the E.164 number, or the bare emergency digits, that a Request-URI's user part asks for; None else."""
    keys = keyed(user)
    if keys is None:
        return None
    if is_emergency_number(keys, COUNTRY):
        return keys
    return parse_outside(keys, COUNTRY)
