"""Customers' credentials: bound to org and integration, checked both ways, never shown."""

import json

import pytest

from cloudact import clients
from cloudact.errors import Stop
from cloudact.orgs.vault import Vault
from providers.gcp import clients as gcp_clients
from providers.gcp.credential import parse_service_account
from tests.conftest import Local, NewOrgs

SECRET = b'{"api_key": "sk-admin-123"}'


@pytest.fixture
def vault(local: Local) -> Vault:
    return Vault(clients.kms(local.settings), local.settings.kms_key)


def test_what_was_encrypted_decrypts(vault: Vault) -> None:
    """A credential comes back for the org and integration it was encrypted for."""
    assert vault.decrypt("acmecorp", "OPENAI", vault.encrypt("acmecorp", "OPENAI", SECRET)) == SECRET


@pytest.mark.parametrize(("org", "integration"), [("globex", "OPENAI"), ("acmecorp", "GCP_SA")])
def test_a_moved_ciphertext_does_not_decrypt(vault: Vault, org: str, integration: str) -> None:
    """Under another org or another integration the same ciphertext is unreadable."""
    ciphertext = vault.encrypt("acmecorp", "OPENAI", SECRET)
    with pytest.raises(Stop, match="cannot be decrypted") as refusal:
        vault.decrypt(org, integration, ciphertext)
    assert refusal.value.code == "credential_unreadable"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"no json sk-123", "The service account key is not JSON."),
        (b"[]", "The service account key is not usable: file."),
        (b'{"type": "service_account", "private_key": 7}', "client_email, private_key, project_id"),
        (b'{"type": "authorized_user", "client_email": "a", "private_key": "b", "project_id": "c"}', "usable: type"),
    ],
)
def test_an_unusable_key_is_explained_without_showing_it(text: bytes, said: str) -> None:
    """The error names the fields that are wrong and holds nothing of the key."""
    with pytest.raises(Stop, match=said) as refusal:
        parse_service_account(text)
    assert "sk-123" not in f"{refusal.value!r} {refusal.value.__cause__!r}"


def test_addresses_in_a_key_file_are_ignored(local: Local, new_org: NewOrgs) -> None:
    """A key file cannot send us elsewhere: neither its token address nor its universe is used."""
    raw = new_org().credentials["GCP_SA"] | {"token_uri": "http://169.254.169.254/", "universe_domain": "evil.example"}
    key = parse_service_account(json.dumps(raw).encode())
    assert set(key.reveal()) == {"type", "project_id", "private_key_id", "private_key", "client_email"}
    client = gcp_clients.customer_bigquery(local.settings, key.reveal(), ("https://www.googleapis.com/auth/bigquery",))
    assert client._credentials._token_uri == local.settings.token_uri


def test_a_key_does_not_print_itself(new_org: NewOrgs) -> None:
    """The private key is in no representation of the parsed credential."""
    key = parse_service_account(json.dumps(new_org().credentials["GCP_SA"]).encode())
    assert "PRIVATE KEY" not in f"{key!r} {key}"
