"""A request that a stand-in refuses, and what a vendor must have to be served."""

from collections.abc import Mapping
from typing import Any, Protocol

from localcloud.wire.listener import HttpRequest

Body = dict[str, Any]


class Refused(Exception):
    """An answer other than 200, in the vendor's own envelope unless a fault has another."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body
        self.headers = headers or {}


class Vendor(Protocol):
    """One vendor's API, without the wire."""

    @property
    def name(self) -> str:
        """`openai` or `anthropic`."""

    def answer(self, request: HttpRequest) -> Body:
        """The body of a 200; raises `Refused` for everything else."""

    def failure(self, status: int) -> Refused:
        """How the vendor words a status that a fault asks for."""
