"""Whether Cloud Run checks who calls `ops`: what its own address tells, and for how long that is believed."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from flask import Flask, Response

from cloudact.errors import Retry
from functions.auth.invoker_check import Front
from tests.served import served


@dataclass
class Address:
    """What a stranger is answered there; `asked` counts them."""

    url: str = ""
    status: int = 403
    asked: list[int] = field(default_factory=list)
    now: float = 0.0

    def health(self) -> Response:
        self.asked.append(self.status)
        return Response(status=self.status)


@pytest.fixture
def address() -> Iterator[Address]:
    app, address = Flask("address"), Address()
    app.get("/health")(address.health)
    with served(app) as address.url:
        yield address


@pytest.mark.parametrize(
    ("status", "checks"), [(401, True), (403, True), (200, False), (204, False), (302, False), (404, False)]
)
def test_only_a_refusal_is_a_check(status: int, checks: bool, address: Address) -> None:
    """Whoever answers a stranger otherwise lets strangers in, or may."""
    address.status = status
    assert Front(address.url).checks() is checks


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_tells_nothing_is_asked_again_later(status: int, address: Address) -> None:
    """An overloaded front has judged nobody, so the caller may try again; we ask again after 30 seconds."""
    address.status = status
    front = Front(address.url, lambda: address.now)
    for _ in range(2):
        with pytest.raises(Retry):
            front.checks()
    address.status, address.now = 403, 30.0
    assert front.checks() is True
    assert address.asked == [status, 403]


def test_an_address_that_nobody_answers() -> None:
    """The same: nothing is known, and nobody let in."""
    with pytest.raises(Retry):
        Front("http://127.0.0.1:9").checks()


def test_how_long_an_answer_is_remembered(address: Address) -> None:
    """A check that is on is believed for five minutes, one that is off for half a minute."""
    front = Front(address.url, lambda: address.now)
    told = []
    for address.now, address.status in [(0, 403), (299, 200), (300, 200), (329, 403), (330, 403)]:
        told.append(front.checks())
    assert told == [True, True, False, False, True]
    assert address.asked == [403, 200, 403]
