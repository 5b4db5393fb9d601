"""Reads the pages of a report in a thread of its own, a little ahead of who uses them.

A page is read ahead while few are waiting and their bodies are small. Whoever waits for a page gets it in any case.
"""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from cloudact.logs import with_context
from providers.calls import Pages

Page = TypeVar("Page")
PAGES_AHEAD = 2
BYTES_AHEAD = 4 * 2**20
"""Of bodies of pages that wait, in all reports of a run together; a decoded page takes a few times as much."""
LARGE_PAGE_BYTES = 4 * 2**20
"""From here on pages are so large that only one report with such pages is read at a time."""


class Room:
    """Room for pages that wait, shared by the reports that are read at the same time."""

    def __init__(self, most_bytes: int = BYTES_AHEAD) -> None:
        self.changed = threading.Condition()
        self._most_bytes = most_bytes
        self._used = 0
        self._large: object = None

    def lets(self, reader: object, size: int) -> bool:
        """Whether this reader may go on, whose pages are so large; where they are large it is the only such one."""
        if size >= LARGE_PAGE_BYTES and self._large is None:
            self._large = reader
        return size < LARGE_PAGE_BYTES or self._large is reader

    def leave(self, reader: object) -> None:
        """Lets others with large pages go on."""
        if self._large is reader:
            self._large = None
            self.changed.notify_all()

    def holds(self, size: int) -> bool:
        """Whether a page of this size may wait too."""
        return self._used + size <= self._most_bytes

    def take(self, size: int) -> None:
        """Notes that a page of so many bytes waits, or no longer does where `size` is negative."""
        self._used += size
        self.changed.notify_all()


class ReadAhead:
    """Pages of one report, read ahead. `close` ends its threads, which may first have to end a call at work."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._streams: list[_Stream[Any]] = []

    def __call__(self, pages: Pages[Page]) -> Iterator[Page]:
        """The pages in their order. Raises what reading them raises, after the pages before."""
        stream = _Stream(pages, self._room)
        self._streams.append(stream)
        return stream

    def close(self) -> None:
        """Waits until no thread reads for this report any more: a call at work first comes to its end."""
        for stream in self._streams:
            stream.close()


class _Stream(Generic[Page]):
    """An iterator over pages that a thread reads."""

    def __init__(self, pages: Pages[Page], room: Room) -> None:
        self._pages = pages
        self._room = room
        self._waiting: deque[tuple[Page, int]] = deque()
        self._asked = False
        self._closed = False
        self._ended: BaseException | None = None
        self._thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[Page]:
        return self

    def __next__(self) -> Page:
        if self._thread is None:
            self._thread = threading.Thread(target=with_context(self._read), name="pages", daemon=True)
            self._thread.start()
        with self._room.changed:
            self._asked = True
            self._room.changed.notify_all()
            while not self._waiting:
                if self._ended:
                    raise self._ended
                self._room.changed.wait()
            self._asked = False
            page, size = self._waiting.popleft()
            self._room.take(-size)
        return page

    def close(self) -> None:
        with self._room.changed:
            self._closed = True
            self._room.changed.notify_all()
        if self._thread:
            self._thread.join()
        with self._room.changed:
            self._room.take(-sum(size for _, size in self._waiting))
            self._waiting.clear()

    def _read(self) -> None:
        try:
            self._read_all()
            ended: BaseException = StopIteration()
        except BaseException as err:  # of any kind: it is raised where the page is asked for
            ended = err
        with self._room.changed:
            self._ended = ended
            self._room.leave(self)
            self._room.changed.notify_all()

    def _read_all(self) -> None:
        size = 0
        while self._may_read(size):
            found = next(self._pages, None)
            if found is None:
                return
            _, size = found
            with self._room.changed:
                self._waiting.append(found)
                self._room.take(size)
            del found  # whoever uses the page says how long it lives

    def _may_read(self, size: int) -> bool:
        """Waits until the next page, which is probably as large as the last, may be read. False once closed."""
        with self._room.changed:
            while not self._closed:
                if self._is_due(size) and self._room.lets(self, size):
                    return True
                self._room.changed.wait()
        return False

    def _is_due(self, size: int) -> bool:
        if self._asked and not self._waiting:
            return True
        return len(self._waiting) < PAGES_AHEAD and self._room.holds(size)
