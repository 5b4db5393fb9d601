"""What is imported and built with the first request that needs it."""

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from functions.composition import compose
from functions.routes import public_app
from functions.web.later import Later, built_once, imported, importing_later
from tests.conftest import Local

THREADS = 8


def test_names_are_imported_when_they_are_used() -> None:
    """An import in the context imports nothing, whoever imports beside it; a call or `imported` makes up for it."""
    with importing_later(__name__):
        from colorsys import rgb_to_hsv
        from wave import WAVE_FORMAT_PCM

        with ThreadPoolExecutor(1) as other:
            assert (
                other.submit(exec, "from fractions import Fraction; Fraction(1)", {"__name__": "other"}).result()
                is None
            )
    assert isinstance(rgb_to_hsv, Later)
    assert "wave" not in sys.modules
    assert rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)
    assert imported(WAVE_FORMAT_PCM) == 1
    assert imported(THREADS) == THREADS
    from colorsys import hsv_to_rgb

    assert not isinstance(hsv_to_rgb, Later)


def test_what_there_is_not_is_found_out() -> None:
    """A name that its module has not, and a module that there is not, raise as imports do."""
    with pytest.raises(AttributeError, match="no_such_name"):
        imported(Later("colorsys", "no_such_name"))
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        Later("no_such_module", "name")()


class Slow:
    """Builds slowly what another part needs too."""

    def __init__(self) -> None:
        self.builds: list[str] = []

    @built_once
    def one(self) -> object:
        """Takes its time."""
        time.sleep(0.02)
        self.builds.append("one")
        return object()

    @built_once
    def both(self) -> Sequence[object]:
        """Has the other."""
        self.builds.append("both")
        return [self.one]


def test_threads_share_what_the_first_has_built() -> None:
    """Threads that need a part at once, directly or by way of another, all get the one that was built."""
    slow, begin = Slow(), Barrier(THREADS)

    def ask(number: int) -> object:
        begin.wait(timeout=60)
        return slow.one if number % 2 else slow.both[0]

    with ThreadPoolExecutor(THREADS) as threads:
        found = set(map(id, threads.map(ask, range(THREADS))))
    assert len(found) == 1
    assert sorted(slow.builds) == ["both", "one"]


def test_first_requests_at_once_share_a_room(local: Local) -> None:
    """Eight first requests for one room are answered alike, by collaborators that are the same for all."""
    rooms, begin = compose(local.settings, local.clock), Barrier(THREADS)
    app = public_app(rooms)

    def ask(_: int) -> tuple[int, object]:
        client = app.test_client()
        begin.wait(timeout=60)
        return client.get("/api/v1/costs/acme").status_code, rooms.costs

    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(ask, range(THREADS)))
    assert {status for status, _ in found} == {401}
    assert all(costs is rooms.costs for _, costs in found)
