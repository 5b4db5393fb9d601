"""`invoices`: what providers have billed an org."""

from typing import BinaryIO

import click

from cli.consent import confirm, yes_option
from cli.failures import Usage
from cli.json_object import JsonObject
from cli.screen import say, table
from cli.session import Api, asks_api
from cli.text import words

REQUIRED = ("number", "issuer", "month", "total", "currency")
LEFT_OUT_FIRST = ("CREDITS", "PRIORITY TIER", "ISSUED ON", "TAX")  # where a terminal is narrow


@click.group()
def invoices() -> None:
    """Invoices of providers: with them, months can be closed."""


@invoices.command("add")
@click.argument("number", required=False)
@click.option("--issuer", help="Id of the provider whose costs it bills.")
@click.option("--month", help="Month that is billed: YYYY-MM.")
@click.option("--total", help="What is to be paid, tax included, such as 1234.56.")
@click.option("--currency", help="ISO 4217, such as USD.")
@click.option("--tax", help="The tax in it, where known; 0 for none.")
@click.option("--credits", help="Credits and prepaid grants that it takes off, such as -25.00.")
@click.option("--priority-tier", help="What it bills for the priority tier.")
@click.option("--issued-on", help="Date of the invoice: YYYY-MM-DD.")
@click.option("--csv", "file", type=click.File("rb"), help="Many, with a header row of these names; - reads stdin.")
@asks_api
def add_invoices(api: Api, /, number: str | None, file: BinaryIO | None, **fields: str | None) -> None:
    """Record the invoice NUMBER, or those of a CSV file. One that is known is corrected."""
    told = {name: value for name, value in {"number": number, **fields}.items() if value is not None}
    if file is not None:
        if told:
            raise Usage("Give a CSV file or one invoice, not both.")
        answer = api.call("POST", "organizations", api.org, "invoices", csv=file.read())
    else:
        if missing := [name for name in REQUIRED if name not in told]:
            raise Usage(f"An invoice needs {', '.join(missing)}; or give --csv FILE.")
        answer = api.call("POST", "organizations", api.org, "invoices", body=told)
    api.screen.answer(answer, lambda body: say(body["message"]))


@invoices.command("list")
@asks_api
def list_invoices(api: Api) -> None:
    """List the invoices that count, the latest month first."""
    api.screen.answer(api.call("GET", "organizations", api.org, "invoices"), _show)


@invoices.command("remove")
@click.argument("number")
@click.option("--issuer", required=True, help="Provider whose costs it bills.")
@yes_option
@asks_api
def remove_invoice(api: Api, number: str, issuer: str, yes: bool) -> None:
    """Count the invoice NUMBER no more. Asks first."""
    confirm(f"The invoice {number} of {issuer} counts no more. Go on?", yes=yes)
    query = {"issuer": issuer, "number": number}
    answer = api.call("DELETE", "organizations", api.org, "invoices", query=query)
    api.screen.answer(answer, lambda body: say(body["message"]))


def _show(body: JsonObject) -> None:
    if not body["invoices"]:
        say("No invoice was told.")
        return
    names = ("month", "issuer", "number", "total", "currency", "tax", "credits", "priority_tier", "issued_on")
    rows = [["" if each[name] is None else each[name] for name in names] for each in body["invoices"]]
    table([words(name).upper() for name in names], rows, LEFT_OUT_FIRST)
