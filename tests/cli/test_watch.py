"""The live view of a run: what it shows on a terminal of which width, and of how long."""

from typing import Any

import pytest
from rich.console import Console

from cli.watch import Picture

STEPS = [
    {"step_name": "extract", "status": "SUCCESS", "rows_processed": 2033, "progress": None, "messages": []},
    {
        "step_name": "reconcile", "status": "RUNNING", "rows_processed": None, "progress": None,
        "messages": [{"text": "first"}, {"text": "The rows cost 3605.94 USD; OpenAI's own total is the same."}],
    },
    {"step_name": "load", "status": "PENDING", "rows_processed": None, "progress": "page 3 of 9", "messages": []},
]  # fmt: skip
RUN: dict[str, Any] = {"pipeline_id": "acme-openai-usage_cost", "date": "2026-11-10", "status": "RUNNING"}


def drawn(picture: Picture, width: int) -> list[str]:
    console = Console(width=width, color_system=None, force_terminal=True)
    with console.capture() as captured:
        console.print(picture)
    return [line.rstrip() for line in captured.get().splitlines()]


@pytest.mark.parametrize(("now_s", "elapsed"), [(10.2, "0 s"), (22.9, "12 s"), (135.0, "2 min 5 s")])
def test_time_passes(now_s: float, elapsed: str) -> None:
    """Each drawing tells how long the run has been watched, though nothing has been read since."""
    clock = iter([10.0, now_s])
    picture = Picture(lambda: next(clock))
    picture.show(RUN)
    assert drawn(picture, 80)[0].endswith(f"acme-openai-usage_cost 2026-11-10  RUNNING  {elapsed}")


@pytest.mark.parametrize("width", [40, 80])
def test_what_a_step_says(width: int) -> None:
    """Each step is told with its rows and what it said last, its progress before its messages, folded to the width."""
    picture = Picture(lambda: 0.0)
    picture.show({**RUN, "steps": STEPS})
    lines = drawn(picture, width)
    assert max(map(len, lines)) <= width
    assert "  extract  SUCCESS  2033 rows" in lines
    assert "    page 3 of 9" in lines
    words = " ".join(line.strip() for line in lines)
    assert ("The rows cost 3605.94 USD; OpenAI's own total" in words, "first" in words) == (True, False)


def test_nothing_is_known_yet() -> None:
    """Before the first reading nothing is shown."""
    assert drawn(Picture(lambda: 0.0), 40) == [""]
