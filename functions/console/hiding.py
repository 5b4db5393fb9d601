"""What an empty list says of its filters: which of them hides everything, and the address of the list without it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hiding:
    """Filter, or several, without which something would be shown; `query` is the address's query without it."""

    words: str
    query: str
