"""`balances` and `runway`: what was paid to providers in advance, and how long it lasts."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import TextIO

import click

from cli.amounts import amount_of
from cli.budgets import not_known, rests_on
from cli.consent import confirm, yes_option
from cli.days import DAY
from cli.documents import document, only_over, print_document, show_outcome
from cli.json_object import JsonObject
from cli.screen import say, table
from cli.session import Api, asks_api

SOON = {0: "by now", 1: "tomorrow"}
LEFT_OUT_FIRST = ("AS OF", "BETWEEN", "A DAY")  # where a terminal is narrow


@click.group()
def balances() -> None:
    """Prepaid balances at providers, as somebody has read them there."""


@balances.command("show")
@click.option("--version", type=click.IntRange(1), help="An older version; the one that counts, if left out.")
@asks_api
def show_balances(api: Api, version: int | None) -> None:
    """Print the balances as the file that `set` reads, and their version beside it."""
    answer = api.call("GET", "organizations", api.org, "balances", query={"version": version})
    api.screen.answer(answer, partial(print_document, name="balances"))


@balances.command("set")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--over", type=click.IntRange(0), metavar="VERSION", help="Only if this version still counts.")
@yes_option
@asks_api
def set_balances(api: Api, file: TextIO, over: int | None, yes: bool) -> None:
    """Replace all balances by those of FILE (JSON; - reads standard input). Asks first."""
    body = document(file, "balances")
    confirm(f"All prepaid balances of {api.org} are replaced. Go on?", yes=yes)
    headers = only_over(api, "balances", over)
    answer = api.call("PUT", "organizations", api.org, "balances", body=body, headers=headers)
    api.screen.answer(answer, partial(show_outcome, name="balances"))


@balances.command("add")
@click.argument("provider")
@click.argument("amount")
@click.argument("currency")
@click.option("--as-of", type=DAY, help="UTC day at whose beginning this was left; today, if left out.")
@asks_api
def add_balance(api: Api, provider: str, amount: str, currency: str, as_of: str | None) -> None:
    """Enter the AMOUNT that is left at PROVIDER, such as `openai 5000 USD`; the older entries stay."""
    known = api.call("GET", "organizations", api.org, "balances")
    day = as_of or datetime.now(UTC).date().isoformat()
    entry = {"provider": provider, "currency": currency, "amount": amount, "as_of": day}
    same = ("provider", "currency", "as_of")
    others = [each for each in known.body["balances"] if any(each[name] != entry[name] for name in same)]
    headers = {"If-Match": known.headers["etag"]}
    body = {"balances": [*others, entry]}
    answer = api.call("PUT", "organizations", api.org, "balances", body=body, headers=headers)
    api.screen.answer(answer, partial(show_outcome, name="balances"))


@click.command()
@asks_api
def runway(api: Api) -> None:
    """Tell what is left of prepaid balances, and when they run out."""
    api.screen.answer(api.call("GET", "costs", api.org, "runway"), _show)


def _show(body: JsonObject) -> None:
    if not body["balances"]:
        say("There are no prepaid balances. `balances add` enters one.")
        return
    columns = ("PROVIDER", "", "AS OF", "BALANCE", "SPENT", "LEFT", "A DAY", "RUNS OUT", "BETWEEN")
    table(columns, [_row(each) for each in body["balances"]], LEFT_OUT_FIRST)
    say("")
    for each in body["balances"]:
        if each["unknown"]:
            say(f"{each['provider']}: not known: {not_known(each['unknown'])}.")
    rests_on(body["balances"])


def _row(each: JsonObject) -> list[object]:
    amounts = [
        "?" if each[name] is None else amount_of(Decimal(each[name])) for name in ("spent", "left", "daily_rate")
    ]
    span = "" if each["earliest"] == each["latest"] else f"{each['earliest']} … {each['latest'] or 'later'}"
    about = [each["provider"], each["currency"], each["as_of"], amount_of(Decimal(each["amount"]))]
    return [*about, *amounts, _end(each), span]


def _end(each: JsonObject) -> str:
    if each["left"] is not None and Decimal(each["left"]) <= 0:
        return f"{each['runs_out_on'] or ''}, used up".removeprefix(", ")
    if each["runs_out_on"]:
        days = each["days_left"]
        return f"{each['runs_out_on']}, {SOON.get(days) or f'in {days} days'}"
    return "?" if each["unknown"] else "not within five years"
