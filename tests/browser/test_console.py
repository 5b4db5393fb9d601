"""The console as people use it: signing in, running, failing, filtering, without a mouse and without scripts."""

import shutil
import subprocess
import warnings
from concurrent.futures import wait
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from cloudact.error_codes import Code
from cloudact.errors import Stop
from cloudact.runs.ledger import RunEvent, StepEvent
from cloudact.runs.run import Status
from tests.browser.chromium import Chromium, axe_violations
from tests.browser.conftest import Scene, signed_in, signed_out
from tests.browser.scene import run_of
from tests.browser.test_screenshots import pages
from tests.conftest import FIXTURE_DAY, NOON, Local

FOLDER = Path(__file__).parent
HOSTILE = '"><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>{{7*7}}\u202e\''
SHOWN = '"><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>{{7*7}}\''


def deliver(local: Local) -> None:
    """Lets the queue's three seconds pass, and has it start what is due."""
    local.clock.advance(seconds=3)
    local.google.dispatcher.dispatch_due()


def press(browser: Chromium, *keys: str) -> None:
    for key in keys:
        browser.driver.switch_to.active_element.send_keys(key)


def tick(browser: Chromium) -> WebElement:
    """First run of the list that can be ticked."""
    return browser.driver.find_element(By.CSS_SELECTOR, "#list input[type=checkbox]")


def ticked(browser: Chromium) -> bool:
    """Ticks that run by the keyboard."""
    tick(browser).send_keys(Keys.SPACE)
    return tick(browser).is_selected()


def again(browser: Chromium) -> bool:
    """Loads the page again."""
    browser.driver.refresh()
    return True


def tab_to(browser: Chromium, words: str) -> None:
    """Moves the focus forward until it is on what has these words."""
    for _ in range(60):
        press(browser, Keys.TAB)
        if words in browser.until(lambda: named(browser)):
            return
    raise AssertionError(f"the keyboard never reaches {words}")


def named(browser: Chromium) -> list[str | None]:
    """What people and scripts call the element that has the focus."""
    script = "const each = document.activeElement; return [each.innerText.trim(), each.ariaLabel, each.id];"
    found: list[str | None] = browser.driver.execute_script(script)
    return found


def test_a_run_is_started_and_followed_to_its_end(local: Local, scene: Scene, owner: Chromium) -> None:
    """Run leads to the run's page, which shows by itself what happens until it has succeeded."""
    owner.go(f"{scene.url}/console/{scene.other.org_slug}/pipelines")
    date = owner.driver.find_element(By.ID, "date-gcp_billing")
    owner.driver.execute_script("arguments[0].value = arguments[1]", date, FIXTURE_DAY.isoformat())
    owner.click("Run GCP Billing")
    owner.until_it_says("triggered successfully")
    owner.until_it_says("Waiting updated just now")
    owner.driver.execute_script("window.stayed = true")
    deliver(local)
    owner.until_it_says("Succeeded")
    # It is over, when nothing is asked for any more: a step has succeeded before the run has.
    owner.until(lambda: not owner.driver.find_elements(By.CSS_SELECTOR, "[hx-get]"))
    assert owner.driver.execute_script("return window.stayed")
    assert owner.driver.find_element(By.CSS_SELECTOR, "h1").text == f"gcp_billing · {FIXTURE_DAY}"
    owner.click("extract")
    owner.until(lambda: owner.path.endswith("#messages-extract"))
    owner.click("Runs")
    owner.until(lambda: owner.path.endswith("/runs") and "gcp_billing" in owner.words)
    assert owner.complaints() == []


