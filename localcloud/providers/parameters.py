"""The query string: each parameter may be written `name=` or `name[]=`, and be repeated."""

from collections.abc import Iterable
from urllib.parse import parse_qsl


class Parameters:
    """The parameters of one request, their brackets removed."""

    def __init__(self, query: str) -> None:
        self.pairs = [(name.removesuffix("[]"), value) for name, value in parse_qsl(query, keep_blank_values=True)]

    def one(self, name: str) -> str | None:
        """The last value, None where there is none."""
        return next((value for found, value in reversed(self.pairs) if found == name), None)

    def many(self, name: str) -> list[str]:
        """All values in their order."""
        return [value for found, value in self.pairs if found == name]

    def beyond(self, known: Iterable[str]) -> str | None:
        """The first parameter that is not one of these."""
        allowed = frozenset(known)
        return next((name for name, _ in self.pairs if name not in allowed), None)
