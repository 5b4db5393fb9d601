"""`pipelines` and `quota`: the pipelines that can be run, and the runs that are left today."""

import click

from cli.completion import complete_provider
from cli.json_object import JsonObject
from cli.pipeline_names import written
from cli.screen import facts, say, table
from cli.session import Api, asks_api


@click.command()
@click.option("--provider", shell_complete=complete_provider, help="Only those of one provider.")
@asks_api
def pipelines(api: Api, provider: str | None) -> None:
    """List the pipelines that exist. Needs no key."""
    answer = api.call("GET", "validator", "pipelines", query={"provider": provider}, public=True)
    api.screen.answer(answer, _show)


@click.command()
@asks_api
def quota(api: Api) -> None:
    """Show how many runs are left of the UTC day."""
    names = ("org_slug", "plan", "subscription_status", "usage_date", "pipelines_today", "daily_limit", "remaining",
             "resets_at")  # fmt: skip
    answer = api.call("GET", "organizations", api.org, "quota")
    api.screen.answer(answer, lambda body: facts((name, body[name]) for name in names))


def _show(body: JsonObject) -> None:
    if not body["pipelines"]:
        say("No pipelines match; `cloudact pipelines` lists all.")
        return
    rows = [
        [
            entry["id"],
            written(entry),
            entry["required_integration"],
            "yes" if entry["enabled"] else "no",
            entry["description"],
        ]
        for entry in body["pipelines"]
    ]
    table(("ID", "PIPELINE", "NEEDS", "ENABLED", "WHAT"), rows)
