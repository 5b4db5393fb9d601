"""Cursors of pages: a text that tells where the page before has ended, in one spelling."""

import base64


def pointing_at(text: str) -> str:
    """Cursor that tells this text."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def text_of(cursor: str) -> str:
    """Text that a cursor tells. Raises `ValueError` for whatever `pointing_at` does not make."""
    text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    if pointing_at(text) != cursor:  # the decoder skips what is not of its alphabet
        raise ValueError(cursor)
    return text
