from typing import Any, ClassVar


class WebpbxError(Exception):
    """Say in a plain sentence what went wrong and what to do; the root of all errors of this package."""

    error_id: ClassVar[str] = "error"

    def __init__(self, text: str, **details: Any) -> None:
        super().__init__(text)
        self.text = text
        self.details = details
