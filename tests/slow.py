"""Files of tests that take long, named in `slow.txt` with the CPU seconds that each took.

`make test-fast` leaves them out, and `make test` begins with them: whoever is given a long file last works on alone.
tests/conftest.py makes the hook known; tests/cpu_seconds.py measures, and writes the list.
"""

from pathlib import Path

import pytest

LIST = Path(__file__).with_suffix(".txt")


def slow_files() -> dict[str, int]:
    """CPU seconds by path, from the root of the project."""
    lines = [line.split() for line in LIST.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {path: int(seconds) for seconds, path in lines}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks their tests; a worker of pytest-xdist takes the longest files first, and keeps each together."""
    slow = {config.rootpath / path: seconds for path, seconds in slow_files().items()}
    for item in items:
        if item.path in slow:
            item.add_marker(pytest.mark.slow)
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: -slow.get(item.path, 0))
