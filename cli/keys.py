"""`keys`: an org's API keys."""

import click

from cli.consent import confirm, yes_option
from cli.json_object import JsonObject
from cli.readable import ago, instant
from cli.screen import say, table
from cli.session import Api, asks_api
from cli.text import words

LEFT_OUT_FIRST = ("LAST USED DAY", "PREFIX")  # where a terminal is narrow


@click.group()
def keys() -> None:
    """API keys: which ones work, and the next one."""


@keys.command("show")
@asks_api
def show_keys(api: Api) -> None:
    """List the keys that work, by their fingerprints; keys themselves cannot be shown."""
    answer = api.call("GET", "organizations", api.org, "api-key")
    api.screen.answer(answer, lambda body: key_table(body["keys"]))


@keys.command()
@click.option("--grace-hours", type=click.IntRange(0, 168), help="How long the keys before it still work (24 h).")
@click.option("--expires-in-days", type=click.IntRange(1, 3650), help="When the new key ends; never, if left out.")
@yes_option
@asks_api
def rotate(api: Api, grace_hours: int | None, expires_in_days: int | None, yes: bool) -> None:
    """Make a new key and show it, this once. Asks first if the keys before it end at once."""
    if grace_hours == 0:
        confirm(f"All other keys of {api.org} stop working at once. Go on?", yes=yes)
    body = key_body(grace_hours, expires_in_days)
    answer = api.call("POST", "organizations", api.org, "api-key", "rotate", body=body, makes_key=True)
    api.screen.answer(answer, show_new_key)


def key_body(grace_hours: int | None, expires_in_days: int | None) -> dict[str, int]:
    """Body of a request for a new key."""
    fields = {"grace_hours": grace_hours, "expires_in_days": expires_in_days}
    return {name: value for name, value in fields.items() if value is not None}


def show_new_key(body: JsonObject) -> None:
    """Prints the new key, which no later call can show."""
    say(body["api_key"])
    text = f"This is shown once. Its fingerprint is {body['fingerprint']}."
    ends = body.get("old_keys_valid_until")
    say(f"{text} The keys before it work until {instant(ends)}." if ends else text)


def key_table(keys: list[JsonObject]) -> None:
    """Prints keys by their fingerprints."""
    names = ("fingerprint", "prefix", "created_at", "expires_at", "last_used_day")
    if not keys:
        say("No key works. An operator can make one: cloudact orgs new-key ORG")
        return
    rows = [[_short(name, key[name]) for name in names] for key in keys]
    table([words(name).upper() for name in names], rows, LEFT_OUT_FIRST)


def _short(name: str, value: object) -> object:
    return ago(value) if name.endswith("_at") else value
