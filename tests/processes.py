"""Processes that a test starts in order to kill; none outlives it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any

Start = Callable[..., BaseProcess]


@contextmanager
def started_processes(context: ForkServerContext) -> Iterator[Start]:
    """Starts `target(*args)` in a process of its own, and in the end kills what still runs."""
    running: list[BaseProcess] = []

    def start(target: Callable[..., Any], *args: Any) -> BaseProcess:
        process = context.Process(target=target, args=args)
        process.start()
        running.append(process)
        return process

    yield start
    for process in running:
        if process.is_alive():
            process.kill()
        process.join()
