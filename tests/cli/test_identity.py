"""Where the API is and who asks: flags before the environment before the config file."""

import json
from pathlib import Path

import pytest

from localcloud.onboarding import OnboardedOrg
from tests.cli.conftest import Shell
from tests.conftest import Local, NewOrgs
from tests.sessions import bearer


def private(path: Path, text: str) -> str:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_config_file(shell: Shell, org: OnboardedOrg, new_org: NewOrgs, tmp_path: Path) -> None:
    """It holds URLs, the org that is usually meant, and keys; --org means another one."""
    other = new_org()
    orgs = "".join(f'[[orgs]]\norg_slug = "{o.org_slug}"\napi_key = "{o.api_key}"\n' for o in (org, other))
    text = f'api_url = "{shell.environment["CLOUDACT_API_URL"]}"\norg = "{org.org_slug}"\n{orgs}'
    (tmp_path / "cloudact").mkdir()
    private(tmp_path / "cloudact" / "config.toml", text)
    bare = Shell({"XDG_CONFIG_HOME": str(tmp_path)})
    assert bare.json("quota")["org_slug"] == org.org_slug
    assert bare.json("quota", "--org", other.org_slug)["org_slug"] == other.org_slug
    assert bare.json("quota", CLOUDACT_API_KEY=other.api_key)["org_slug"] == other.org_slug


def test_the_local_cloud_s_file_is_one(shell: Shell, org: OnboardedOrg, tmp_path: Path) -> None:
    """A file named .json with the same names does as well, whatever else is in it."""
    told = {"api_url": shell.environment["CLOUDACT_API_URL"], "orgs": [vars(org)], "kms_url": "x", "jwt": {}}
    path = private(tmp_path / "stack.json", json.dumps(told))
    assert Shell({"CLOUDACT_CONFIG": path}).json("quota")["org_slug"] == org.org_slug


def test_keys_are_for_one_s_own_eyes(tmp_path: Path) -> None:
    """A config file with a key that others can read is refused, and so is a missing or broken one."""
    path = tmp_path / "config.toml"
    private(path, '[[orgs]]\norg_slug = "acme"\napi_key = "acme_api_secret"\n')
    path.chmod(0o640)
    done = Shell()("quota", "--config", str(path))
    assert (done.exit_code, f"chmod 600 {path}" in done.stderr) == (2, True)
    path.chmod(0o600)
    for text in ("[[orgs", '[[orgs]]\napi_key = 7\norg_slug = "acme_api_secret"\n', "[[orgs]]\napi_key = ['secret']"):
        path.write_text(text, encoding="utf-8")
        done = Shell()("quota", "--config", str(path))
        assert (done.exit_code, "secret" in done.output) == (2, False)
    assert Shell()("quota", "--config", str(tmp_path / "none.toml")).exit_code == 2


def test_a_key_from_a_file(shell: Shell, org: OnboardedOrg, tmp_path: Path) -> None:
    """--key-file reads a key from a file or from standard input."""
    path = private(tmp_path / "key", f"{org.api_key}\n")
    assert shell.json("quota", "--key-file", path)["org_slug"] == org.org_slug
    assert shell.json("quota", "--key-file", "-", stdin=org.api_key)["org_slug"] == org.org_slug


def test_a_person_s_token(shell: Shell, org: OnboardedOrg, local: Local) -> None:
    """CLOUDACT_TOKEN is a session token; together with a key it is not clear who asks."""
    token = bearer(local, org.user_id)["Authorization"].removeprefix("Bearer ")
    assert shell.json("quota", "--org", org.org_slug, CLOUDACT_TOKEN=token)["org_slug"] == org.org_slug
    both = shell.of(org)("quota", CLOUDACT_TOKEN=token)
    assert (both.exit_code, "both set" in both.stderr) == (2, True)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "Where is the API?"),
        ({"API_URL": "http://127.0.0.1:1"}, "Which organization?"),
        ({"API_URL": "http://127.0.0.1:1", "ORG": "acme"}, "No API key for acme"),
        ({"API_URL": "http://api.example.com", "ORG": "acme", "API_KEY": "k"}, "in the clear; use https"),
        ({"API_URL": "ftp://x", "ORG": "acme", "API_KEY": "k"}, "A URL like"),
        ({"API_URL": "http://127.0.0.1:1", "ORG": "acme", "API_KEY": "two words"}, "CLOUDACT_API_KEY is not"),
        ({"API_URL": "http://127.0.0.1:1", "ORG": "..", "API_KEY": "k"}, "cannot be . or .."),
    ],
)
def test_what_is_missing(environment: dict[str, str], said: str, tmp_path: Path) -> None:
    """A command that lacks something says how to give it, with exit code 2, before it asks anyone anything."""
    known = {f"CLOUDACT_{name}": value for name, value in environment.items()}
    done = Shell(known | {"XDG_CONFIG_HOME": str(tmp_path)})("quota")
    assert (done.exit_code, said in done.stderr, "two words" in done.output) == (2, True, False), done.output
