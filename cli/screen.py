"""What people and programs read: tables and sentences, or the API's JSON as it is. Owns rich."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.http import Answer
from cli.json_object import JsonObject
from cli.text import clean, escaped_json, words

COLOURS = {
    "SUCCESS": "green", "VALID": "green", "ACTIVE": "green", "RUNNING": "cyan", "PENDING": "yellow",
    "FAILED": "red", "INVALID": "red", "CANCELLED": "magenta", "SUSPENDED": "red",
}  # fmt: skip
UNBOUNDED = 4096  # columns: a terminal wraps lines better than a table folds its cells
Show = Callable[[JsonObject], None]


@dataclass(frozen=True)
class Screen:
    """Standard output."""

    as_json: bool

    def answer(self, answer: Answer, show: Show) -> None:
        """The API's JSON and nothing else where that was asked for, else what `show` prints."""
        if self.as_json:
            click.echo(escaped_json(answer.text.strip()))
        else:
            show(answer.body)


def say(text: object) -> None:
    """One line."""
    click.echo(clean(text))


def console(*, stderr: bool = False) -> Console:
    """The terminal; without one, lines are as long as they are."""
    console = Console(markup=False, emoji=False, highlight=False, stderr=stderr)
    if not console.is_terminal:
        console.width = UNBOUNDED
    return console


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Aligned columns, as wide as what is in them; numbers stand to the right."""
    cells = [[*row] for row in rows]
    printed = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(columns):
        right = any(isinstance(row[number], int) for row in cells)
        printed.add_column(name, justify="right" if right else "left", no_wrap=True)
    for row in cells:
        printed.add_row(*map(cell, row))
    screen = console()
    screen.width = UNBOUNDED
    with screen.capture() as captured:
        screen.print(printed)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def facts(about: Iterable[tuple[str, object]]) -> None:
    """Names and values below each other; what is unknown is left out."""
    known = [(words(name), value) for name, value in about if value not in (None, "")]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        console().print(Text(f"{name:<{width}}  ").append_text(cell(value)), soft_wrap=True)


def cell(value: object) -> Text:
    """A value, a status in its colour."""
    text = clean(value)
    return Text(text, style=COLOURS.get(text, ""))