def test_a_failure_says_why_and_is_retried(local: Local, scene: Scene, owner: Chromium) -> None:
    """A refused key fails the run with cause and hint; once the integration works again, Retry leads to a success."""
    keys = f"{local.settings.urls_of_providers['anthropic']}/local/keys"
    key = {"key": scene.other.credentials["ANTHROPIC"]["api_key"], "kind": "anthropic", "seed": 1}
    requests.post(keys, json={**key, "revoked": True}, timeout=5).raise_for_status()
    owner.go(f"{scene.url}/console/{scene.other.org_slug}/pipelines")
    owner.click("Run Anthropic Usage & Cost")
    owner.until_it_says("Waiting")
    deliver(local)
    owner.until_it_says("Error credential_rejected")
    assert "Anthropic" in owner.driver.find_element(By.CSS_SELECTOR, "[role=alert] h2").text
    assert owner.driver.find_element(By.CSS_SELECTOR, "[role=alert] p").text
    failed = owner.driver.current_url
    owner.click("Retry")
    owner.until_it_says('Required integration "ANTHROPIC" is not configured.')
    requests.post(keys, json={**key, "revoked": False}, timeout=5).raise_for_status()
    owner.click("Look at the integrations")
    owner.until_it_says("Does not work")
    owner.click("Ask the provider again: Anthropic")
    owner.until_it_says("The provider accepts the credential.")
    owner.go(failed)
    owner.click("Retry")
    owner.until_it_says("triggered successfully")
    owner.until_it_says("Waiting")
    assert "Generation 2" in owner.words
    deliver(local)
    owner.until_it_says("Succeeded")


def test_filters_stand_in_the_address(scene: Scene, owner: Chromium) -> None:
    """A filter changes the list at once and the address with it; Back, a reload and a copied address show the same."""
    owner.go(f"{scene.url}/console/{scene.org.org_slug}/runs")
    status = owner.driver.find_element(By.ID, "status")
    status.find_element(By.CSS_SELECTOR, "option[value=FAILED]").click()
    owner.until_it_says("3 runs match")
    owner.until(lambda: "status=FAILED" in owner.path)
    owner.driver.refresh()
    owner.until_it_says("3 runs match")
    owner.driver.back()
    owner.until_it_says("954 runs")
    assert "status=FAILED" not in owner.path
    owner.click("Older runs")
    owner.until(lambda: "after=" in owner.path)
    owner.driver.back()
    owner.until_it_says("updated")
    owner.click("Hide runs of the daily call")
    owner.until_it_says("2 runs match")
    owner.click("Failed 0")
    owner.until_it_says("The filter status: Failed hides all that the others let through")
    owner.click("Show runs without it")
    owner.until_it_says("2 runs match")


def test_everything_works_by_keyboard(scene: Scene, browser: Chromium) -> None:
    """One signs in with a key, skips to the content, filters, and cancels a run without touching the mouse."""
    tab_to(browser, "api_key")
    press(browser, scene.org.api_key, Keys.ENTER)
    browser.until_it_says("Data of the last 30 days")
    press(browser, Keys.TAB)
    browser.until(lambda: browser.driver.switch_to.active_element.text == "Skip to the content")
    press(browser, Keys.ENTER)
    browser.until(lambda: browser.driver.switch_to.active_element.get_attribute("id") == "content")
    browser.driver.refresh()
    tab_to(browser, "Runs")
    press(browser, Keys.ENTER)
    browser.until_it_says("954 runs")
    browser.until(lambda: ticked(browser))
    tab_to(browser, "openai_usage_cost")
    browser.driver.execute_script("document.querySelector('#list').oldness = 1")
    browser.until(lambda: not browser.driver.execute_script("return document.querySelector('#list').oldness"))
    assert browser.until(lambda: [tick(browser).is_selected()]) == [True]
    press(browser, Keys.ENTER)  # the list was renewed meanwhile, and what was ticked and the focus have stayed
    browser.until_it_says("Cancel the run")
    tab_to(browser, "Cancel the run")
    press(browser, Keys.ENTER)
    browser.until_it_says("is cancelled.")
    browser.until_it_says("Cancelled")


