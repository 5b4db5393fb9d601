"""The cache of what is read for many requests: fresh enough, bounded, and one read for a crowd."""

from collections.abc import Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Barrier, Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.auth.cache import EMPTY_TTL, LOCK_STRIPES, TTL, ExpiringMap, TtlCache
from tests.conftest import NOON, SteppedClock

CROWD = 12


def counting(
    answers: Mapping[str, str | None], clock: SteppedClock, capacity: int = 100
) -> tuple[TtlCache[Hashable, str | None], list[Hashable]]:
    """A cache of these answers, and the keys that were read for it."""
    read: list[Hashable] = []

    def answer(key: Hashable) -> str | None:
        read.append(key)
        return answers.get(str(key))

    return TtlCache(answer, clock, capacity=capacity), read


@pytest.mark.parametrize(("answer", "ttl"), [("something", TTL), (None, EMPTY_TTL), ("", EMPTY_TTL)])
def test_an_answer_is_read_once_until_it_expires(answer: str | None, ttl: timedelta) -> None:
    """A full answer counts for a minute and an empty one for five seconds, to the moment."""
    clock = SteppedClock()
    cache, read = counting({"a": answer}, clock)
    assert [cache.get("a"), cache.get("a"), read] == [answer, answer, ["a"]]
    clock.now = NOON + ttl - timedelta(microseconds=1)
    assert (cache.peek("a"), cache.get("a"), read) == ((answer,), answer, ["a"])
    clock.now = NOON + ttl
    assert (cache.peek("a"), cache.get("a"), read) == (None, answer, ["a", "a"])


def test_an_answer_is_as_old_as_its_question() -> None:
    """A read that takes long is kept for as much less, and one that outlasts the minute is read again."""
    clock = SteppedClock()

    def slow(_key: str) -> str:
        clock.advance(seconds=61)
        return "late"

    cache = TtlCache(slow, clock)
    assert (cache.get("a"), cache.peek("a"), cache.last("a")) == ("late", None, "late")


def test_a_failed_read_leaves_nothing_behind() -> None:
    """The error reaches who asked, and the next one reads again."""

    def failing(_key: str) -> str:
        raise TimeoutError

    cache = TtlCache(failing, SteppedClock())
    for _ in range(2):
        with pytest.raises(TimeoutError):
            cache.get("a")
    assert (cache.peek("a"), len(cache)) == (None, 0)


def test_a_crowd_makes_one_read() -> None:
    """Of many threads that ask for one key at once, one reads and all are answered."""
    asked, answered, read = Barrier(CROWD + 1), Event(), list[str]()

    def answer(key: str) -> str:
        read.append(key)
        assert answered.wait(10)
        return "told"

    cache = TtlCache(answer, SteppedClock())

    def ask() -> str:
        asked.wait(10)
        return cache.get("a")

    with ThreadPoolExecutor(CROWD) as threads:
        futures = [threads.submit(ask) for _ in range(CROWD)]
        asked.wait(10)
        answered.set()
        assert [future.result(10) for future in futures] == ["told"] * CROWD
    assert read == ["a"]


def test_a_read_that_hangs_holds_up_other_keys_only_by_chance() -> None:
    """Keys of other lock stripes are read meanwhile."""
    hanging, go_on = Event(), Event()

    def answer(key: int) -> int:
        if key == 1:
            hanging.set()
            assert go_on.wait(10)
        return key

    cache = TtlCache(answer, SteppedClock())
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(cache.get, 1)
        assert hanging.wait(10)
        assert [cache.get(key) for key in range(2, LOCK_STRIPES)] == [*range(2, LOCK_STRIPES)]
        go_on.set()
        assert first.result(10) == 1


def test_of_a_crowd_one_adds() -> None:
    """`add` tells exactly one thread that it was first, and another one once the entry has expired."""
    clock = SteppedClock()
    entries: ExpiringMap[str, None] = ExpiringMap(clock)
    for _ in range(2):
        with ThreadPoolExecutor(CROWD) as threads:
            until = clock.now + timedelta(seconds=1)
            firsts = list(threads.map(lambda _, until=until: entries.add("a", None, until), range(CROWD)))
        assert sorted(firsts) == [False] * (CROWD - 1) + [True]
        clock.advance(seconds=1)


def test_a_flood_of_keys_that_lead_to_nothing() -> None:
    """Empty answers drive out empty answers only, the ones that were put first."""
    cache, read = counting({"known": "something"}, SteppedClock(), capacity=10)
    cache.get("known")
    for number in range(15):
        cache.get(f"unknown-{number}")
    assert (len(cache), cache.peek("known"), cache.peek("unknown-4")) == (11, ("something",), None)
    assert (cache.peek("unknown-5"), len(read)) == ((None,), 16)


@dataclass
class Reference:
    """What the cache means, without bound, lock or read: of each key the answer that was asked for last."""

    answers: dict[int, tuple[datetime, datetime, str | None]] = field(default_factory=dict)

    def put(self, key: int, value: str | None, asked_at: datetime) -> None:
        until = asked_at + (TTL if value else EMPTY_TTL)
        if key not in self.answers or self.answers[key][0] <= asked_at:
            self.answers[key] = (asked_at, until, value)

    def peek(self, key: int, now: datetime) -> tuple[str | None] | None:
        _, until, value = self.answers.get(key, (now, now, None))
        return (value,) if until > now else None


PUTS = st.lists(
    st.tuples(
        st.integers(0, 30),  # seconds that pass before
        st.integers(0, 4),  # the key
        st.integers(0, 20),  # how many seconds ago it was asked
        st.sampled_from([None, "", "a", "b"]),
    ),
    max_size=40,
)


@given(PUTS)
def test_what_is_kept_is_what_was_asked_last(puts: list[tuple[int, int, int, str | None]]) -> None:
    """Whatever is put in whatever order, the answer is neither too old nor another than the one asked for last."""
    clock, reference = SteppedClock(), Reference()
    cache, _ = counting({}, clock, capacity=5)
    for wait_s, key, age_s, value in puts:
        clock.advance(seconds=wait_s)
        asked_at = clock.now - timedelta(seconds=age_s)
        cache.put(key, value, asked_at)
        reference.put(key, value, asked_at)
        assert [cache.peek(each) for each in range(5)] == [reference.peek(each, clock.now) for each in range(5)]


@given(PUTS, st.integers(1, 4))
def test_want_of_room_loses_answers_and_changes_none(
    puts: list[tuple[int, int, int, str | None]], capacity: int
) -> None:
    """There are never more answers than fit; the newest is among them, and none outlives its time."""
    clock = SteppedClock()
    entries: ExpiringMap[int, str | None] = ExpiringMap(clock, capacity)
    untils: dict[int, tuple[datetime, str | None]] = {}
    for wait_s, key, age_s, value in puts:
        clock.advance(seconds=wait_s)
        untils[key] = (clock.now + timedelta(seconds=20 - age_s), value)
        entries.put(key, value, untils[key][0])
        found = {each: entries.peek(each) for each in untils}
        live = {each: (text,) for each, (until, text) in untils.items() if until > clock.now}
        assert all(text in (None, live.get(each)) for each, text in found.items())
        assert (found[key], len(entries) <= capacity) == (live.get(key), True)
