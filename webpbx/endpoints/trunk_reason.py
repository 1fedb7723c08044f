"""Why a trunk is up or down: a sentence, and a code with values that a page says in the reader's language."""

import re
from collections.abc import Iterable
from typing import Any, Final, Self

_REFUSALS: Final = {
    "wrong secret": "secret",
    "no secret is set": "no_secret",
    "no challenge for our methods": "challenge",
}
_REALM: Final = re.compile(r"the realm '(?P<realm>.*)' asks for the secret, which is for '(?P<ours>.*)' alone")
_FAILURES: Final = {
    "the provider does not answer": "not_answering",
    "nothing listens at the provider's port": "not_listening",
    "the registrar took the binding away": "taken_away",
}
"""What the registration says of itself, and the code of it."""


class Reason(str):
    """A sentence that knows what it is made of: one code with its values, or those of several."""

    __slots__ = ("parts",)

    parts: tuple[tuple[str, dict[str, str]], ...]

    @classmethod
    def of(cls, code: str, sentence: str, **values: object) -> Self:
        """Say a sentence with {places} for its values."""
        words = {name: str(value) for name, value in values.items()}
        said = cls(sentence.format_map(words))
        said.parts = ((code, words),)
        return said

    @classmethod
    def joined(cls, reasons: Iterable["Reason"]) -> Self:
        """Say each of several once, in one breath."""
        each = tuple(dict.fromkeys(reasons))
        said = cls(" ".join(each))
        said.parts = tuple(part for reason in each for part in reason.parts)
        return said


def refused(answer: str) -> Reason:
    """Say that the provider refuses our registration; `answer` is its status and words."""
    status, _, words = answer.partition(": ")
    code = _REFUSALS.get(words, "refused")
    values = {"status": status} if words in _REFUSALS else {"status": status, "words": words}
    realm = _REALM.fullmatch(words)
    if realm is not None:
        code, values = "realm", {"status": status, **realm.groupdict()}
    said = Reason.of(code, "The provider refuses our registration: {answer}.", answer=answer)
    said.parts = ((code, values),)
    return said


def failed(words: str) -> Reason:
    """Say that no answer to our registration can be had."""
    return Reason.of(_FAILURES.get(words, "fails"), "The registration fails: {words}.", words=words)


def state_of(up: bool, reason: str) -> dict[str, Any]:  # noqa: FBT001 - as a trunk's state is kept
    """Give a trunk's state as JSON; a sentence that has no code has no `reasons`."""
    parts = reason.parts if isinstance(reason, Reason) else ()
    return {"up": up, "reason": str(reason), "reasons": [{"code": code, "values": values} for code, values in parts]}
