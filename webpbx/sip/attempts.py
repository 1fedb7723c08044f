"""Who guesses at secrets: failed answers to our challenges, counted by source and by the name they claim."""

import logging
from dataclasses import dataclass
from typing import Final

from webpbx.sip.auth import Verdict

log = logging.getLogger(__name__)

LIMIT: Final = 5
SECONDS: Final = 900.0
_KEPT: Final = 10_000


@dataclass(slots=True)
class _Count:
    failed: int
    until: float


class FailedAttempts:
    """After five failures within 15 minutes a source's answers for that name are wrong for 15 minutes, even if right.

    A failure is one on a nonce given to that very source, else whoever writes its address could lock it out.
    A name that is nobody's is counted as any other, so that nobody learns which names there are.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], _Count] = {}

    def judge(self, host: str, username: str, verdict: Verdict, now: float) -> Verdict:
        """Count a failure, forget earlier ones upon success; give what the verdict is worth."""
        key = host, username[:64]
        count = self._counts.get(key)
        if count is not None and now >= count.until:
            del self._counts[key]
            count = None
        if count is not None and count.failed >= LIMIT:
            return Verdict.WRONG if verdict is Verdict.GOOD else verdict
        if verdict is Verdict.WRONG:
            self._failed(key, count, now)
        elif verdict is Verdict.GOOD:
            self._counts.pop(key, None)
        return verdict

    def _failed(self, key: tuple[str, str], count: _Count | None, now: float) -> None:
        if count is None:
            if len(self._counts) >= _KEPT:
                self._counts.pop(next(iter(self._counts)))
            count = self._counts[key] = _Count(0, now)
        count.failed += 1
        count.until = now + SECONDS
        if count.failed == LIMIT:
            log.warning(
                "%s has failed %d times to prove that it is %r: not heard for 15 minutes", key[0], LIMIT, key[1]
            )
        else:
            log.info("%s gave a wrong password for %r", *key)
