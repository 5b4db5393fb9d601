"""`orgs`: operators' commands for organizations, over the private function `ops`."""

import click

from cli.consent import confirm, confirm_by_typing, yes_option
from cli.json_object import JsonObject
from cli.keys import key_body, key_table, show_new_key
from cli.readable import ago
from cli.screen import facts, say, table
from cli.session import Ops, asks_ops

FACTS = ("org_slug", "name", "status", "dataset", "created_at", "plan", "subscription_status", "daily_limit")
ORG = click.argument("org")


@click.group()
def orgs() -> None:
    """Organizations, for operators: onboard, suspend, change, off-board."""


@orgs.command()
@ORG
@click.option("--name", help="Its name for people; the slug, if left out.")
@click.option("--plan", help="STARTER, PROFESSIONAL or SCALE; the default plan, if left out.")
@click.option("--reactivate", is_flag=True, help="Bring back an organization that was off-boarded.")
@asks_ops
def onboard(ops: Ops, org: str, name: str | None, plan: str | None, reactivate: bool) -> None:
    """Onboard ORG and show its first API key, this once. Called again, nothing changes."""
    fields = {"org_slug": org, "name": name, "plan": plan, "reactivate": reactivate or None}
    body = {field: value for field, value in fields.items() if value is not None}
    answer = ops.call("POST", body=body, makes_key=True)
    ops.screen.answer(answer, _show_onboarded)
    if "api_key" not in answer.body:
        click.echo(
            f"Its first key was shown when it was onboarded. For a new one: cloudact orgs new-key {org}", err=True
        )


@orgs.command("show")
@ORG
@asks_ops
def show_org(ops: Ops, org: str) -> None:
    """Show ORG: profile, subscription, integrations, keys by their fingerprints, members."""
    ops.screen.answer(ops.call("GET", org), _show)


@orgs.command()
@ORG
@asks_ops
def suspend(ops: Ops, org: str) -> None:
    """Suspend ORG: no run starts until it is activated again."""
    _subscribe(ops, org, status="SUSPENDED")


@orgs.command()
@ORG
@asks_ops
def activate(ops: Ops, org: str) -> None:
    """Activate ORG's subscription."""
    _subscribe(ops, org, status="ACTIVE")


@orgs.command()
@ORG
@click.argument("plan_id", metavar="PLAN")
@asks_ops
def plan(ops: Ops, org: str, plan_id: str) -> None:
    """Change ORG's plan: STARTER, PROFESSIONAL or SCALE."""
    _subscribe(ops, org, plan=plan_id)


@orgs.command()
@ORG
@click.option("--delete-data", is_flag=True, help="Delete its dataset too.")
@yes_option
@asks_ops
def offboard(ops: Ops, org: str, delete_data: bool, yes: bool) -> None:
    """End ORG's keys, subscription, credentials and memberships. Asks for its slug again."""
    data = " and deletes its dataset" if delete_data else ""
    confirm_by_typing(f"This off-boards {org}{data}. Type its slug again", org, yes=yes)
    answer = ops.call("DELETE", org, body={"confirm": org, "delete_data": delete_data})
    ops.screen.answer(answer, lambda body: say(body["message"]))


@orgs.command("new-key")
@ORG
@click.option("--grace-hours", type=click.IntRange(0, 168), help="How long the keys before it still work (24 h).")
@click.option("--expires-in-days", type=click.IntRange(1, 3650), help="When the new key ends; never, if left out.")
@yes_option
@asks_ops
def new_key(ops: Ops, org: str, grace_hours: int | None, expires_in_days: int | None, yes: bool) -> None:
    """Make a new API key for ORG, whose people lost theirs, and show it, this once."""
    if grace_hours == 0:
        confirm(f"All other keys of {org} stop working at once. Go on?", yes=yes)
    answer = ops.call("POST", org, "api-key", body=key_body(grace_hours, expires_in_days), makes_key=True)
    ops.screen.answer(answer, show_new_key)


@orgs.command("revoke-key")
@ORG
@click.argument("fingerprint")
@yes_option
@asks_ops
def revoke_key(ops: Ops, org: str, fingerprint: str, yes: bool) -> None:
    """Revoke the key of ORG that has this FINGERPRINT. Asks first."""
    confirm(f"Revoke the key {fingerprint} of {org}?", yes=yes)
    ops.screen.answer(ops.call("DELETE", org, "api-keys", fingerprint), lambda body: say(body["message"]))


@orgs.command("add-member")
@ORG
@click.argument("user_id")
@click.option(
    "--role",
    type=click.Choice(["owner", "admin", "member"]),
    default="member",
    show_default=True,
    help="What they may do.",
)
@asks_ops
def add_member(ops: Ops, org: str, user_id: str, role: str) -> None:
    """Let the person whose sessions have the subject USER_ID act for ORG; again, to change the role."""
    answer = ops.call("PUT", org, "members", user_id, body={"role": role})
    ops.screen.answer(answer, lambda body: say(body["message"]))


@orgs.command("remove-member")
@ORG
@click.argument("user_id")
@yes_option
@asks_ops
def remove_member(ops: Ops, org: str, user_id: str, yes: bool) -> None:
    """End the membership of USER_ID in ORG. Asks first."""
    confirm(f"Remove {user_id} from {org}?", yes=yes)
    ops.screen.answer(ops.call("DELETE", org, "members", user_id), lambda body: say(body["message"]))


def _subscribe(ops: Ops, org: str, **wish: str) -> None:
    ops.screen.answer(ops.call("POST", org, "subscription", body=wish), _show_subscription)


def _show_subscription(body: JsonObject) -> None:
    state = f"{body['org_slug']}: {body['subscription_status']}, plan {body['plan']}, {body['daily_limit']} runs a day."
    say(state if body["changed"] else f"{state} Nothing was changed.")


def _show_onboarded(body: JsonObject) -> None:
    say(body["message"])
    if "api_key" in body:
        show_new_key(body)


def _show(body: JsonObject) -> None:
    facts((name, body[name]) for name in FACTS)
    if body["integrations"]:
        say("")
        table(("INTEGRATION", "STATUS"), [[each["integration"], each["status"]] for each in body["integrations"]])
    if body["api_keys"]:
        say("")
        key_table(body["api_keys"])
    if body["members"]:
        say("")
        members = [[each["user_id"], each["role"], ago(each["since"])] for each in body["members"]]
        table(["MEMBER", "ROLE", "SINCE"], members)
