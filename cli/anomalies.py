"""`anomalies`: what has changed in an org's costs."""

import click

from cli.days import DAY
from cli.json_object import JsonObject
from cli.screen import say, table
from cli.session import Api, asks_api
from cli.text import words

LEFT_OUT_FIRST = ("DAYS", "EXPECTED")  # where a terminal is narrow


@click.command()
@click.option("--end", type=DAY, help="Last of the 30 days that are looked at; yesterday if left out.")
@asks_api
def anomalies(api: Api, end: str | None) -> None:
    """Tell what has changed in the costs, since when and by how much; --json also has the queries that show it."""
    answer = api.call("GET", "costs", api.org, "anomalies", query={"end": end} if end else None)
    api.screen.answer(answer, _show)


def _show(body: JsonObject) -> None:
    if body["anomalies"]:
        columns = ("SINCE", "DAYS", "KIND", "AMOUNT", "EXPECTED", "CURRENCY", "OF")
        table(columns, [_row(each) for each in body["anomalies"]], LEFT_OUT_FIRST)
    else:
        say(f"Nothing unusual began from {body['start']} to {body['end']}.")
    days = ", ".join(f"{each['provider']} {each['date']}" for each in body["settled_until"])
    say(f"Judged are settled days: {days}." if days else "No day has settled yet.")


def _row(anomaly: JsonObject) -> list[object]:
    names = anomaly["names"]
    parts = [str(names.get(word) or value or "none") for word, value in anomaly["key"].items()]
    of = f"{words(anomaly['layer'])} {' / '.join(parts)}".strip()
    told = [anomaly[name] for name in ("since", "days", "kind", "amount", "expected", "currency")]
    return [*told, f"{of} (masked)" if anomaly["is_masked"] else of]