def test_everything_works_without_scripts(local: Local, scene: Scene, owner: Chromium) -> None:
    """Without JavaScript one filters with Apply, starts a run, and loads its page again to see how it goes."""
    owner.scripts(allowed=False)
    owner.go(f"{scene.url}/console/{scene.org.org_slug}/runs")
    owner.driver.find_element(By.ID, "status").send_keys("Failed")
    owner.click("Apply")
    owner.until_it_says("3 runs match")
    owner.go(f"{scene.url}/console/{scene.other.org_slug}/pipelines")
    owner.click("Run OpenAI Usage & Cost")
    owner.until_it_says("triggered successfully")
    local.clock.advance(seconds=3)
    wait(local.google.dispatcher.dispatch_due(), timeout=60)
    owner.until(lambda: again(owner) and "Succeeded" in owner.words)
    owner.go(f"{scene.url}/console/{scene.other.org_slug}/pipelines/gcp_billing/backfill")
    owner.click("Show what would run")
    owner.until_it_says("dates run")


def test_hostile_text_is_text(local: Local, scene: Scene, owner: Chromium) -> None:
    """Whatever a provider or a person has written is shown as it was written, and does nothing."""
    run = run_of(scene.org.org_slug, 0, FIXTURE_DAY - timedelta(days=500), generation=7, triggered_by=HOSTILE)
    step = {"index": 0, "name": "extract", "type": "bigquery_query", "attempt": 0}
    started = RunEvent(Status.RUNNING, started_at=NOON)
    local.ledger.append_run(run, started, NOON)
    said = StepEvent(status=Status.RUNNING, key="1", level="WARNING", text=HOSTILE, **step)  # type: ignore[arg-type]
    local.ledger.append_step(run, said, NOON)
    ended = StepEvent(status=Status.FAILED, key="2", progress=HOSTILE, error=HOSTILE, **step)  # type: ignore[arg-type]
    local.ledger.append_step(run, ended, NOON)
    error = Stop(Code.SOURCE_QUERY_FAILED, HOSTILE, HOSTILE)
    local.ledger.append_run(run, RunEvent(Status.FAILED, started_at=NOON, error=error), NOON)
    for path in (f"/runs/{run.run_id}?requested_date={run.requested_date}", "/runs?status=FAILED", ""):
        owner.go(f"{scene.url}/console/{scene.org.org_slug}{path}")
        assert owner.driver.execute_script("return window.hacked") is None
        assert not owner.driver.find_elements(By.CSS_SELECTOR, "main img, main script")
        assert SHOWN in owner.words or not path
        assert "\u202e" not in owner.driver.page_source
    assert owner.complaints() == []


def test_a_key_opens_its_own_org_alone(scene: Scene, browser: Chromium) -> None:
    """Who signs in with the second org's key sees nothing of the first."""
    browser.field("API key of your organization").send_keys(scene.other.api_key)
    browser.click("Sign in with the key")
    browser.until_it_says("fabrikam")
    assert "northwind" not in browser.driver.page_source
    browser.go(f"{scene.url}/console/{scene.org.org_slug}/runs")
    assert "this key belongs to another organization" in browser.words
    run = scene.runs["done"].run_id
    browser.go(f"{scene.url}/console/{scene.other.org_slug}/runs/{run}")
    assert f"Run not found: {run}" in browser.words


def test_a_session_that_has_ended_leads_back(local: Local, scene: Scene, owner: Chromium) -> None:
    """After twelve hours one signs in again and comes back to where one was."""
    owner.go(f"{scene.url}/console/{scene.org.org_slug}/runs?status=FAILED")
    now = local.clock.now
    local.clock.advance(hours=12, seconds=1)
    try:
        owner.driver.refresh()
        owner.until_it_says("Your session has ended")
        owner.click("Sign in as the owner of the demo organizations")
        owner.until_it_says("runs match")
        assert owner.path == f"/console/{scene.org.org_slug}/runs?status=FAILED"
    finally:
        local.clock.now = now
        owner.driver.delete_all_cookies()


