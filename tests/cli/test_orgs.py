"""`orgs` over the function `ops`, and `keys` over the API: from nothing to an org, and to its end."""

import itertools
import json
import sys

import pytest

from localcloud.onboarding import OnboardedOrg
from tests.cli.conftest import Shell

SLUGS = (f"cli_{number}" for number in itertools.count(1))


@pytest.fixture
def slug() -> str:
    return next(SLUGS)


def test_an_org_comes_and_is_used(shell: Shell, slug: str) -> None:
    """`orgs onboard` prints the key once, and the key alone says which org is meant; again, nothing changes."""
    done = shell("orgs", "onboard", slug, "--name", "New Inc", "--plan", "PROFESSIONAL")
    assert done.exit_code == 0, done.output
    key = next(line for line in done.stdout.splitlines() if line.startswith(f"{slug}_api_"))
    assert shell.json("quota", CLOUDACT_API_KEY=key)["org_slug"] == slug
    again = shell("orgs", "onboard", slug)
    assert (again.exit_code, "nothing was changed" in again.stdout, "_api_" in again.stdout) == (0, True, False)
    told = shell("orgs", "show", slug)
    assert (told.exit_code, "New Inc" in told.stdout, key in told.stdout) == (0, True, False)


def test_a_subscription_is_changed(shell: Shell, org: OnboardedOrg) -> None:
    """`suspend`, `activate` and `plan` say what holds now; a suspended org starts nothing."""
    assert "SUSPENDED" in shell("orgs", "suspend", org.org_slug).stdout
    refused = shell.of(org)("run", "gcp_billing")
    assert (refused.exit_code, "Current status: SUSPENDED" in refused.stderr) == (3, True)
    assert "ACTIVE" in shell("orgs", "activate", org.org_slug).stdout
    assert "Nothing was changed." in shell("orgs", "activate", org.org_slug).stdout
    assert shell.json("orgs", "plan", org.org_slug, "SCALE")["daily_limit"] == 100
    assert shell("orgs", "plan", org.org_slug, "GOLD").exit_code == 3


def test_an_org_goes_only_after_a_yes(shell: Shell, org: OnboardedOrg) -> None:
    """`orgs offboard` without a terminal needs --yes, whatever is typed."""
    assert shell("orgs", "offboard", org.org_slug, stdin=f"{org.org_slug}\n").exit_code == 2
    assert shell.of(org)("quota").exit_code == 0
    assert "is off-boarded" in shell("orgs", "offboard", org.org_slug, "--yes").stdout
    assert shell.json("orgs", "show", org.org_slug)["status"] == "OFFBOARDED"


def test_a_key_is_followed_by_the_next(customer: Shell) -> None:
    """`keys rotate` prints the new key and nothing else of it; `keys show` lists fingerprints."""
    done = customer("keys", "rotate", "--expires-in-days", "30")
    key, told = done.stdout.splitlines()
    assert (done.exit_code, "The keys before it work until" in told) == (0, True)
    listed = customer("keys", "show", CLOUDACT_API_KEY=key)
    assert (len(listed.stdout.splitlines()), key in listed.stdout) == (3, False)


def test_no_key_ends_at_once_without_a_yes(customer: Shell) -> None:
    """`keys rotate --grace-hours 0` without a terminal needs --yes."""
    assert customer("keys", "rotate", "--grace-hours", "0", stdin="y\n").exit_code == 2
    assert len(customer.json("keys", "show")["keys"]) == 1
    assert customer.json("keys", "rotate", "--grace-hours", "0", "--yes")["api_key"]


def test_operators_make_and_revoke_keys(shell: Shell, org: OnboardedOrg) -> None:
    """`orgs new-key` is for a customer who lost theirs; `orgs revoke-key` asks before it ends one."""
    new = shell.json("orgs", "new-key", org.org_slug)
    assert shell("orgs", "revoke-key", org.org_slug, new["fingerprint"]).exit_code == 2
    assert shell.json("orgs", "revoke-key", org.org_slug, new["fingerprint"], "--yes")["changed"]


def test_operators_add_and_remove_members(shell: Shell, org: OnboardedOrg) -> None:
    """`orgs add-member` lets someone act for the org, in a role that can change; `orgs remove-member` asks first."""
    assert shell.json("orgs", "add-member", org.org_slug, "user-1")["role"] == "member"
    assert "admin" in shell("orgs", "add-member", org.org_slug, "user-1", "--role", "admin").stdout
    told, exact = shell("orgs", "show", org.org_slug).stdout, shell.json("orgs", "show", org.org_slug)["members"]
    assert {each["user_id"] for each in exact if each["user_id"] in told} >= {"user-1"}
    assert not [each for each in exact if each["since"] in told]  # people read `2 min ago`
    assert shell("orgs", "remove-member", org.org_slug, "user-1").exit_code == 2
    assert "no member" in shell("orgs", "remove-member", org.org_slug, "user-1", "--yes").stdout


def test_the_token_of_ops(shell: Shell, org: OnboardedOrg) -> None:
    """It comes from a command too; one that fails, and none at all, are wrong usage; a wrong token is refused."""
    token = json.dumps(shell.environment["CLOUDACT_OPS_TOKEN"])
    command = f"{sys.executable} -c 'print({token})'"
    without = Shell(shell.environment | {"CLOUDACT_OPS_TOKEN": ""})
    show = ("orgs", "show", org.org_slug)
    assert without(*show, "--ops-token-command", command).exit_code == 0
    assert without(*show, "--ops-token-command", f"{sys.executable} -c 'exit(1)'").exit_code == 2
    assert "No token for ops" in without(*show).stderr
    assert without(*show, CLOUDACT_OPS_TOKEN="wrong").exit_code == 3
