"""What customers are told to run: the real gcloud and bq take it, and it grants what it says and nothing else."""

import shutil
from pathlib import Path

import pytest

from cloudact.installation import ORIGINAL
from cloudact.orgs.org import Onboarded
from providers.gcp.keyless import KeylessAccount, account_id, commands, may_read
from tests.googlesql import GoogleSql
from tests.infra.test_rehearsal import Rehearsed

ORG = Onboarded("acmecorp", 1, "a1b2")
READER = "cloudact-reader@ours.iam.gserviceaccount.com"
ACCOUNT = KeylessAccount.of(ORG, "demo-project")
EMAIL = ACCOUNT.service_account


@pytest.mark.skipif(not (shutil.which("gcloud") and shutil.which("bq")), reason="gcloud and bq are not installed")
def test_the_tools_take_them(tmp_path: Path) -> None:
    """Run one after the other they make the account, and let it query, it read, and our reader act as it."""
    rehearsed = Rehearsed(tmp_path)
    asked = [rehearsed.run("bash", "-c", each.text) for each in commands(ACCOUNT, READER, "acme-billing", "export_eu")]
    assert all(asked)
    (query,) = (request["body"]["configuration"]["query"] for request in asked[3] if "jobs" in request["path"])
    assert "ON SCHEMA `acme-billing.export_eu`" in query["query"]
    granted = {
        (binding["role"], *binding["members"])
        for policy in rehearsed.state["policies"].values()
        for binding in policy["bindings"]
    }
    assert granted >= {
        ("roles/bigquery.jobUser", f"serviceAccount:{EMAIL}"),
        ("roles/iam.serviceAccountTokenCreator", f"serviceAccount:{READER}"),
    }
    assert rehearsed.resource(f"projects/demo-project/serviceAccounts/{EMAIL}")


def test_the_statement_is_googlesql() -> None:
    """Google's own analyzer takes the grant on the dataset, also where the project has a domain."""
    account = KeylessAccount.of(ORG, "example.com:acme")
    assert GoogleSql().analyze(may_read(account, "example.com:acme", "billing_export")[-1]) == ()
    assert account.project_id == "example.com:acme"


def test_a_name_belongs_to_one_onboarding() -> None:
    """It fits Google's rules, is the same for ever, and another org's or onboarding's differs."""
    name = account_id(ORG)
    assert name == "cloudact-b9913fdefdd3d53ea3bb"
    others = (
        Onboarded("acmecorp", 2, "a1b2"),
        Onboarded("acmecorp", 1, "c3d4"),
        Onboarded("acmecorp", 1, ORIGINAL),
        Onboarded("Acmecorp", 1, "a1b2"),
        Onboarded("acmecorp1", 1, "a1b2"),
        Onboarded("globex", 1, "a1b2"),
    )
    assert len({name, *map(account_id, others)}) == 7
    assert len(account_id(Onboarded("x" * 50, 10**6, "f" * 32))) == 29
