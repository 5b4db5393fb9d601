"""Output for people and programs: tables and sentences, or the API's JSON as it is. Owns rich."""

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


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints aligned columns, as wide as their content; numbers stand to the right."""
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
    """Prints names and values below each other, without those that are unknown."""
    known = [(words(name), value) for name, value in about if value not in (None, "")]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        console().print(Text(f"{name:<{width}}  ").append_text(cell(value)), soft_wrap=True)


def cell(value: object) -> Text:
    """Text of a value, a status in its colour."""
    text = clean(value)
    return Text(text, style=COLOURS.get(text, ""))
