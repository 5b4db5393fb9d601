"""`integrations`: the providers that an org has connected."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from cli.completion import complete_provider
from cli.consent import confirm, yes_option
from cli.failures import EndedBadly, Usage
from cli.json_object import JsonObject
from cli.screen import facts, table
from cli.session import Api, asks_api
from cli.text import clean, words

PROVIDER = click.argument("provider", shell_complete=complete_provider)
WAYS = ["key", "key_file", "keyless"]
COLUMNS = ("provider", "status", "auth", "credential_name", "fingerprint", "validated_at", "last_error")


@click.group()
def integrations() -> None:
    """Providers: connect them, check them, disconnect them."""


@integrations.command()
@PROVIDER
@click.option(
    "--credential-file",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Where the credential is: a service account's key file, an admin key; - for standard input."
    " Without it, an admin key is asked for, hidden.",
)
@click.option("--name", "credential_name", help="What to call the credential.")
@click.option("--metadata", multiple=True, metavar="NAME=VALUE", help="A setting; JSON or text. May be repeated.")
@click.option(
    "--keyless",
    is_flag=True,
    help="Without a key: print what to run in your project, ask, connect.",
)
@click.option("--project", help="With --keyless: your project, where the service account will be and queries run.")
@click.option("--dataset", help="With --keyless: the billing export's dataset.")
@yes_option
@asks_api
def setup(
    api: Api,
    /,
    provider: str,
    credential_file: str | None,
    metadata: tuple[str, ...],
    yes: bool,
    **options: Any,
) -> None:
    """Connect PROVIDER, one of `integrations list`, or replace its credential.

    It is tried first, then encrypted; it cannot be read back.
    """
    settings = dict(map(_setting, metadata)) | ({"source_dataset": options["dataset"]} if options["dataset"] else {})
    credential: str | dict[str, str]
    if options["keyless"]:
        _check_keyless(api, provider, credential_file, options["project"])
        credential = _keyless(api, provider, options["project"], settings, yes=yes)
    elif options["project"] or options["dataset"]:
        raise Usage("--project and --dataset go with --keyless; settings are given with --metadata.")
    else:
        credential = _credential(api, provider, credential_file)
    fields = {
        "credential": credential,
        "credential_name": options["credential_name"],
        "metadata": settings or None,
    }
    body = {field: value for field, value in fields.items() if value is not None}
    answer = api.call("POST", "integrations", api.org, provider, "setup", body=body)
    api.screen.answer(answer, _show)


@integrations.command()
@PROVIDER
@asks_api
def validate(api: Api, provider: str) -> None:
    """Try PROVIDER's credential again; exit code 1 if it is INVALID."""
    answer = api.call("POST", "integrations", api.org, provider, "validate")
    api.screen.answer(answer, _show)
    if answer.body["status"] == "INVALID":
        raise EndedBadly("The credential does not work.")


@integrations.command("list")
@asks_api
def list_integrations(api: Api) -> None:
    """List the integrations and their status."""
    api.screen.answer(api.call("GET", "integrations", api.org), _show_all)


@integrations.command()
@PROVIDER
@yes_option
@asks_api
def delete(api: Api, provider: str, yes: bool) -> None:
    """Disconnect PROVIDER: its credential is forgotten. Asks first."""
    confirm(f"Forget the {provider} credential of {api.org}?", yes=yes)
    api.screen.answer(api.call("DELETE", "integrations", api.org, provider), _show)


def _check_keyless(api: Api, provider: str, credential_file: str | None, project: str | None) -> None:
    if not project:
        raise Usage("Where shall the service account be? Give --project.")
    if credential_file or "keyless" not in _ways(api, provider):
        names = [name for name, ways in _taken(api).items() if "keyless" in ways]
        raise Usage(f"--keyless is for {', '.join(names)}, and instead of --credential-file.")


def _ways(api: Api, provider: str) -> list[str]:
    taken = _taken(api)
    if provider not in taken:
        raise Usage(f"There is no provider {provider}; there are {', '.join(taken)}.")
    return taken[provider]


def _taken(api: Api) -> dict[str, list[str]]:
    """Ways in which each provider takes a credential. An older API lists none, and judges what it is sent."""
    listed = api.call("GET", "integrations", api.org).body["integrations"]
    return {each["provider"]: each.get("takes", WAYS) for each in listed}


def _keyless(api: Api, provider: str, project: str, settings: JsonObject, *, yes: bool) -> dict[str, str]:
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


def _credential(api: Api, provider: str, file: str | None) -> str:
    if file == "-":
        text = sys.stdin.read()
    elif file:
        text = _read(Path(file))
    elif "key" not in _ways(api, provider):
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


def _setting(text: str) -> tuple[str, object]:
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise Usage(f"--metadata is written NAME=VALUE, not {text}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _show(body: JsonObject) -> None:
    facts([(name, body[name]) for name in COLUMNS] + [("warning", text) for text in body.get("warnings", [])])


def _show_all(body: JsonObject) -> None:
    titles = [words(name).upper() for name in COLUMNS]
    table(titles, [[each[name] for name in COLUMNS] for each in body["integrations"]])
