"""The pages *Settings*: integrations, keys and the webhook, and that no secret is ever in a page."""

import json
from typing import Any

import pytest
import requests

from cloudact.notify.webhooks import Webhooks
from localcloud.onboarding import OnboardedOrg
from tests.conftest import Local
from tests.functions.console.conftest import Browser

SignedIn = tuple[Browser, OnboardedOrg]


def base(org: OnboardedOrg) -> str:
    return f"/console/{org.org_slug}/settings"


def sent(browser: Browser, org: OnboardedOrg, path: str, **fields: str) -> str:
    """Words of the page that a form leads to."""
    browser.get(base(org) if "webhook" not in path else f"{base(org)}/webhook")
    browser.send(f"{base(org)}/{path}", **fields)
    browser.follow()
    return browser.words


def test_an_integration_is_set_up_asked_and_removed(signed_in: SignedIn) -> None:
    """A credential is stored once its provider accepts it, asked about, and forgotten; it is in none of the pages."""
    browser, org = signed_in
    key = org.credentials["OPENAI"]["api_key"]
    words = sent(browser, org, "integrations/openai/setup", credential=key, credential_name="<b>the reader</b>")
    assert "The integration OPENAI is set up." in words
    assert "Credential <b>the reader</b>" in words
    assert key not in browser.text
    assert "The provider accepts the credential." in sent(browser, org, "integrations/openai/validate")
    assert "confirm must be ticked" in sent(browser, org, "integrations/openai/remove")
    words = sent(browser, org, "integrations/openai/remove", confirm="true")
    assert "The integration OPENAI is not set up." in words
    assert "No credential is set up, so its pipelines cannot run." in words


def test_a_credential_that_is_refused_is_not_stored(signed_in: SignedIn) -> None:
    """What the provider does not accept is said in its words, without the credential, and what was there stays."""
    browser, org = signed_in
    wrong = "sk-admin-" + "w" * 40
    words = sent(browser, org, "integrations/openai/setup", credential=wrong)
    assert "OpenAI" in words
    assert wrong not in browser.text
    assert words.count("Works") == 3
    assert "Unknown provider: nobody." in sent(browser, org, "integrations/nobody/validate")


def test_an_integration_that_does_not_work_says_why(local: Local, signed_in: SignedIn) -> None:
    """A key that was revoked is found by asking again: the page says what is wrong."""
    browser, org = signed_in
    keys = f"{local.settings.urls_of_providers['openai']}/local/keys"
    api_key = org.credentials["OPENAI"]["api_key"]
    key = {"key": api_key, "kind": "openai", "seed": 1, "revoked": True}
    requests.post(keys, json=key, timeout=5).raise_for_status()
    words = sent(browser, org, "integrations/openai/validate")
    assert "The integration OPENAI does not work" in words
    assert "Does not work" in words
    assert api_key not in browser.text


def test_settings_of_a_source_are_changed(signed_in: SignedIn) -> None:
    """Where the export lies is changed with the credential; a provider that finds nothing there refuses it."""
    browser, org = signed_in
    key = json.dumps(org.credentials["GCP_SA"])
    source = {"source_project": "nowhere", "source_dataset": "billing_export", "source_table": "none"}
    fields = {f"setting_{name}": text for name, text in source.items()}
    words = sent(browser, org, "integrations/gcp/setup", credential=key, **fields)
    assert "GCP_SA is set up" not in words, words
    assert "private_key" not in browser.text
    assert org.credentials["GCP_SA"]["private_key"] not in browser.text


def test_keys_are_shown_by_what_may_be_known(signed_in: SignedIn) -> None:
    """A key has its beginning, its fingerprint and its days, and is never whole in the page."""
    browser, org = signed_in
    browser.get(f"{base(org)}/keys")
    assert f"{org.org_slug}_api_{org.api_key.removeprefix(f'{org.org_slug}_api_')[:4]}…" in browser.words
    assert org.api_key not in browser.text


@pytest.fixture
def webhook(local: Local, signed_in: SignedIn) -> str:
    _, org = signed_in
    Webhooks(local.warehouse, local.clock).put(
        org.org_slug, "https://example.com/<hook>", ("run_failed",), new_key=False
    )
    return "https://example.com/<hook>"


def test_a_webhook_is_shown_tried_and_removed(signed_in: SignedIn, webhook: str) -> None:
    """Its address and events are shown, never its secret; a test event is sent, and it can be removed."""
    browser, org = signed_in
    browser.get(f"{base(org)}/webhook")
    assert f"Address {webhook} Events run_failed" in browser.words
    assert "whsec_" not in browser.text
    assert "A test event is on its way." in sent(browser, org, "webhook/test")
    assert "confirm must be ticked" in sent(browser, org, "webhook/delete")
    assert webhook in browser.words
    assert "No webhook is set up." in sent(browser, org, "webhook/delete", confirm="true")
    assert "No webhook is set up for this organization." in sent(browser, org, "webhook/test")


def everything(value: Any) -> list[str]:
    """All texts in a JSON value."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in everything(each)]
    return [value] if isinstance(value, str) else []


@pytest.mark.usefixtures("webhook")
def test_no_page_has_a_secret(signed_in: SignedIn) -> None:
    """Neither a key, a credential nor a part of one is in any page or header."""
    browser, org = signed_in
    secrets = [org.api_key, *(text for text in everything(org.credentials) if len(text) > 60 or text.startswith("sk-"))]
    for path in ("", "/keys", "/webhook"):
        answer = browser.get(base(org) + path)
        assert not [each[:20] for each in secrets if each in browser.text + str(answer.headers)]
    assert len(secrets) >= 4
