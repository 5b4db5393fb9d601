"""Output for people and programs: tables and sentences, or the API's JSON as it is. Owns rich."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.http import Answer
from cli.json_object import JsonObject
from cli.readable import readable
from cli.text import clean, escaped_json, words

COLOURS = {
    "SUCCESS": "green", "VALID": "green", "ACTIVE": "green", "RUNNING": "cyan", "PENDING": "yellow",
    "FAILED": "red", "INVALID": "red", "CANCELLED": "magenta", "SUSPENDED": "red",
}  # fmt: skip
UNBOUNDED = 4096  # columns, where there is no terminal
FOLDED = 24  # columns that a folded one needs at least
SPACE = "  "  # between columns
Show = Callable[[JsonObject], None]


@dataclass(frozen=True)
class Screen:
    """Standard output of a command."""

    as_json: bool

    def answer(self, answer: Answer, show: Show) -> None:
        """Prints the API's JSON alone if that was asked for, else calls `show`."""
        if self.as_json:
            click.echo(escaped_json(answer.text.strip()))
        else:
            show(answer.body)


def say(text: object) -> None:
    """Prints one line."""
    click.echo(clean(text))


def console(*, stderr: bool = False) -> Console:
    """Console of the terminal; without one, lines are as long as their text."""
    console = Console(markup=False, emoji=False, highlight=False, stderr=stderr)
    if not console.is_terminal:
        console.width = UNBOUNDED
    return console


def width() -> int:
    """Columns that a line may take; without a terminal it may take any number."""
    return console().width


def on_terminal() -> bool:
    """Whether a person reads standard output."""
    return console().is_terminal


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], left_out_first: Sequence[str] = ()) -> None:
    """Prints aligned columns, numbers to the right.

    Where a terminal is too narrow, the columns named are left out, in this order; then the last one is folded; and
    where that is not enough, each row becomes lines of names and values, of all columns.
    """
    cells = [[*row] for row in rows]
    columns_of_screen = width()
    for count in range(len(left_out_first) + 1):
        left_out = left_out_first[:count]
        kept = [at for at, name in enumerate(columns) if name not in left_out]
        names, shown = [columns[at] for at in kept], [[row[at] for at in kept] for row in cells]
        *others, last = _widths(names, shown)
        if sum(others) + len(SPACE) * len(others) + min(last, FOLDED) <= columns_of_screen:
            _aligned(names, shown, columns_of_screen)
            if left_out:
                click.echo(f"(left out: {', '.join(filter(None, left_out))})")
            return
    _stacked(columns, cells)


def facts(about: Iterable[tuple[str, object]]) -> None:
    """Prints names and values below each other, without those that are unknown; times and sizes for people."""
    known = [readable(name, value) for name, value in about if value not in (None, "")]
    _pairs([(words(name), value) for name, value in known])


def _aligned(columns: Sequence[str], cells: Sequence[Sequence[object]], width: int) -> None:
    printed = Table(box=None, pad_edge=False, header_style="bold")
    last = len(columns) - 1
    for number, name in enumerate(columns):
        right = any(isinstance(row[number], int | Decimal) for row in cells)
        printed.add_column(name, justify="right" if right else "left", no_wrap=number != last, overflow="fold")
    for row in cells:
        printed.add_row(*map(cell, row))
    screen = console()
    screen.width = width
    with screen.capture() as captured:
        screen.print(printed)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _stacked(columns: Sequence[str], cells: Iterable[Sequence[object]]) -> None:
    for number, row in enumerate(cells):
        if number:
            click.echo()
        _pairs([(name.lower(), value) for name, value in zip(columns, row, strict=True) if value not in (None, "")])


def _pairs(pairs: Sequence[tuple[str, object]]) -> None:
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        console().print(Text(f"{name:<{width}}  ").append_text(cell(value)), soft_wrap=True)


def _widths(columns: Sequence[str], cells: Sequence[Sequence[object]]) -> list[int]:
    return [max(cell_len(clean(row[at])) for row in [columns, *cells]) for at in range(len(columns))]


def cell(value: object) -> Text:
    """Text of a value, a status in its colour."""
    text = clean(value)
    return Text(text, style=COLOURS.get(text, ""))
