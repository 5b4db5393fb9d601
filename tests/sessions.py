"""People in tests: sessions as the identity provider signs them, and the headers that carry them."""

from typing import Any

from tests.conftest import Local


def bearer(local: Local, user_id: str, **claims: Any) -> dict[str, str]:
    """The header of a session of the user's, with some claims replaced."""
    return {"Authorization": f"Bearer {local.google.sessions.token(local.google.url, user_id, **claims)}"}
