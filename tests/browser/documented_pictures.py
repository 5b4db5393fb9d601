"""Pictures of docs/console, of the demo org of a local cloud: `python -m tests.browser.documented_pictures`.

It reads .local/stack.json, or the file that it is given, gives the org labels, budgets and a balance, and writes PNGs.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import requests
from selenium.webdriver.common.by import By

from tests.browser.chromium import Chromium, chromium

FOLDER = Path("docs/console")
WIDTH = 1080
TEAM = {
    "name": "team",
    "rules": [
        {"when": [{"dimension": "provider", "one_of": ["openai", "anthropic"]}],
         "shares": [{"value": "assistant", "share": "0.6"}, {"value": "search", "share": "0.4"}]},
        {"when": [{"dimension": "service", "one_of": ["BigQuery"]}], "value": "data"},
        {"value": "platform"},
    ],
}  # fmt: skip


def main(stack: Path) -> None:
    """Writes the pictures of the first demo org."""
    told = json.loads(stack.read_text(encoding="utf-8"))
    org = told["orgs"][0]
    slug, today = org["org_slug"], datetime.now(UTC).date()
    _plan(f"{told['api_url']}/api/v1/organizations/{slug}", org["api_key"], f"{today:%Y-%m}")
    with chromium() as browser:
        browser.driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
        browser.go(f"{told['api_url']}/console/sign-in")
        browser.click("Sign in as the owner of the demo organizations")
        base = f"{told['api_url']}/console/{slug}"
        for name, path, height in (
            ("overview", "", 1056),
            ("costs", "/costs?group_by=service&compare=previous_period", 880),
            ("runs", "/runs", 640),
            ("calendar", "/calendar", 700),
            ("labels", "/settings/labels", 560),
        ):
            _picture(browser, base + path, FOLDER / f"{name}.png", height)
        browser.go(f"{base}/runs")
        link = browser.driver.find_element(By.CSS_SELECTOR, "#list tbody th a")
        _picture(browser, str(link.get_attribute("href")), FOLDER / "run.png", 800)


def _plan(url: str, key: str, month: str) -> None:
    budgets = [
        {"name": "Everything", "currency": "USD", "amount": "30000", "first_month": month},
        {"name": "AI", "of": {"provider": "openai"}, "currency": "USD", "amount": "3600", "first_month": month},
        {"name": "Assistant team", "of": {"label": "team", "value": "assistant"}, "currency": "USD", "amount": "3000",
         "first_month": month},
    ]  # fmt: skip
    balances = [{"provider": "openai", "currency": "USD", "amount": "9000", "as_of": f"{month}-01"}]
    for name, body in (("labels", [TEAM]), ("budgets", budgets), ("balances", balances)):
        answer = requests.put(f"{url}/{name}", json={name: body}, headers={"X-API-Key": key}, timeout=60)
        answer.raise_for_status()


def _picture(browser: Chromium, url: str, file: Path, height: int) -> None:
    browser.look(WIDTH, "light", height)
    browser.go(url)
    browser.driver.execute_script("document.activeElement.blur()")
    browser.picture(file, whole=False)
    sys.stdout.write(f"{file}: {file.stat().st_size // 1000} kB\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ".local/stack.json"))
