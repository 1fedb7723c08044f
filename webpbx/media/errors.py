from typing import Any, ClassVar


class MediaError(Exception):
    """Say in a plain sentence what went wrong with sound; the root of all errors of this package."""

    error_id: ClassVar[str] = "media_error"

    def __init__(self, text: str, **details: Any) -> None:
        super().__init__(text)
        self.text = text
        self.details = details
