"""`webhook` against the real endpoints."""

from tests.cli.conftest import Shell

URL = "https://example.com/cloudact"


def test_a_webhook_comes_and_goes(customer: Shell) -> None:
    """`set` shows the secret, `show` does not; `test` sends a ping; `delete` without a terminal needs --yes."""
    assert "No webhook" in customer("webhook", "show").stdout
    done = customer("webhook", "set", URL, "--event", "run_failed", "--event", "quota_near")
    assert (done.exit_code, "whsec_" in done.stdout, "run_failed, quota_near" in done.stdout) == (0, True, True)
    shown = customer("webhook", "show")
    assert (URL in shown.stdout, "whsec_" in shown.output) == (True, False)
    assert "on its way" in customer("webhook", "test").stdout
    assert customer("webhook", "delete").exit_code == 2
    assert customer.json("webhook", "delete", "--yes")["url"] is None
    assert customer("webhook", "test").exit_code == 3


def test_another_secret(customer: Shell) -> None:
    """Setting the same again shows the same secret; --rotate-secret asks, and makes another."""
    secrets = [customer.json("webhook", "set", URL)["signing_secret"] for _ in range(2)]
    assert customer("webhook", "set", URL, "--rotate-secret").exit_code == 2
    secrets.append(customer.json("webhook", "set", URL, "--rotate-secret", "--yes")["signing_secret"])
    assert len(set(secrets)) == 2


def test_an_address_that_is_refused(customer: Shell) -> None:
    """The API's reason is told; exit code 3."""
    refused = customer("webhook", "set", "https://localhost/")
    assert (refused.exit_code, "public host name" in refused.stderr) == (3, True)
