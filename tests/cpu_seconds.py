"""CPU seconds of each file of tests, and the list of slow ones that is made of them.

    CPU_SECONDS=/tmp/seconds make test
    .venv/bin/python -m tests.cpu_seconds /tmp/seconds 2     # files that take 2 or more, into tests/slow.txt

Seconds are of the worker and of all that descends from it, as /proc tells them. A machine that others use, too, tells
more than an idle one.
"""

import json
import os
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slow import LIST

TICKS = os.sysconf("SC_CLK_TCK")
HEAD = "# CPU seconds of the files of tests that take {} or more, and are left out by make test-fast: tests/slow.py\n"


def pytest_configure(config: pytest.Config) -> None:
    """Measures where it is asked to."""
    if folder := os.environ.get("CPU_SECONDS"):
        config.pluginmanager.register(Measured(Path(folder)))


class Measured:
    """Plugin of one worker, which writes a file of its own at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seconds: defaultdict[str, float] = defaultdict(float)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Counts a test with its fixtures."""
        before = _seconds_so_far()
        try:
            return (yield)
        finally:
            self._seconds[item.nodeid.partition("::")[0]] += _seconds_so_far() - before

    def pytest_sessionfinish(self) -> None:
        """Writes what this worker has run."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"{os.getpid()}.json").write_text(json.dumps(self._seconds), encoding="utf-8")


def _seconds_so_far() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime + _living(os.getpid())


def _living(ancestor: int) -> float:
    """Seconds of the processes that descend from one, and of those of theirs that have ended."""
    parents, seconds = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            told = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(stat.parent.name)
        parents[pid], seconds[pid] = int(told[1]), sum(map(int, told[11:15])) / TICKS
    found, left = 0.0, [ancestor]
    while left:
        left = [pid for pid, parent in parents.items() if parent in left]
        found += sum(seconds[pid] for pid in left)
    return found


def write_list(folder: Path, least: float) -> None:
    """Writes `slow.txt` anew from what workers have measured."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for file in folder.glob("*.json"):
        for path, took in json.loads(file.read_text(encoding="utf-8")).items():
            seconds[path] += took
    slow = sorted((-round(took), path) for path, took in seconds.items() if took >= least)
    lines = [f"{-took:3} {path}\n" for took, path in slow]
    LIST.write_text(HEAD.format(f"{least:g}") + "".join(lines), encoding="utf-8")
    left = sum(took for took in seconds.values() if took < least)
    sys.stdout.write(f"{sum(seconds.values()):.0f} CPU seconds; {left:.0f} of files that take less than {least:g}\n")


if __name__ == "__main__":
    write_list(Path(sys.argv[1]), float(sys.argv[2]))
