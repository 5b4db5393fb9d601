"""`webhook`: the address to which events of an org are posted."""

import click

from cli.consent import confirm, yes_option
from cli.json_object import JsonObject
from cli.screen import facts, say
from cli.session import Api, asks_api

EVENTS = (
    "run_failed",
    "cost_fell",
    "cost_anomaly",
    "budget_threshold",
    "budget_forecast",
    "balance_low",
    "dates_given_up",
    "integration_invalid",
    "quota_near",
    "quota_reached",
)


@click.group()
def webhook() -> None:
    """The webhook: where to send events, and which."""


@webhook.command("show")
@asks_api
def show_webhook(api: Api) -> None:
    """Show where events are sent; the signing secret is shown by `set`."""
    api.screen.answer(api.call("GET", "organizations", api.org, "webhook"), _show)


@webhook.command("set")
@click.argument("url")
@click.option("--event", "events", type=click.Choice(EVENTS), multiple=True, help="All, if left out. May be repeated.")
@click.option("--rotate-secret", is_flag=True, help="Sign with a new secret; the one before ends at once.")
@yes_option
@asks_api
def set_webhook(api: Api, url: str, events: tuple[str, ...], rotate_secret: bool, yes: bool) -> None:
    """Send events to URL, and show the secret that they are signed with. Asks first if that changes."""
    if rotate_secret:
        confirm(f"The signing secret of {api.org} ends at once. Go on?", yes=yes)
    fields: JsonObject = {"url": url, "events": [*events] or None, "rotate_secret": rotate_secret or None}
    body = {name: value for name, value in fields.items() if value is not None}
    api.screen.answer(api.call("PUT", "organizations", api.org, "webhook", body=body), _show)


@webhook.command("delete")
@yes_option
@asks_api
def delete_webhook(api: Api, yes: bool) -> None:
    """Send no more events. Asks first."""
    confirm(f"Send no more events of {api.org}?", yes=yes)
    api.screen.answer(api.call("DELETE", "organizations", api.org, "webhook"), _show)


@webhook.command("test")
@asks_api
def test_webhook(api: Api) -> None:
    """Send a test event, a `ping`."""
    answer = api.call("POST", "organizations", api.org, "webhook", "test")
    api.screen.answer(answer, lambda body: say(f"{body['message']} Its id is {body['id']}."))


def _show(body: JsonObject) -> None:
    if body["url"] is None:
        say("No webhook is set up.")
        return
    shown = {**body, "events": ", ".join(body["events"])}
    facts((name, shown[name]) for name in ("url", "events", "updated_at", "signing_secret") if name in shown)
