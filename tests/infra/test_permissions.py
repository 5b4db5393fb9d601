"""docs/permissions.md says who may what; the scripts grant that and nothing else."""

import re
from pathlib import Path

import pytest

from cloudact.settings import ROOT
from tests.infra.deployment import commands, documented_bindings, dry_run, flag, printed_bindings


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a first deployment would run."""
    return dry_run(tmp_path_factory.mktemp("empty"))


def test_the_table_is_what_the_scripts_grant(printed: str) -> None:
    """Every line of the table is granted, and whatever is granted is a line of it, once."""
    granted, documented = sorted(printed_bindings(printed)), sorted(documented_bindings())
    assert granted == documented


def test_with_other_invokers(tmp_path: Path) -> None:
    """Who calls through Cloud Run's check needs a role for it; the table says with which settings."""
    changes = {"API_INVOKER": "everyone", "OPS_INVOKER": "iam"}
    granted = sorted(printed_bindings(dry_run(tmp_path, changes)))
    assert granted == sorted(documented_bindings(changes))
    assert len(granted) == len(list(documented_bindings())) + 3


def test_the_own_roles_are_as_documented(printed: str) -> None:
    """Each role of the project has the permissions that the second table lists."""
    text = (ROOT / "docs" / "permissions.md").read_text(encoding="utf-8")
    documented = {
        role: ",".join(re.findall(r"`([\w.]+)`", permissions))
        for role, permissions in re.findall(r"^\| (cloudact\w+) \| (`[^|]+) \|", text, re.MULTILINE)
    }
    made = [command for command in commands(printed) if command[:4] == ["gcloud", "iam", "roles", "create"]]
    assert {command[4]: flag(command, "permissions") for command in made} == documented


def test_nobody_both_encrypts_and_decrypts_by_one_role(printed: str) -> None:
    """The rights to encrypt and to decrypt are granted one by one; only the API has both."""
    roles = [(who, role) for who, role, on in printed_bindings(printed) if on == "key credentials"]
    assert sorted(roles) == [
        ("api", "roles/cloudkms.cryptoKeyDecrypter"),
        ("api", "roles/cloudkms.cryptoKeyEncrypter"),
        ("runner", "roles/cloudkms.cryptoKeyDecrypter"),
    ]


def test_no_service_account_has_a_key() -> None:
    """No script makes a key of a service account, nor uses a basic role."""
    for script in sorted((ROOT / "infra").glob("**/*.sh")):
        text = Path(script).read_text(encoding="utf-8")
        assert not re.search(r"service-accounts keys|roles/(owner|editor|viewer)\b", text), script
