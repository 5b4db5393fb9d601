"""Calls with one key take turns: four at once, and one after another where the provider says that it is too much."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from cloudact.errors import Skip
from providers.calls import MOST_AT_ONCE, Call, Calls, Guest, Turns
from providers.http import Busy, Patience, ProviderHttp, Time
from providers.openai.api import OPENAI

WITHIN_S = 60.0


def no_tick() -> None:
    """Nobody wants to stop."""


class Entered:
    """A try in a thread of its own, which stays until it is let go."""

    def __init__(self, turns: Turns, call: Call) -> None:
        self._in, self._go = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._enter, args=(turns, call))
        self._thread.start()

    def _enter(self, turns: Turns, call: Call) -> None:
        with turns.one(call, no_tick):
            self._in.set()
            assert self._go.wait(WITHIN_S)

    def is_in(self, within_s: float = WITHIN_S) -> bool:
        """Whether its turn came within the time."""
        return self._in.wait(within_s)

    def go(self) -> None:
        """Lets the try end, now or once it had its turn."""
        self._go.set()

    def leave(self) -> None:
        """Ends the try."""
        self.go()
        self._thread.join(WITHIN_S)


@contextmanager
def entered(turns: Turns, count: int) -> Iterator[list[Entered]]:
    """So many tries that have begun or wait for their turn."""
    tries = [Entered(turns, Call()) for _ in range(count)]
    try:
        yield tries
    finally:
        for each in tries:
            each.go()
        for each in tries:
            each.leave()


def let_in(turns: Turns, most: int) -> bool:
    """Whether exactly so many of many tries are let in at the same time."""
    with entered(turns, most + 2) as tries:
        until = time.monotonic() + WITHIN_S
        while (inside := sum(each.is_in(within_s=0.01) for each in tries)) < most and time.monotonic() < until:
            pass
        return inside == most == sum(each.is_in(within_s=0.05) for each in tries)


def test_four_calls_at_once() -> None:
    """The fifth waits until one of four has its answer."""
    turns = Turns()
    with entered(turns, MOST_AT_ONCE) as four:
        assert all(one.is_in() for one in four)
        fifth = Entered(turns, Call())
        assert not fifth.is_in(within_s=0.05)
        four[2].leave()
        assert fifth.is_in()
        fifth.leave()


def test_a_guest_holds_up_nobody() -> None:
    """It waits for the first answer, takes one of four turns, and a 429 of its own changes nothing for the others."""
    turns = Turns()
    guest = Guest(turns)
    waiting = Entered(guest, Call())
    assert not waiting.is_in(within_s=0.05)
    turns.accept()
    assert waiting.is_in()
    with entered(turns, MOST_AT_ONCE) as four:
        assert sum(each.is_in(within_s=0.2) for each in four) == MOST_AT_ONCE - 1
        waiting.leave()
        assert all(each.is_in() for each in four)
    guest.refuse(Call())
    assert let_in(turns, MOST_AT_ONCE)


def test_a_refused_call_goes_first_and_alone() -> None:
    """After a 429 no other call begins, however many could, until the refused one is over: then the next refused."""
    turns, first, second = Turns(), Call(), Call()
    turns.refuse(first)
    turns.refuse(second)
    with entered(turns, 2) as others:
        again = Entered(turns, second)
        assert not any(each.is_in(within_s=0.05) for each in (*others, again))
        with turns.one(first, no_tick):
            turns.refuse(first)
        turns.over(first)
        assert again.is_in()
        assert not any(each.is_in(within_s=0.05) for each in others)
        turns.over(second)
        again.leave()
        assert all(each.is_in() for each in others)


def test_each_storm_takes_one_call_away() -> None:
    """From four at once to three, two, one: then calls go as they would one after another, and no slower."""
    turns = Turns()
    for most in (4, 3, 2, 1, 1):
        assert let_in(turns, most)
        call, beside = Call(), Call()
        for refused in (call, beside, call):  # of one storm
            turns.refuse(refused)
        turns.over(call)
        turns.over(beside)


def test_who_waits_for_a_turn_looks_whether_it_is_wanted() -> None:
    """A report that waits for another one's call can be stopped."""
    turns, looks = Turns(), Counter[str]()

    def tick() -> None:
        looks["tick"] += 1
        raise Skip("cancelled")

    turns.refuse(Call())
    with pytest.raises(Skip), turns.one(Call(), tick):
        pytest.fail("it was not its turn")
    assert looks["tick"] == 1


def opened(
    answer: Callable[[httpx.Request], httpx.Response], calls: Calls, passing: Time, attempts: int
) -> ProviderHttp:
    client = httpx.Client(transport=httpx.MockTransport(answer))
    return OPENAI.open("http://vendor.invalid", "sk-admin-test", client, Patience(attempts), calls, passing)


def test_a_429_keeps_the_other_reports_waiting() -> None:
    """While one report waits for a limit another with the same key asks for nothing; afterwards it does."""
    asked: list[str] = []
    others: list[threading.Thread] = []
    turns = Turns()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(429 if len(asked) == 1 else 200, headers={"Retry-After": "3"}, json={"data": []})

    def other_report_asks(_: float) -> None:
        if not others:
            beside = opened(answer, Calls(turns=turns), Time(), 1)
            others.append(threading.Thread(target=lambda: beside.get("/b", [])))
            others[0].start()
        others[0].join(0.02)

    api = opened(answer, Calls(turns=turns), Time(sleep=other_report_asks), 6)
    assert api.get("/a", []) == {"data": []}
    others[0].join(WITHIN_S)
    assert asked == ["/a", "/a", "/b"]


def test_a_call_that_is_given_up_lets_others_go_on() -> None:
    """After the last try of a refused call the reports beside it go on, as they would one after another."""
    turns = Turns()
    refusing = opened(lambda _: httpx.Response(429, json={}), Calls(turns=turns), Time(sleep=lambda _: None), 2)
    with pytest.raises(Busy):
        refusing.get("/a", [])
    api = opened(lambda _: httpx.Response(200, json={"data": []}), Calls(turns=turns), Time(), 1)
    assert api.get("/b", []) == {"data": []}
