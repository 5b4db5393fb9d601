"""Pages of lists: the option that goes on after an earlier one, and the words that tell of a following one."""

import click

from cli.json_object import JsonObject
from cli.screen import say

after_option = click.option("--cursor", help="Go on after an earlier page: its next_cursor.")


def say_more(body: JsonObject) -> None:
    """Says how to go on, where the page is not the last one."""
    if body.get("next_cursor"):
        say(f"There are more: --cursor {body['next_cursor']}")
