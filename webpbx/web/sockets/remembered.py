import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

_KEPT: Final = 256
_KEPT_SECONDS: Final = 300.0

Ack = Mapping[str, Any]


class RememberedCommands:
    """One user's commands of the last minutes and their answers: a repeat waits for, or gets, the first one's."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._answers: OrderedDict[tuple[str, str], asyncio.Future[Ack]] = OrderedDict()
        self._since: dict[tuple[str, str], float] = {}

    def __len__(self) -> int:
        return len(self._answers)

    async def once(self, key: tuple[str, str], act: Callable[[], Awaitable[Ack]]) -> Ack:
        """Act, unless a command with this (event, id) was acted on before."""
        known = self._answers.get(key)
        if known is not None:
            return await asyncio.shield(known)
        answer = self._answers[key] = asyncio.get_running_loop().create_future()
        self._since[key] = self._clock()
        self.forget_old()
        try:
            ack = await act()
        except BaseException:
            answer.cancel()
            self._forget(key)
            raise
        answer.set_result(ack)
        return ack

    def forget_old(self) -> None:
        """Forget what was answered long ago or too many commands ago, up to the first that is still being done."""
        too_old = self._clock() - _KEPT_SECONDS
        while self._answers:
            key, answer = next(iter(self._answers.items()))
            if not answer.done() or (len(self._answers) <= _KEPT and self._since[key] > too_old):
                return
            self._forget(key)

    def _forget(self, key: tuple[str, str]) -> None:
        del self._answers[key]
        del self._since[key]
