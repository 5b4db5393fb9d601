"""`labels`: rules that say which team, cost centre or environment a charge is of."""

from decimal import Decimal
from functools import partial
from typing import TextIO

import click

from cli.consent import confirm, yes_option
from cli.documents import document, only_over, print_document, show_outcome
from cli.json_object import JsonObject
from cli.screen import say, table
from cli.session import Api, asks_api

UNATTRIBUTED = "unattributed"


@click.group()
def labels() -> None:
    """Labels: which team, cost centre or environment costs are of."""


@labels.command("show")
@click.option("--version", type=click.IntRange(1), help="An older version; the one that counts, if left out.")
@asks_api
def show_labels(api: Api, version: int | None) -> None:
    """Print the labels as the file that `set` reads, and their version beside it."""
    answer = api.call("GET", "organizations", api.org, "labels", query={"version": version})
    api.screen.answer(answer, partial(print_document, name="labels"))


@labels.command("set")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--dry-run", is_flag=True, help="Tell what would change of the last 30 days, and change nothing.")
@click.option("--over", type=click.IntRange(0), metavar="VERSION", help="Only if this version still counts.")
@yes_option
@asks_api
def set_labels(api: Api, file: TextIO, dry_run: bool, over: int | None, yes: bool) -> None:
    """Replace all labels by those of FILE (JSON; - reads standard input), for all days. Asks first.

    Try it with --dry-run before.
    """
    body = document(file, "labels")
    if not dry_run:
        confirm(f"All labels of {api.org} are replaced, for all days. Go on?", yes=yes)
    headers = only_over(api, "labels", over)
    query = {"dry_run": "true"} if dry_run else None
    answer = api.call("PUT", "organizations", api.org, "labels", body=body, query=query, headers=headers)
    api.screen.answer(answer, _show_trial if dry_run else partial(show_outcome, name="labels"))


def _show_trial(body: JsonObject) -> None:
    trial = body["trial"]
    if not trial["changes"]:
        say(f"Nothing would change of {trial['start']} to {trial['end']}.")
        return
    say(f"Billed, {trial['start']} to {trial['end']}; nothing is changed yet")
    rows = []
    for each in trial["changes"]:
        before, after = Decimal(each["before"]), Decimal(each["after"])
        rows.append([
            each["label"], UNATTRIBUTED if each["value"] is None else each["value"], each["currency"],
            *(amount.quantize(Decimal("0.01")) for amount in (before, after, after - before)),
        ])  # fmt: skip
    table(("LABEL", "VALUE", "", "BEFORE", "AFTER", "CHANGE"), rows, ("CHANGE",))
