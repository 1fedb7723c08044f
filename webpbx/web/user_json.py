from typing import Any

from webpbx.model.user import User


def user_json(user: User) -> dict[str, Any]:
    """Give what a page may know of its user."""
    return {
        "id": user.id,
        "name": user.name,
        "extension": user.extension,
        "login": user.login,
        "role": user.role,
        "language": user.language,
    }
