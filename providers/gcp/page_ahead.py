"""Reads one page ahead: while one is worked on, the next is fetched and made by another thread."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from threading import Thread
from typing import Generic, TypeVar

from cloudact.logs import with_context

Item = TypeVar("Item")


class _End(Exception):
    """Raised in place of `StopIteration`, which no future takes."""


def one_ahead(items: Iterator[Item], tick: Callable[[], None], every_s: float = 1.0) -> Iterator[Item]:
    """Yields the items; as soon as one is given out, another thread gets the next, and never the one after it.

    `tick` is called in the caller's thread, again and again while an item is waited for; it may raise. An error of the
    items comes in its place, after all items before it. Where the caller stops early, nobody waits for what the thread
    is at; it is a daemon and ends with the process.
    """
    following = _Next(items)
    while True:
        try:
            item = following.taken(tick, every_s)
        except _End:
            return
        following = _Next(items)
        yield item


class _Next(Generic[Item]):
    """The next item, on its way."""

    def __init__(self, items: Iterator[Item]) -> None:
        self._items = items
        self._item: Future[Item] = Future()
        Thread(target=with_context(self._get), name="read-ahead", daemon=True).start()

    def taken(self, tick: Callable[[], None], every_s: float) -> Item:
        """The item, once it is there. Raises what getting it has raised, `_End` after the last."""
        while not wait([self._item], every_s).done:
            tick()
        return self._item.result()

    def _get(self) -> None:
        try:
            self._item.set_result(next(self._items))
        except StopIteration:
            self._item.set_exception(_End())
        except BaseException as err:  # it is raised where the item is waited for
            self._item.set_exception(err)
