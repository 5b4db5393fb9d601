"""`make test-fast` leaves out what is slow, and no more."""

from cloudact.settings import ROOT
from tests.slow import slow_files

AREAS = ("cli", "cloudact", "focus", "functions", "infra", "jobs", "localcloud", "providers")


def test_the_list_names_files() -> None:
    """Each is there, once, the slowest first."""
    listed = slow_files()
    assert [path for path in listed if not (ROOT / path).is_file()] == []
    assert list(listed.values()) == sorted(listed.values(), reverse=True)


def test_something_of_everything_is_left() -> None:
    """Each part of the product keeps tests that run while one works."""
    for area in AREAS:
        files = {str(path.relative_to(ROOT)) for path in (ROOT / "tests" / area).rglob("test_*.py")}
        assert files - slow_files().keys(), area
