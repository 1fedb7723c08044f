import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

_KEPT: Final = 256

Ack = Mapping[str, Any]


class RememberedCommands:
    """One user's latest commands and their answers: a repeat waits for, or gets, the first one's answer."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[str, str], asyncio.Future[Ack]] = OrderedDict()

    async def once(self, key: tuple[str, str], act: Callable[[], Awaitable[Ack]]) -> Ack:
        """Act, unless a command with this (event, id) was acted on before."""
        known = self._answers.get(key)
        if known is not None:
            return await asyncio.shield(known)
        answer = self._answers[key] = asyncio.get_running_loop().create_future()
        self._forget_old()
        try:
            ack = await act()
        except BaseException:
            answer.cancel()
            self._answers.pop(key, None)
            raise
        answer.set_result(ack)
        return ack

    def _forget_old(self) -> None:
        """Forget the oldest that are answered; what is still being done must stay known."""
        for key in list(self._answers)[: max(0, len(self._answers) - _KEPT)]:
            if self._answers[key].done():
                del self._answers[key]