def test_a_page_says_when_it_cannot_be_renewed(local: Local, scene: Scene, owner: Chromium) -> None:
    """While the service is away, the page of a run that goes on says so, and goes on by itself afterwards."""
    run = run_of(scene.org.org_slug, 1, FIXTURE_DAY, generation=5, requested_at=NOON)
    local.ledger.append_run(run, RunEvent(Status.RUNNING, started_at=NOON), NOON)
    faults = f"{local.settings.bigquery_endpoint}/local/faults"
    fault = {
        "path_regex": "/queries$",
        "method": "POST",
        "status": 403,
        "reason": "quotaExceeded",
        "message": "",
        "times": 9,
    }
    owner.go(f"{scene.url}/console/{scene.org.org_slug}/runs/{run.run_id}?requested_date={run.requested_date}")
    requests.post(faults, json=fault, timeout=5).raise_for_status()
    local.clock.advance(seconds=70)
    owner.until_it_says("cannot be updated at the moment")
    requests.delete(faults, timeout=5).raise_for_status()
    local.ledger.append_run(run, RunEvent(Status.CANCELLED, started_at=NOON), NOON + timedelta(seconds=5))
    owner.until_it_says("Cancelled")
    owner.until(lambda: "cannot be updated" not in owner.words)


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core, which npm installs."""
    npm = shutil.which("npm")
    if npm is None:
        warnings.warn("npm is not installed: THE CONSOLE'S ACCESSIBILITY IS NOT TESTED", stacklevel=1)
        pytest.skip("no npm")
    done = FOLDER / "node_modules" / ".package-lock.json"
    if not done.exists() or done.stat().st_mtime < (FOLDER / "package-lock.json").stat().st_mtime:
        subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=FOLDER, check=True, timeout=180)
    return (FOLDER / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Tour:
    """What a walk through all pages has found, once for each width and theme."""

    violations: dict[str, list[dict[str, Any]]]
    too_wide: list[str]
    asked: list[str]
    complaints: list[str]


ALIKE = ["runs-failed", "run-done", "settings-webhook", "empty-overview", "empty-runs", "calendar"]
ALIKE_IF_NARROW = [*ALIKE, "orgs", "not-found", "runs-filtered", "settings-keys", "settings-labels-first"]


OPENED = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
TOO_WIDE = """
const tables = [...document.querySelectorAll(".compared")].map((each) => each.parentElement);
return [document.documentElement, ...tables].some((each) => each.scrollWidth > each.clientWidth);
"""


def walk(scene: Scene, window: Chromium, axe: str, width: int, theme: str) -> Tour:
    """Looks at every page in a wide window; in a narrow one at those that differ. Axe looks at those that differ."""
    owner = signed_in(signed_out(window, scene))
    owner.look(width, theme)
    found, wide, alike = {}, [], ALIKE if width > 600 else ALIKE_IF_NARROW
    with owner.bringing(axe):
        for name, path in (pages(scene) | {"sign-in": "/console/sign-in"}).items():
            if name in alike and width < 600:
                continue
            owner.go(scene.url + path)
            if name not in alike:
                owner.driver.execute_script(OPENED)
                found[name] = axe_violations(owner)
            wide += [name] if owner.driver.execute_script(TOO_WIDE) else []
    asked = [url for url in owner.requests() if not url.startswith("data:")]  # of its own date fields
    complaints = [each for each in owner.complaints() if "/runs/42 - Failed to load" not in each]  # it is not there
    return Tour(found, wide, asked, complaints)


@pytest.fixture(scope="module")
def wide_tour(scene: Scene, window: Chromium, axe: str) -> Tour:
    return walk(scene, window, axe, 1280, "light")


@pytest.fixture(scope="module")
def narrow_tour(scene: Scene, window: Chromium, axe: str) -> Tour:
    return walk(scene, window, axe, 380, "dark")


def test_nothing_foreign_is_asked_for(scene: Scene, wide_tour: Tour) -> None:
    """No page asks another host for anything, breaks the policy, or has the browser complain."""
    assert len(wide_tour.asked) > 20
    assert [url for url in wide_tour.asked if not url.startswith(f"{scene.url}/console")] == []
    assert wide_tour.complaints == []


@pytest.mark.parametrize("tour", ["wide_tour", "narrow_tour"])
def test_axe_finds_nothing(request: pytest.FixtureRequest, tour: str) -> None:
    """No page breaks a rule of WCAG 2.2 AA that axe can check, nor is wider than its window."""
    found = request.getfixturevalue(tour)
    assert {name: each for name, each in found.violations.items() if each} == {}
    assert len(found.violations) > 12
    assert found.too_wide == []
