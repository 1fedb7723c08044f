from webpbx.errors import WebpbxError


class DemoError(WebpbxError):
    """Something in the demo or its outside world went wrong."""

    error_id = "demo_error"
