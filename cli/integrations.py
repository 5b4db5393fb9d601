"""`integrations`: the providers that an org has connected."""

import json
from typing import Any

import click

from cli.completion import complete_provider
from cli.consent import confirm, yes_option
from cli.credential import ask_credential, check_keyless, keyless
from cli.failures import EndedBadly, Usage
from cli.json_object import JsonObject
from cli.readable import ago
from cli.screen import facts, table
from cli.session import Api, asks_api
from cli.text import words

PROVIDER = click.argument("provider", shell_complete=complete_provider)
COLUMNS = ("provider", "status", "auth", "credential_name", "fingerprint", "validated_at", "last_error")

LEFT_OUT_FIRST = ("FINGERPRINT", "CREDENTIAL NAME", "AUTH")  # where a terminal is narrow


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
        check_keyless(api, provider, credential_file, options["project"])
        credential = keyless(api, provider, options["project"], settings, yes=yes)
    elif options["project"] or options["dataset"]:
        raise Usage("--project and --dataset go with --keyless; settings are given with --metadata.")
    else:
        credential = ask_credential(api, provider, credential_file)
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
    table(titles, [[_short(name, each[name]) for name in COLUMNS] for each in body["integrations"]], LEFT_OUT_FIRST)


def _short(name: str, value: object) -> object:
    return ago(value) if name.endswith("_at") else value
