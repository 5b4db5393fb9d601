"""Credentials of a provider: from a file, from standard input, asked for, or keyless."""

import sys
from pathlib import Path

import click

from cli.consent import confirm
from cli.failures import Usage
from cli.json_object import JsonObject
from cli.session import Api
from cli.text import clean

WAYS = ["key", "key_file", "keyless"]


def check_keyless(api: Api, provider: str, credential_file: str | None, project: str | None) -> None:
    """Raises `Usage` where a keyless credential is not what the provider takes, or its project is not named."""
    if not project:
        raise Usage("Where shall the service account be? Give --project.")
    taken = _taken(api)
    if credential_file or "keyless" not in _ways(taken, provider):
        names = [name for name, ways in taken.items() if "keyless" in ways]
        raise Usage(f"--keyless is for {', '.join(names)}, and instead of --credential-file.")


def _ways(taken: dict[str, list[str]], provider: str) -> list[str]:
    if provider not in taken:
        raise Usage(f"There is no provider {provider}; there are {', '.join(taken)}.")
    return taken[provider]


def _taken(api: Api) -> dict[str, list[str]]:
    """Ways in which each provider takes a credential. An older API lists none, and judges what it is sent."""
    listed = api.call("GET", "integrations", api.org).body["integrations"]
    return {each["provider"]: each.get("takes", WAYS) for each in listed}


def keyless(api: Api, provider: str, project: str, settings: JsonObject, *, yes: bool) -> dict[str, str]:
    """Credential, after its owner has confirmed that the printed commands have been run; with --json on stderr."""
    query = {
        "project": project,
        "source_project": settings.get("source_project"),
        "dataset": settings.get("source_dataset"),
    }
    shown = api.call("GET", "integrations", api.org, provider, "keyless", query=query).body
    for each in shown["commands"]:
        for line in (f"# {each['why']}", each["command"]):
            click.echo(clean(line), err=api.screen.as_json)
    confirm("Have these commands been run, by someone who may?", yes=yes)
    return dict(shown["credential"])


def ask_credential(api: Api, provider: str, file: str | None) -> str:
    """Credential from a file, from standard input (`-`), or asked for on the terminal, hidden."""
    if file == "-":
        text = sys.stdin.read()
    elif file:
        text = _read(Path(file))
    elif "key" not in _ways(_taken(api), provider):
        raise Usage("A service account's key is a file: give --credential-file.")
    elif not sys.stdin.isatty():
        raise Usage("There is no terminal to ask on: give --credential-file, or - for standard input.")
    else:
        text = str(click.prompt("Admin key", hide_input=True, err=True))
    if not text.strip():
        raise Usage("The credential is empty.")
    return text.strip()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as err:
        raise Usage(f"The credential file {path} cannot be read.") from err
