"""`months`: what each month costs, what was invoiced for it, and what is left between the two."""

import click

from cli.days import MONTH
from cli.json_object import JsonObject
from cli.screen import say, table
from cli.session import Api, asks_api
from cli.text import words

LEFT_OUT_FIRST = ("STATUS", "INVOICES")  # where a terminal is narrow


@click.command()
@click.option(
    "--since", "start", type=MONTH, help="The first month: YYYY-MM, last; the 13 until the last, if left out."
)
@click.option("--until", "end", type=MONTH, help="The last one, inclusive; this month, if left out.")
@asks_api
def months(api: Api, start: str | None, end: str | None) -> None:
    """Tell whether months tie to their invoices: costs, invoices, and the residual by its parts."""
    query = {"start": start and start[:7], "end": end and end[:7]}
    api.screen.answer(api.call("GET", "costs", api.org, "months", query=query), _show)


def _show(body: JsonObject) -> None:
    if not body["months"]:
        say(f"Nothing was charged or invoiced from {body['start']} to {body['end']}.")
        return
    columns = ("MONTH", "OF", "STATUS", "COST", "INVOICED", "RESIDUAL", "INVOICES", "WHY")
    table(columns, [_row(each) for each in body["months"]], LEFT_OUT_FIRST)


def _row(month: JsonObject) -> list[object]:
    amounts = [_unless_null(month[name]) for name in ("cost", "invoice_total", "residual")]
    parts = [_part(each) for each in month["parts"]]
    if month["unexplained"] not in (None, "0"):
        why = month.get("unexplained_reason")
        parts.append(f"unexplained {month['unexplained']}" + (f" ({words(why)})" if why else ""))
    of = f"{month['provider']} {month['currency']}"
    return [month["month"], of, month["status"], *amounts, _unless_null(month["invoices"]), ", ".join(parts)]


def _part(part: JsonObject) -> str:
    name = words(part["name"])
    return name if part["amount"] is None else f"{name} {part['amount']}"


def _unless_null(value: str | None) -> str:
    return "?" if value is None else value
