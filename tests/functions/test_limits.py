"""Token buckets, and the cache of callers in which only so many look-ups may fail."""

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudact.error_codes import Code
from cloudact.errors import Retry
from functions.auth.cache import EMPTY_TTL, TTL
from functions.auth.caller_cache import CallerCache
from functions.auth.limits import LOOK_UPS, MOST_NOTED, Rate, TokenBuckets
from functions.web.problems import Problem
from tests.conftest import SteppedClock

SECOND = timedelta(seconds=1)
BOUND_S = 10


def callers(known: dict[str, str], clock: SteppedClock) -> tuple[CallerCache[str | None], list[str]]:
    """A cache of these callers, and who was looked up for it."""
    looked_up: list[str] = []

    def read(callers: Collection[str]) -> dict[str, str | None]:
        looked_up.extend(callers)
        return {caller: known.get(caller) for caller in callers}

    return CallerCache(read, clock, bool), looked_up


def status(get: Callable[[], object]) -> int:
    try:
        get()
    except Problem as problem:
        return problem.status
    return 200


def test_a_bucket_empties_and_fills() -> None:
    """So many at once; then one each time the refill has passed, and never more than the burst."""
    clock = SteppedClock()
    buckets: TokenBuckets[str] = TokenBuckets(Rate(3, 10 * SECOND), clock)
    assert [buckets.take("a") for _ in range(4)] == [timedelta(0)] * 3 + [10 * SECOND]
    assert (buckets.take("b"), buckets.wait("a"), buckets.wait("b")) == (timedelta(0), 10 * SECOND, timedelta(0))
    clock.advance(seconds=4)
    assert buckets.take("a") == 6 * SECOND
    clock.advance(seconds=6)
    assert [buckets.take("a") for _ in range(2)] == [timedelta(0), 10 * SECOND]
    clock.advance(hours=1)
    assert [buckets.take("a") for _ in range(4)] == [timedelta(0)] * 3 + [10 * SECOND]


def test_a_token_that_is_given_back() -> None:
    """It can be taken again; a bucket that is full meanwhile holds no more than its burst."""
    clock = SteppedClock()
    buckets: TokenBuckets[str] = TokenBuckets(Rate(1, 10 * SECOND), clock)
    for _ in range(5):
        assert buckets.take("a") == timedelta(0)
        buckets.give_back("a")
    buckets.give_back("a")
    assert [buckets.take("a") for _ in range(2)] == [timedelta(0), 10 * SECOND]


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 5), st.integers(1, 20))
def test_a_bucket_never_gives_more(pauses: list[int], burst: int, refill: int) -> None:
    """Whenever it is asked, it has given at most the burst and what was refilled since the beginning."""
    clock, given_out, passed = SteppedClock(), 0, 0
    buckets: TokenBuckets[str] = TokenBuckets(Rate(burst, refill * SECOND), clock)
    for pause in pauses:
        clock.advance(seconds=pause)
        passed += pause
        given_out += buckets.take("a") == timedelta(0)
        assert given_out <= burst + passed // refill


def test_look_ups_that_fail_are_counted_and_others_not() -> None:
    """Whoever is found costs nothing, in any number; the one in vain after the burst is 429, without a look."""
    clock = SteppedClock()
    cache, looked_up = callers({f"right-{n}": "x" for n in range(100)}, clock)
    assert {status(lambda n=n: cache.get(f"right-{n}")) for n in range(100)} == {200}  # type: ignore[misc]
    told = [status(lambda n=n: cache.get(f"wrong-{n}")) for n in range(LOOK_UPS.burst + 10)]  # type: ignore[misc]
    assert told == [200] * LOOK_UPS.burst + [429] * 10
    assert len(looked_up) == 100 + LOOK_UPS.burst


def test_who_is_known_is_looked_up_whatever_the_bucket_holds() -> None:
    """Facts that are older than a minute are read again in a storm; who is known no more is a stranger from then on."""
    clock, known = SteppedClock(), {"a": "x"}
    cache, looked_up = callers(known, clock)
    assert cache.get("a") == "x"
    clock.advance(seconds=TTL.total_seconds())
    for number in range(LOOK_UPS.burst):
        cache.get(f"wrong-{number}")
    assert (status(lambda: cache.get("b")), cache.get("a"), cache.known("a")) == (429, "x", True)
    known.clear()
    clock.advance(seconds=TTL.total_seconds() - 1)
    assert looked_up.count("a") == 2
    clock.advance(seconds=1)
    assert (cache.get("a"), cache.known("a")) == (None, False)
    for number in range(LOOK_UPS.burst):
        status(lambda n=number: cache.get(f"other-{n}"))  # type: ignore[misc]
    clock.advance(seconds=EMPTY_TTL.total_seconds() - 1)
    assert status(lambda: cache.get("a")) == 200  # its refusal is kept
    clock.advance(seconds=1)
    assert status(lambda: cache.get("a")) == 429


