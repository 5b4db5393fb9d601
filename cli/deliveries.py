"""`deliveries`: what became of the events that were to be posted to an org's webhook."""

import click

from cli.json_object import JsonObject
from cli.readable import ago
from cli.screen import say, table
from cli.session import Api, asks_api
from cli.text import words

COLUMNS = ("TOLD", "EVENT", "STATE", "POSTS", "ANSWER", "NEXT POST")
LEFT_OUT_FIRST = ("POSTS", "NEXT POST")  # where a terminal is narrow


@click.command()
@click.option("--limit", type=click.IntRange(1, 50), default=20, show_default=True, help="How many at most.")
@asks_api
def deliveries(api: Api, limit: int) -> None:
    """List the newest events that were to be posted to the webhook, of the last thirty days."""
    answer = api.call("GET", "organizations", api.org, "webhook", "deliveries", query={"limit": limit})
    api.screen.answer(answer, _show)


def _show(body: JsonObject) -> None:
    if not body["deliveries"]:
        say("Nothing was to be posted in the last thirty days. `cloudact webhook test` sends a ping.")
        return
    table(COLUMNS, map(_row, body["deliveries"]), LEFT_OUT_FIRST)


def _row(delivery: JsonObject) -> list[object]:
    """Cells of a delivery; the answer is how its last post failed."""
    status = delivery["http_status"]
    return [
        ago(delivery["told_at"]),
        delivery["type"],
        words(delivery["state"]),
        delivery["attempts"],
        delivery["error"] or "" if status is None else f"HTTP {status}",
        ago(delivery["next_attempt_at"]) if delivery["next_attempt_at"] else "",
    ]
