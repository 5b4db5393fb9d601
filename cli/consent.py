"""Confirmation of what cannot be undone."""

import sys
from collections.abc import Callable

import click

from cli.failures import Usage
from cli.text import clean

yes_option: Callable[[Callable[..., object]], Callable[..., object]] = click.option(
    "--yes", "-y", is_flag=True, help="Do not ask."
)


def confirm(question: str, *, yes: bool) -> None:
    """Asks, and aborts unless the answer is yes."""
    if not yes and not click.confirm(_asking(question), err=True):
        raise Usage("Not confirmed; nothing was done.")


def confirm_by_typing(question: str, name: str, *, yes: bool) -> None:
    """Asks for the name, and aborts unless it is typed again."""
    if not yes and click.prompt(_asking(question), err=True) != name:
        raise Usage("Not confirmed; nothing was done.")


def _asking(question: str) -> str:
    if not sys.stdin.isatty():
        raise Usage("This asks before it acts, and there is no terminal to ask on: give --yes.")
    return clean(question)