def test_a_look_up_that_breaks_costs_no_token() -> None:
    """BigQuery that cannot be reached makes nobody wait longer than it does itself."""

    def broken(_callers: Collection[str]) -> dict[str, str | None]:
        raise Retry(Code.BIGQUERY_UNAVAILABLE, "away")

    cache = CallerCache(broken, SteppedClock(), bool)
    for number in range(LOOK_UPS.burst * 2):
        with pytest.raises(Retry):
            cache.get(f"any-{number}")


def test_a_storm_keeps_no_right_key_out() -> None:
    """Of a hundred forged keys a second and fifty right ones, the right ones are served when they come again."""
    clock, reads = SteppedClock(), list[int]()

    def read(callers: Collection[str]) -> dict[str, str | None]:
        reads.append(len(callers))
        return {caller: "x" if caller.startswith("right") else None for caller in callers}

    cache = CallerCache(read, clock, bool)
    waiting = {f"right-{n}": 0 for n in range(50)}
    served: list[int] = []
    for second in range(60):
        for number in range(100):
            status(lambda n=number, s=second: cache.get(f"forged-{s}-{n}"))  # type: ignore[misc]
        for name in [name for name, due in waiting.items() if due <= second]:
            try:
                assert cache.get(name) == "x"
            except Problem as problem:
                waiting[name] = second + int(problem.headers["Retry-After"])
            else:
                served.append(second)
                del waiting[name]
        clock.advance(seconds=1)
    assert (len(served), max(served) <= LOOK_UPS.refill.total_seconds()) == (50, True)
    assert len(reads) <= LOOK_UPS.burst + 10
    assert max(reads) < 1000


def test_how_many_are_noted_is_bounded() -> None:
    """Who comes when no more can be noted has to come again; after the next look-up there is room."""
    clock, known = SteppedClock(), {"late": "x"}
    cache, looked_up = callers(known, clock)
    for number in range(LOOK_UPS.burst + MOST_NOTED):
        status(lambda n=number: cache.get(f"wrong-{n}"))  # type: ignore[misc]
    for _ in range(2):
        looked_up.clear()
        assert status(lambda: cache.get("late")) == 429
        clock.advance(seconds=LOOK_UPS.refill.total_seconds())
        cache.get(f"next-{clock.now}")
    assert (cache.known("late"), len(looked_up)) == (True, 2)


def test_who_is_noted_stays_so_while_nothing_can_be_read() -> None:
    """A look-up that breaks loses nobody: the next one is for the same callers."""
    clock, away = SteppedClock(), list[bool]()

    def read(callers: Collection[str]) -> dict[str, str | None]:
        if away:
            raise Retry(Code.BIGQUERY_UNAVAILABLE, "away")
        return {caller: "x" if caller == "right" else None for caller in callers}

    cache = CallerCache(read, clock, bool)
    for name in [*(f"wrong-{n}" for n in range(LOOK_UPS.burst)), "right"]:
        status(lambda n=name: cache.get(n))  # type: ignore[misc]
    clock.advance(seconds=LOOK_UPS.refill.total_seconds())
    away.append(True)
    with pytest.raises(Retry):
        cache.get("other")
    away.clear()
    cache.get("other")
    assert cache.known("right")


def test_who_is_known_waits_for_no_stranger() -> None:
    """While look-ups of strangers hang, as many as may, callers who are known are read again."""
    clock, hanging, going_on = SteppedClock(), Event(), Event()

    def read(callers: Collection[str]) -> dict[str, str | None]:
        if all(caller.startswith("known") for caller in callers):
            return dict.fromkeys(callers, "x")
        hanging.set()
        going_on.wait(BOUND_S)
        return dict.fromkeys(callers)

    cache = CallerCache(read, clock, bool)
    names = [f"known-{n}" for n in range(40)]  # more than there are locks
    assert [cache.get(name) for name in names] == ["x"] * 40
    clock.advance(seconds=TTL.total_seconds())
    with ThreadPoolExecutor(LOOK_UPS.burst) as pool:
        strangers = [pool.submit(status, lambda n=n: cache.get(f"wrong-{n}")) for n in range(LOOK_UPS.burst)]  # type: ignore[misc]
        assert hanging.wait(BOUND_S)
        assert [cache.get(name) for name in names] == ["x"] * 40
        assert not going_on.is_set()
        going_on.set()
        assert [each.result(BOUND_S) for each in strangers] == [200] * LOOK_UPS.burst
