"""A real browser for tests: Debian's Chromium without a window, and what it has asked for and complained of.

Where the machine has none, tests that need it are skipped, and say so loudly.
"""

import base64
import json
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

WITHIN_S = 60.0
SWITCHES = (
    "headless=new",
    "no-sandbox",
    "disable-gpu",
    "disable-dev-shm-usage",
    "force-color-profile=srgb",
    # Nothing that the tests see, and seconds of CPU: what moves is painted by the processor, and never stands still.
    "force-prefers-reduced-motion",
    "disable-background-networking",
    "disable-component-update",
    "disable-extensions",
    "disable-sync",
    "no-first-run",
    "renderer-process-limit=1",
    # No script of a page runs long enough to be worth V8's second and third compiler: axe takes a third less without.
    "js-flags=--no-opt --no-maglev",
)
Found = TypeVar("Found")


@dataclass(frozen=True)
class Chromium:
    """One window. Elements are found as people name them: by their words or their labels."""

    driver: webdriver.Chrome

    def go(self, url: str) -> None:
        self.driver.get(url)

    @property
    def path(self) -> str:
        """Path and query of the page."""
        return "/" + self.driver.current_url.split("/", 3)[3]

    @property
    def words(self) -> str:
        """What can be read of the page, spaces as one."""
        return " ".join(self.driver.find_element(By.TAG_NAME, "body").text.split())

    def click(self, words: str) -> None:
        """Clicks the link or button of these words."""
        quoted = json.dumps(words)
        path = f"//*[self::a or self::button][normalize-space()={quoted} or @aria-label={quoted}]"
        self.driver.find_element(By.XPATH, path).click()

    def field(self, label: str) -> WebElement:
        """Field with this label."""
        named = self.driver.find_element(By.XPATH, f"//label[normalize-space()={json.dumps(label)}]")
        own = named.get_attribute("for")
        return self.driver.find_element(By.ID, own) if own else named.find_element(By.TAG_NAME, "input")

    def until(self, what: Callable[[], Found]) -> Found:
        """First true answer. Looking costs the browser CPU, so it looks the less often the longer it waits."""
        deadline, pause_s = time.monotonic() + WITHIN_S, 0.1
        while True:
            try:
                if found := what():
                    return found
            except WebDriverException:  # the page is being replaced: an element is not there, not yet or no longer
                pass
            assert time.monotonic() < deadline, f"it never happened; the page says: {self.words}"
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.4, 0.6)

    def until_it_says(self, words: str) -> None:
        self.until(lambda: words in self.words)

    def scripts(self, *, allowed: bool) -> None:
        """Runs pages' scripts from the next page on, or none."""
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not allowed})

    @contextmanager
    def bringing(self, script: str) -> Iterator[None]:
        """Every page that is opened meanwhile has this script of ours: nobody sends it anew for each."""
        asked = {"source": script}
        added = self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", asked)
        try:
            yield
        finally:
            self.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)

    def forget(self) -> None:
        """Drops all cookies, of any page."""
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})

    def look(self, width: int, theme: str, height: int = 800) -> None:
        """Shows pages this wide, in the light or the dark theme."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        wanted = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", wanted)

    def picture(self, file: Path, *, whole: bool = True) -> None:
        """Writes the page as a PNG, whole or what is seen of it."""
        asked = {"captureBeyondViewport": whole, "format": "png"}
        taken = self.driver.execute_cdp_cmd("Page.captureScreenshot", asked)
        file.write_bytes(base64.b64decode(taken["data"]))

    def requests(self) -> list[str]:
        """URLs that pages have asked for since the last look."""
        events = [json.loads(each["message"])["message"] for each in self.driver.get_log("performance")]  # type: ignore[no-untyped-call]
        return [each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"]

    def complaints(self) -> list[str]:
        """Errors and warnings of the browser's console since the last look; breaches of the policy are among them."""
        return [each["message"] for each in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]


@contextmanager
def chromium() -> Iterator[Chromium]:
    """A browser that knows nobody. Skips the test where there is none."""
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if not all(programs):
        warnings.warn(
            "chromium and chromium-driver are not installed: THE CONSOLE IS NOT TESTED IN A BROWSER", stacklevel=1
        )
        pytest.skip("no Chromium")
    options = Options()
    options.binary_location = str(programs[0])
    for each in SWITCHES:
        options.add_argument(f"--{each}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(programs[1])))
    try:
        driver.set_page_load_timeout(WITHIN_S)
        yield Chromium(driver)
    finally:
        driver.quit()


def axe_violations(browser: Chromium) -> list[dict[str, Any]]:
    """Rules of WCAG 2.2 AA that the page breaks, by axe-core, which the page has been brought."""
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    script = """
        const done = arguments[arguments.length - 1];
        axe.run(document, {
          runOnly: {type: "tag", values: arguments[0]}, resultTypes: ["violations"], preload: false, iframes: false,
        }).then(
          (found) => done(found.violations.map((each) => ({
            id: each.id, help: each.help,
            nodes: each.nodes.slice(0, 3).map((node) => node.html + " " + node.failureSummary),
          }))),
          (err) => done([{id: "axe failed", help: String(err), nodes: []}]));
    """
    browser.driver.set_script_timeout(WITHIN_S)
    found: list[dict[str, Any]] = browser.driver.execute_async_script(script, tags)
    return found
