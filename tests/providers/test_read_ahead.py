"""Pages are read ahead in their order, a few at a time, and never more of them than there is room for."""

import threading
from collections.abc import Iterator

import pytest

from providers.read_ahead import LARGE_PAGE_BYTES, PAGES_AHEAD, ReadAhead, Room

WITHIN_S = 60.0


class Chain:
    """Pages 1, 2, 3 …, each of `size` bytes, of which `began` counts how many were begun to be read."""

    def __init__(self, pages: int, size: int = 1, error: BaseException | None = None) -> None:
        self.pages, self.size, self.error = pages, size, error
        self.began = 0
        self._changed = threading.Condition()

    def read(self) -> Iterator[tuple[int, int]]:
        for number in range(1, self.pages + 1):
            with self._changed:
                self.began = number
                self._changed.notify_all()
            yield number, self.size
        if self.error:
            raise self.error

    def has_begun(self, number: int, within_s: float = WITHIN_S) -> bool:
        """Whether that page was begun within the time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.began >= number, within_s)


@pytest.fixture
def room() -> Room:
    return Room(100)


def test_pages_come_in_their_order_and_then_the_error(room: Room) -> None:
    """Whatever reading raises, `BaseException` too, is raised after all pages before it, and again when asked again."""
    pages = ReadAhead(room)(Chain(5, error=GeneratorExit("odd")).read())
    assert [next(pages) for _ in range(5)] == [1, 2, 3, 4, 5]
    for _ in range(2):
        with pytest.raises(GeneratorExit):
            next(pages)


def test_nothing_is_read_before_it_is_asked_for(room: Room) -> None:
    """A report whose turn has not come asks the provider for nothing."""
    chain = Chain(5)
    ReadAhead(room)(chain.read())
    assert not chain.has_begun(1, within_s=0.05)


def test_two_pages_wait_at_the_most(room: Room) -> None:
    """While one page is used the next two are read, and no third."""
    chain, ahead = Chain(50), ReadAhead(room)
    pages = ahead(chain.read())
    for number in (1, 2, 3):
        assert next(pages) == number
        assert chain.has_begun(number + PAGES_AHEAD)
        assert not chain.has_begun(number + PAGES_AHEAD + 1, within_s=0.05)
    ahead.close()
    assert chain.began == 3 + PAGES_AHEAD


def test_large_pages_are_read_when_they_are_asked_for(room: Room) -> None:
    """A page for which there is no room waits until it is asked for; all of them come nevertheless."""
    chain = Chain(4, size=101)
    pages = ReadAhead(room)(chain.read())
    assert next(pages) == 1
    assert not chain.has_begun(2, within_s=0.05)
    assert list(pages) == [2, 3, 4]


def test_reports_share_the_room(room: Room) -> None:
    """Pages that wait for one report leave less room for another's; using them makes room again."""
    one, other = Chain(9, size=45), Chain(9, size=45)
    first, second = ReadAhead(room)(one.read()), ReadAhead(room)(other.read())
    assert next(first) == 1
    assert one.has_begun(3)
    assert next(second) == 1
    assert not other.has_begun(2, within_s=0.05)
    assert list(first) == [*range(2, 10)]
    assert other.has_begun(3)
    assert list(second) == [*range(2, 10)]


def test_one_report_with_huge_pages_at_a_time(room: Room) -> None:
    """After its first page a report with huge pages waits until no other such report is being read."""
    one, other = Chain(3, size=LARGE_PAGE_BYTES), Chain(3, size=LARGE_PAGE_BYTES)
    first, second = ReadAhead(room)(one.read()), ReadAhead(room)(other.read())
    assert [next(first), next(first)] == [1, 2]
    assert next(second) == 1
    rest: list[int] = []
    waiting = threading.Thread(target=lambda: rest.extend(second))
    waiting.start()
    assert not other.has_begun(2, within_s=0.05)
    assert list(first) == [3]
    waiting.join(WITHIN_S)
    assert rest == [2, 3]


def test_closing_ends_the_thread(room: Room) -> None:
    """Once it is closed nothing more is read, no thread is left, and the room is free for others."""
    before, chain, ahead = threading.active_count(), Chain(50, size=30), ReadAhead(room)
    assert next(ahead(chain.read())) == 1
    ahead.close()
    assert (threading.active_count(), room.holds(100)) == (before, True)
    assert chain.began <= 1 + PAGES_AHEAD
