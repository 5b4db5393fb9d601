"""`make screenshots`: every page at two widths in both themes, for people to look at."""

import os
from pathlib import Path

import pytest

from tests.browser.chromium import Chromium
from tests.browser.conftest import Scene

FOLDER = "CLOUDACT_SCREENSHOTS"
WIDTHS, THEMES = (1280, 380), ("light", "dark")


def pages(scene: Scene) -> dict[str, str]:
    """Paths of all pages, by the names of their pictures."""
    base = f"/console/{scene.org.org_slug}"
    runs = {
        f"run-{name}": f"{base}/runs/{run.run_id}?requested_date={run.requested_date}"
        for name, run in scene.runs.items()
    }
    return {
        "overview": base,
        "pipelines": f"{base}/pipelines",
        "backfill": f"{base}/pipelines/openai_usage_cost/backfill?first=2026-07-20&last=2026-11-11&reprocess=failed",
        "runs": f"{base}/runs",
        "runs-filtered": f"{base}/runs?status=FAILED&trigger=-scheduled",
        "runs-failed": f"{base}/runs?status=FAILED",
        **runs,
        "costs": f"{base}/costs?start=2026-10-01&end=2026-11-11&group_by=provider&compare=previous_period",
        "costs-groups": f"{base}/costs?start=2026-09-01&granularity=week&group_by=service&group_by=model&not_model=o4",
        "costs-empty": f"{base}/costs?provider=gcp&model=gpt-6",
        "calendar": f"{base}/calendar",
        "calendar-month": f"{base}/calendar?month=2026-08",
        "timeline": f"{base}/timeline",
        "timeline-events": f"{base}/timeline?kind=-run",
        "timeline-empty": f"{base}/timeline?kind=budget&from=2026-10-01",
        "empty-timeline": f"/console/{scene.other.org_slug}/timeline",
        "settings": f"{base}/settings",
        "settings-keys": f"{base}/settings/keys",
        "settings-members": f"{base}/settings/members",
        "settings-webhook": f"{base}/settings/webhook",
        "settings-budgets": f"{base}/settings/budgets?change=Search+team",
        "settings-labels": f"{base}/settings/labels",
        "settings-labels-draft": f"{base}/settings/labels/draft",
        "settings-labels-first": f"/console/{scene.other.org_slug}/settings/labels/draft",
        "empty-overview": f"/console/{scene.other.org_slug}",
        "empty-runs": f"/console/{scene.other.org_slug}/runs",
        "orgs": "/console",
        "not-found": f"{base}/runs/42",
    }


@pytest.mark.bench
def test_every_page_is_pictured(owner: Chromium, scene: Scene, tmp_path: Path) -> None:
    """Each page has a picture of each width and theme."""
    folder = Path(os.environ.get(FOLDER) or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS:
        for theme in THEMES:
            owner.look(width, theme)
            for name, path in pages(scene).items():
                owner.go(scene.url + path)
                assert "Not available" not in owner.words, path
                owner.picture(folder / f"{name}-{width}-{theme}.png")
    owner.driver.delete_all_cookies()
    for width in WIDTHS:
        for theme in THEMES:
            owner.look(width, theme)
            owner.go(f"{scene.url}/console/sign-in?ended=true")
            owner.picture(folder / f"sign-in-{width}-{theme}.png")
    assert len(list(folder.glob("*.png"))) >= (len(pages(scene)) + 1) * len(WIDTHS) * len(THEMES)
