"""Documents of an org that a command replaces as a whole: read from a file, and only over the version that was seen."""

import json
from typing import TextIO

import click

from cli.failures import Usage
from cli.json_object import JsonObject
from cli.screen import say
from cli.session import Api
from cli.text import escaped_json


def document(file: TextIO, name: str) -> JsonObject:
    """JSON object of the file. Raises `Usage` where it has none."""
    try:
        found = json.loads(file.read())
    except ValueError as err:
        raise Usage(f"{file.name} is no JSON: {err}.") from err
    if not isinstance(found, dict):
        raise Usage(f'{file.name} must have a JSON object, {{"{name}": [...]}}.')
    return found


def only_over(api: Api, name: str, version: int | None) -> dict[str, str]:
    """Header that lets a request replace this version alone; none for `None`. Raises `Usage` where another counts."""
    if version is None:
        return {}
    answer = api.call("GET", "organizations", api.org, name)
    if answer.body["version"] != version:
        raise Usage(f"Version {answer.body['version']} counts, not {version}.")
    return {"If-Match": answer.headers["etag"]}


def version_line(body: JsonObject, name: str) -> str:
    """Sentence about the version of a document."""
    if not body["version"]:
        return f"There are no {name} yet."
    return f"Version {body['version']}, recorded at {body['recorded_at']} by {body['recorded_by']}."


def show_outcome(body: JsonObject, name: str) -> None:
    """Says what became of a document that was put."""
    if body["outcome"] == "unchanged":
        say("Nothing has changed.")
    say(version_line(body, name))


def print_document(body: JsonObject, name: str) -> None:
    """Prints the document as the file that `set` reads, and its version beside it, on standard error."""
    click.echo(escaped_json(json.dumps({name: body[name]}, indent=2, ensure_ascii=False)))
    click.echo(version_line(body, name), err=True)
