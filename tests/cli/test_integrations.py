"""`integrations` against the real endpoints and the stand-ins of the providers."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from flask import Response

from cloudact.orgs.org import Onboarded
from localcloud.integrations import new_keyless_account
from localcloud.onboarding import OnboardedOrg
from tests.cli.conftest import Shell, Stub
from tests.conftest import Local, load_fixture_export


@pytest.fixture
def admin_key(org: OnboardedOrg) -> str:
    return org.credentials["OPENAI"]["api_key"]


def test_a_credential_from_standard_input(customer: Shell, admin_key: str) -> None:
    """`setup --credential-file -` connects; the credential is never printed, here or later."""
    done = customer("integrations", "setup", "openai", "--credential-file", "-", "--name", "main", stdin=admin_key)
    assert (done.exit_code, "VALID" in done.stdout, "main" in done.stdout) == (0, True, True), done.output
    listed = customer("integrations", "list")
    assert [line.split()[:2] for line in listed.stdout.splitlines()[1:]] == [
        ["gcp", "VALID"], ["openai", "VALID"], ["anthropic", "VALID"]
    ]  # fmt: skip
    assert admin_key not in done.output + listed.output


def test_a_credential_from_a_file(customer: Shell, org: OnboardedOrg, local: Local, tmp_path: Path) -> None:
    """A service account's key file is sent as it is; a wrong setting, or a wrong kind of key, is exit code 3."""
    load_fixture_export(local, org)
    path = tmp_path / "key.json"
    path.write_text(json.dumps(org.credentials["GCP_SA"]), encoding="utf-8")
    gcp = ("integrations", "setup", "gcp", "--credential-file", str(path))
    assert customer.json(*gcp, "--metadata", "source_dataset=billing_export")["status"] == "VALID"
    refused = customer(*gcp, "--metadata", "source_dataset=../x")
    assert (refused.exit_code, "metadata.source_dataset must be" in refused.stderr) == (3, True)
    refused = customer("integrations", "setup", "openai", "--credential-file", str(path))
    assert (refused.exit_code, "PRIVATE KEY" in refused.output) == (3, False)


def test_without_a_key(customer: Shell, org: OnboardedOrg, local: Local) -> None:
    """`--keyless` prints the commands, asks whether they were run, and connects; with --json they are on stderr."""
    load_fixture_export(local, org)
    project = org.credentials["GCP_SA"]["project_id"]
    keyless = ("integrations", "setup", "gcp", "--keyless", "--project", project, "--dataset", "billing_export")
    unasked = customer(*keyless)
    assert (unasked.exit_code, "give --yes" in unasked.stderr) == (2, True)
    assert f"--project={project}" in unasked.stdout
    too_early = customer(*keyless, "--yes")
    assert (too_early.exit_code, "does not exist" in too_early.stderr) == (3, True)
    new_keyless_account(local.settings, Onboarded(org.org_slug, 1, local.settings.installation), project)
    told = customer.json(*keyless, "--yes")
    assert (told["auth"], told["settings"]) == ("keyless", {"source_dataset": "billing_export"})
    assert ["gcp", "VALID", "keyless"] in [
        line.split()[:3] for line in customer("integrations", "list").stdout.splitlines()
    ]


def test_how_keyless_is_not_called(customer: Shell) -> None:
    """It is for gcp, needs a project, and goes with no file; a project alone means nothing."""
    setup = ("integrations", "setup")
    for arguments in (
        ("openai", "--keyless", "--project", "acme"),
        ("gcp", "--keyless"),
        ("gcp", "--keyless", "--project", "acme", "--credential-file", "-"),
        ("gcp", "--project", "acme"),
    ):
        assert customer(*setup, *arguments).exit_code == 2
    wrong = customer(*setup, "openai", "--keyless", "--project", "acme")
    assert "--keyless is for gcp, and instead of --credential-file." in wrong.stderr


def test_a_provider_that_there_is_not(customer: Shell) -> None:
    """What is no provider is told with those that there are, by the API or before a credential is asked for."""
    refused = customer("integrations", "setup", "nobody", "--credential-file", "-", stdin="key")
    assert (refused.exit_code, "Available: gcp, openai, anthropic" in refused.stderr) == (3, True)
    unasked = customer("integrations", "setup", "nobody")
    assert (unasked.exit_code, "there are gcp, openai, anthropic." in unasked.stderr) == (2, True)


def test_an_older_api(stub: Callable[..., tuple[Stub, Shell]]) -> None:
    """An API that does not tell how a credential is taken is asked with any."""
    _, shell = stub([Response(json.dumps({"integrations": [{"provider": "new"}]}), content_type="application/json")])
    assert "no terminal to ask on" in shell("integrations", "setup", "new").stderr


def test_what_is_not_a_credential(customer: Shell, tmp_path: Path) -> None:
    """Without a file there must be a terminal; an empty or missing file and a wrong setting are wrong usage."""
    (tmp_path / "empty").touch()
    setup = ("integrations", "setup", "openai")
    assert "no terminal to ask on" in customer(*setup).stderr
    assert "give --credential-file" in customer("integrations", "setup", "gcp").stderr
    for arguments in (["--credential-file", str(tmp_path / "empty")], ["--credential-file", str(tmp_path / "none")]):
        assert customer(*setup, *arguments).exit_code == 2
    assert customer(*setup, "--credential-file", "-", "--metadata", "x", stdin="key").exit_code == 2


def test_a_credential_is_tried_again_and_forgotten(customer: Shell, local: Local, admin_key: str) -> None:
    """`validate` exits with 1 where the provider refuses now; `delete` without a terminal needs --yes."""
    assert customer.json("integrations", "validate", "openai")["status"] == "VALID"
    revoked = {"key": admin_key, "kind": "openai", "seed": 1, "revoked": True}
    requests.post(f"{local.providers.openai_url}/local/keys", json=revoked, timeout=5).raise_for_status()
    invalid = customer("integrations", "validate", "openai")
    assert (invalid.exit_code, "INVALID" in invalid.stdout, admin_key in invalid.output) == (1, True, False)
    assert customer("integrations", "delete", "openai", stdin="y\n").exit_code == 2
    assert customer.json("integrations", "delete", "openai", "--yes")["status"] == "NOT_CONFIGURED"
    assert customer("integrations", "validate", "openai").exit_code == 3
