"""Who answers at the outside world's numbers: one small script each."""

from collections.abc import Mapping
from typing import Final

from webpbx.demo import directory
from webpbx.demo.outside_call import OutsideCall, Script
from webpbx.model.numbers import is_emergency_number

NOT_FOUND: Final = 404
BUSY: Final = 486
DECLINED: Final = 603


async def speak_german(call: OutsideCall) -> None:
    """Answer and say hello in German."""
    await call.ring()
    await call.answer()
    await call.play("hello-de")


async def speak_english(call: OutsideCall) -> None:
    """Answer and say hello in English."""
    await call.ring()
    await call.answer()
    await call.play("hello-en")


async def make_music(call: OutsideCall) -> None:
    """Answer with music that does not end."""
    await call.answer()
    await call.play("music", loop=True)


async def echo(call: OutsideCall) -> None:
    """Answer at once and send back what is heard."""
    await call.answer()
    await call.loop_back()
    await call.stay()


async def be_busy(call: OutsideCall) -> None:
    """Be on the telephone already."""
    await call.reject(BUSY)


async def never_answer(call: OutsideCall) -> None:
    """Ring until the caller gives up."""
    await call.ring()
    await call.stay()


async def speak_before_answering(call: OutsideCall) -> None:
    """Play an announcement as early media, then answer and say hello."""
    await call.ring_with_sound()
    await call.play("please-wait")
    await call.answer()
    await call.play("hello-de")


async def decline(call: OutsideCall) -> None:
    """Ring, then be declined."""
    await call.ring()
    await call.reject(DECLINED)


async def be_out_of_service(call: OutsideCall) -> None:
    """Say as early media that the number is not in service, and never answer."""
    await call.ring_with_sound()
    await call.play("not-in-service")
    await call.reject(NOT_FOUND)


async def be_unknown(call: OutsideCall) -> None:
    """Refuse: nobody has this number."""
    await call.reject(NOT_FOUND)


async def pretend_to_be_the_emergency_service(call: OutsideCall) -> None:
    """Say in two languages that this is a demonstration and no help is coming."""
    await call.answer()
    await call.play("pretend-emergency-de")
    await call.play("pretend-emergency-en")


ANSWERING: Final[Mapping[str, Script]] = {
    directory.SPEECH_GERMAN: speak_german,
    directory.SPEECH_ENGLISH: speak_english,
    directory.MUSIC: make_music,
    directory.ECHO: echo,
    directory.BUSY: be_busy,
    directory.NEVER_ANSWERS: never_answer,
    directory.EARLY_MEDIA: speak_before_answering,
    directory.DECLINES: decline,
    directory.NOT_IN_SERVICE: be_out_of_service,
}


def who_answers(number: str | None) -> Script:
    """Return the script of a dialled number."""
    if number is not None and is_emergency_number(number, directory.COUNTRY):
        return pretend_to_be_the_emergency_service
    return ANSWERING.get(number or "", be_unknown)


async def call_in_german(call: OutsideCall) -> None:
    """As the caller, say hello in German, then send back what is heard."""
    await call.play("caller-de")
    await call.loop_back()
    await call.stay()


async def call_in_english(call: OutsideCall) -> None:
    """As the caller, say hello in English, then send back what is heard."""
    await call.play("caller-en")
    await call.loop_back()
    await call.stay()


async def call_in_and_echo(call: OutsideCall) -> None:
    """As the caller, send back what is heard at once."""
    await call.loop_back()
    await call.stay()


# What a caller can be told to say.
CALLING: Final[Mapping[str, Script]] = {"de": call_in_german, "en": call_in_english, "echo": call_in_and_echo}
