from typing import Self

from webpbx.errors import WebpbxError


class NotFound(WebpbxError):  # noqa: N818 - the name says what is wrong
    """There is no row of that name."""

    error_id = "not_found"


class AlreadyThere(WebpbxError):  # noqa: N818 - the name says what is wrong
    """A row of that name is there already."""

    error_id = "already_there"


class InUse(WebpbxError):  # noqa: N818 - the name says what is wrong
    """The row cannot go, because another one needs it."""

    error_id = "in_use"


class ChangedMeanwhile(WebpbxError):  # noqa: N818 - the name says what is wrong
    """Somebody else has changed the row since it was looked at."""

    error_id = "changed_meanwhile"

    @classmethod
    def of(cls, name: str) -> Self:
        """Say it of a row."""
        return cls(f"Somebody else has changed {name!r} meanwhile: look at it again, then change it.", name=name)


class StoreUnusable(WebpbxError):  # noqa: N818 - the name says what is wrong
    """The data folder or its database cannot be read or written."""

    error_id = "store_unusable"


class NewerDatabase(StoreUnusable):
    """The database was written by a later version of this program."""

    error_id = "newer_database"


class StaleEpoch(WebpbxError):  # noqa: N818 - the name says what is wrong
    """A later switch has taken over this node's calls; this one must write no more."""

    error_id = "stale_epoch"


class SecretUnreadable(WebpbxError):  # noqa: N818 - the name says what is wrong
    """A secret was written with another key than the one in the data folder."""

    error_id = "secret_unreadable"
