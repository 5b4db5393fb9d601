"""`members`: who may act for an org."""

import click

from cli.json_object import JsonObject
from cli.pages import after_option, say_more
from cli.readable import ago
from cli.screen import say, table
from cli.session import Api, asks_api


@click.command()
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many at most.")
@after_option
@asks_api
def members(api: Api, /, **query: object) -> None:
    """List the people who may act for the organization, by their ids at the identity provider."""
    api.screen.answer(api.call("GET", "organizations", api.org, "members", query=query), _show)


def _show(body: JsonObject) -> None:
    if not body["members"]:
        say("Nobody is a member. Whoever runs the service can make the first owner: cloudact orgs add-member")
        return
    rows = [[each["role"], ago(each["since"]), each["user_id"]] for each in body["members"]]
    table(("ROLE", "SINCE", "MEMBER"), rows)  # ids are long, and the last column is folded
    say_more(body)
