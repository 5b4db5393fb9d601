"""What Cloud Run answers itself: HTML, never the service's own problem documents."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

Header = tuple[bytes, bytes]


@dataclass(frozen=True)
class Answer:
    """A whole answer, the container's or the front's own."""

    status: int
    headers: Sequence[Header] = field(default_factory=list)
    body: bytes = b""


class Refused(Exception):
    """The front answers itself, with this status and one sentence."""

    def __init__(self, status: int, sentence: str, headers: Sequence[Header] = ()) -> None:
        super().__init__(sentence)
        self._status = status
        self._sentence = sentence
        self._headers = headers

    def answer(self) -> Answer:
        """The page."""
        title = f"{self._status} {HTTPStatus(self._status).phrase}"
        body = (
            f"<html><head>\n<title>{title}</title>\n</head>\n<body><h1>{title}</h1>\n{self._sentence}\n</body></html>\n"
        )
        kind = (b"content-type", b"text/html; charset=UTF-8")
        return Answer(self._status, [kind, *self._headers], body.encode())
