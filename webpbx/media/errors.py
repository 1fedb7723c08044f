from typing import Any, ClassVar


class MediaError(Exception):
    """Say in a plain sentence what went wrong with sound; the root of all errors of this package."""

    error_id: ClassVar[str] = "media_error"

    def __init__(self, text: str, **details: Any) -> None:
        super().__init__(text)
        self.text = text
        self.details = details


class WorkerLost(MediaError):  # noqa: N818 - it tells what happened
    """The worker a leg lived on is not reachable."""

    error_id: ClassVar[str] = "worker_lost"


class WorkerRefusedError(MediaError):
    """What the worker answered instead of doing it; the instance carries the worker's `error_id`."""

    error_id: ClassVar[str] = "refused"

    def __init__(self, error_id: str, text: str) -> None:
        super().__init__(text)
        vars(self)["error_id"] = error_id


class BadSdpError(MediaError):
    """A session description that is too large, malformed or lacks what is needed."""

    error_id: ClassVar[str] = "bad_sdp"


class NoCodecError(MediaError):
    """Two sides that have no codec in common."""

    error_id: ClassVar[str] = "no_codec"


class IncompatibleError(MediaError):
    """A far end that wants its sound protected in a way we cannot or may not."""

    error_id: ClassVar[str] = "incompatible"


class SrtpRequiredError(MediaError):
    """A far end that offers plain sound where only protected sound is allowed."""

    error_id: ClassVar[str] = "srtp_required"


class UnknownLegError(MediaError):
    """A leg the worker does not have, or one of the other kind."""

    error_id: ClassVar[str] = "unknown_leg"


class DrainingError(MediaError):
    """A worker that is about to end and takes no new legs."""

    error_id: ClassVar[str] = "draining"


class NoPortError(MediaError):
    """A range of RTP ports that is used up."""

    error_id: ClassVar[str] = "no_port"


class BadRequestError(MediaError):
    """A request that does not follow the control protocol."""

    error_id: ClassVar[str] = "bad_request"


class StaleEpochError(MediaError):
    """A switch that has been followed by a newer one."""

    error_id: ClassVar[str] = "stale_epoch"
